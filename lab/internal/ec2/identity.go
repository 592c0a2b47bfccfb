// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/http"

	"macaw.example/lab/internal/iam"
	"macaw.example/lab/internal/iam/policy"
	"macaw.example/lab/internal/sigv4"
)

// Identities maps access keys to callers and evaluates their policies. An *iam.Store is
// one.
type Identities interface {
	sigv4.Keys
	// Decide evaluates the caller's policies for a request.
	Decide(who iam.Caller, r policy.Request) policy.Decision
	// ProfileRole returns the ARN of the role in an instance profile; ok is false if
	// there is none.
	ProfileRole(nameOrARN string) (arn string, ok bool)
}

// QueryService is another service behind EC2's endpoint. Identities that implement it
// serve IAM and STS.
type QueryService interface {
	ServeQuery(w http.ResponseWriter, c iam.Call)
}

// Credentials maps access key IDs to secret access keys. Every owner may do everything.
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
