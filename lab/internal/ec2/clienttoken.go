// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"time"
)

// tokenLifetime is how long a client token is valid (EC2 Developer Guide,
// ec2-api-idempotency).
const tokenLifetime = 24 * time.Hour

// tokenRecord holds the result of a call with a client token.
type tokenRecord struct {
	Request  string // hash of the parameters
	Resource string // ID
	At       time.Time
}

// replay returns the resource made by an earlier call with the same client token. It
// refuses the same token with other parameters.
func (t *tx) replay(token string) (resource string, ok bool, err error) {
	if token == "" {
		return "", false, nil
	}
	if len(token) > 64 {
		return "", false, fail("InvalidClientToken", "The client token exceeds the maximum length of 64 characters")
	}
	former, ok := t.Tokens[t.call.Action+" "+token]
	if ok && former.Request != requestHash(t.call.Form) {
		return "", false, fail("IdempotentParameterMismatch",
			"Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
	}
	return former.Resource, ok, nil
}

// remember records the result of the call with a client token.
func (t *tx) remember(token, resource string) {
	if token != "" {
		t.Tokens[t.call.Action+" "+token] = tokenRecord{requestHash(t.call.Form), resource, t.now}
	}
}

func requestHash(form url.Values) string {
	sum := sha256.Sum256([]byte(form.Encode())) // sorted by key
	return hex.EncodeToString(sum[:])
}
