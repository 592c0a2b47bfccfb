// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"bytes"
	"encoding/json"
	"slices"
)

// normal returns a document in another form of the same meaning. IAM may do that to the documents of
// roles: a list of one element becomes that element, and elements and values change their order
// (HashiCorp's awspolicyequivalence exists because of it; which forms IAM changes is not
// documented). The lab always does it, so that no client relies on getting its own text back.
func normal(document string) string {
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		return document // validated when stored
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(normalValue(v)); err != nil {
		return document
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

// normalValue changes lists. Objects are encoded with their names in alphabetical order anyway.
func normalValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			v[name] = normalValue(value)
			if only, ok := v[name].(map[string]any); ok && name == "Statement" {
				v[name] = []any{only} // clients of IAM rely on the list of statements
			}
		}
	case []any:
		for i, value := range v {
			v[i] = normalValue(value)
		}
		if len(v) == 1 {
			return v[0]
		}
		slices.Reverse(v)
	}
	return v
}
