// SPDX-License-Identifier: Apache-2.0

// Package identitycenter is the part of the lab's IAM Identity Center that clients of AWS call when a profile
// has an SSO session: the OIDC service, which gives tokens to a client once the user has agreed on a page, and
// the portal, which gives credentials of a role for a token.
//
// There is one user, whose permission sets are a setting of the account, and whose password is the secret of the
// account's root key. Sessions are kept in memory and end with the process. The calls are not signed (botocore,
// sso and sso-oidc 2019-06-10).
package identitycenter
