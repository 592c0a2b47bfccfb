// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/http"

	"macaw.example/lab/internal/iam"
	"macaw.example/lab/internal/iam/policy"
)

// Identities knows whose an access key is and what its owner may do. An
// *iam.Store is one.
type Identities interface {
	// Authenticate finds the secret of an access key and its owner. token is
	// the session token of the request, or empty. Its errors are
	// iam.ErrUnknownKey and iam.ErrExpired.
	Authenticate(accessKey, token string) (secret string, who iam.Caller, err error)
	// Decide says what policies make of a request.
	Decide(who iam.Caller, r policy.Request) policy.Decision
	// ProfileRole is the ARN of the role in an instance profile; ok is false
	// if there is none.
	ProfileRole(nameOrARN string) (arn string, ok bool)
}

// QueryService is another service behind the endpoint of EC2's API. Identities
// that are one answer for IAM and STS.
type QueryService interface {
	ServeQuery(w http.ResponseWriter, c iam.Call)
}

// Credentials maps access key IDs to secret access keys whose owners may do
// everything.
type Credentials map[string]string

// Authenticate finds a secret.
func (c Credentials) Authenticate(accessKey, token string) (string, iam.Caller, error) {
	secret, ok := c[accessKey]
	if !ok || token != "" {
		return "", iam.Caller{}, iam.ErrUnknownKey
	}
	return secret, iam.Caller{Root: true}, nil
}

// Decide allows everything.
func (c Credentials) Decide(iam.Caller, policy.Request) policy.Decision { return policy.Allow }

// ProfileRole finds none.
func (c Credentials) ProfileRole(string) (string, bool) { return "", false }
