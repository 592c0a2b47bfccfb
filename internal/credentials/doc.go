// SPDX-License-Identifier: Apache-2.0

// Package credentials finds an operator's AWS credentials, keeps them valid during a run, and says
// what to do when there are none or when AWS does not accept them.
//
// [Load] reads AWS's configuration as all of AWS's tools do (AWS SDKs and Tools Reference Guide,
// standardized-credentials): the environment, and profiles with keys, IAM Identity Center (SSO), aws
// login, an assumed role with or without MFA, or credential_process. The configuration that it
// returns differs from the SDK's in three points:
//
//   - A role with MFA asks for the code, and shares its session with the AWS CLI, by the CLI's own
//     cache.
//   - When AWS says that the credentials have expired, they are read again from where they come
//     from. If that has others now, the call is repeated with these.
//   - Refused credentials are an [Error], whose text and hint are about the profile. It never has a
//     secret.
//
// The package makes no other calls than those that credentials need.
package credentials
