// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"macaw.example/lab/internal/iam/policy"
)

// authorizationMessage is a decoded authorization message (STS API Reference,
// DecodeAuthorizationMessage, which describes its content in words; the names are reported by
// users).
type authorizationMessage struct {
	Allowed           bool           `json:"allowed"`
	ExplicitDeny      bool           `json:"explicitDeny"`
	MatchedStatements messageItems   `json:"matchedStatements"`
	Failures          messageItems   `json:"failures"`
	Context           messageContext `json:"context"`
}

type messageItems struct {
	Items []any `json:"items"`
}

type messageContext struct {
	Principal  messagePrincipal `json:"principal"`
	Action     string           `json:"action"`
	Resource   string           `json:"resource"`
	Conditions messageItems     `json:"conditions"`
}

type messagePrincipal struct {
	ID  string `json:"id"`
	ARN string `json:"arn"`
}

// EncodeMessage returns the details of a denial, encrypted for the account.
func (s *Store) EncodeMessage(who Caller, r policy.Request, d policy.Decision) string {
	m := authorizationMessage{
		ExplicitDeny:      d != policy.ImplicitDeny,
		MatchedStatements: messageItems{[]any{}}, Failures: messageItems{[]any{}},
		Context: messageContext{Principal: messagePrincipal{who.ID, who.ARN}, Action: r.Action, Resource: r.Resource,
			Conditions: messageItems{[]any{}}},
	}
	for _, key := range slices.Sorted(maps.Keys(r.Context)) {
		var values []any
		for _, value := range r.Context[key] {
			values = append(values, map[string]string{"value": value})
		}
		m.Context.Conditions.Items = append(m.Context.Conditions.Items,
			map[string]any{"key": key, "values": messageItems{values}})
	}
	t := s.view(who)
	plain, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	seal, err := t.seal()
	if err != nil {
		return ""
	}
	nonce := t.derive("nonce", plain)[:seal.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(seal.Seal(nonce, nonce, plain, []byte("message")))
}

type decodeResult struct{ DecodedMessage string }

func decodeMessage(t *tx, p *params) (any, error) {
	encoded := p.need("EncodedMessage")
	if err := p.done(); err != nil {
		return nil, err
	}
	sealed, err := base64.RawURLEncoding.DecodeString(encoded)
	seal, sealErr := t.seal()
	if err != nil || sealErr != nil || len(sealed) < seal.NonceSize() {
		return nil, badMessage()
	}
	plain, err := seal.Open(nil, sealed[:seal.NonceSize()], sealed[seal.NonceSize():], []byte("message"))
	if err != nil {
		return nil, badMessage()
	}
	return decodeResult{string(plain)}, nil
}

func badMessage() *APIError {
	return fail(http.StatusBadRequest, "InvalidAuthorizationMessageException",
		"The message is not a valid authorization message.")
}
