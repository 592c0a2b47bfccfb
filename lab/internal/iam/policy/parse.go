// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Error describes the defect of a document, in IAM's wording where that is known.
type Error struct{ Message string }

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func malformed(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

var (
	errSyntax error = &Error{"Syntax errors in policy."}
	validSID        = regexp.MustCompile(`^[0-9A-Za-z]*$`)
	// An action is a service and a name, which may contain wildcards (IAM User Guide,
	// reference_policies_elements_action).
	validAction = regexp.MustCompile(`^(\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$`)
)

// Parse reads a document strictly. It refuses unknown, missing or repeated elements and
// wrong types (IAM User Guide, reference_policies_grammar). The error is an *Error.
func Parse(text string, kind Kind) (Document, error) {
	d := Document{version: version2008}
	if !json.Valid([]byte(text)) {
		return d, malformed("This policy contains invalid Json")
	}
	members, err := object([]byte(text))
	if err != nil {
		return d, err
	}
	for _, m := range members {
		switch m.name {
		case "Version":
			if d.version, err = stringOf(m.value); err != nil {
				return d, err
			}
			if d.version != version2008 && d.version != version2012 {
				return d, malformed("The policy must contain a valid version string")
			}
		case "Id":
			if _, err := stringOf(m.value); err != nil {
				return d, err
			}
		case "Statement":
			if d.statements, err = statements(m.value, kind); err != nil {
				return d, err
			}
		default:
			return d, errSyntax
		}
	}
	if len(d.statements) == 0 {
		return d, errSyntax
	}
	return d, nil
}

func statements(raw json.RawMessage, kind Kind) ([]statement, error) {
	list := []json.RawMessage{raw}
	if first(raw) == '[' {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, errSyntax
		}
	}
	var all []statement
	for _, raw := range list {
		s, err := parseStatement(raw, kind)
		if err != nil {
			return nil, err
		}
		if s.sid != "" && slices.ContainsFunc(all, func(o statement) bool { return o.sid == s.sid }) {
			return nil, malformed("Statement IDs (SID) in a single policy must be unique.")
		}
		all = append(all, s)
	}
	return all, nil
}

func parseStatement(raw json.RawMessage, kind Kind) (statement, error) {
	var s statement
	members, err := object(raw)
	if err != nil {
		return s, err
	}
	effect := ""
	for _, m := range members {
		name, not := strings.CutPrefix(m.name, "Not")
		switch {
		case m.name == "Sid":
			s.sid, err = stringOf(m.value)
		case m.name == "Effect":
			effect, err = stringOf(m.value)
		case m.name == "Condition":
			s.conditions, err = conditions(m.value)
		case name == "Action":
			err = s.actions.fill(not, m.value, texts)
		case name == "Resource":
			err = s.resources.fill(not, m.value, texts)
		case name == "Principal":
			err = s.principals.fill(not, m.value, principals)
		default:
			err = errSyntax
		}
		if err != nil {
			return s, err
		}
	}
	s.deny = effect == "Deny"
	if effect != "Allow" && effect != "Deny" {
		return s, errSyntax
	}
	return s, s.check(kind)
}

// fill reads an element, which must not be present in its other form too.
func (s *set) fill(not bool, raw json.RawMessage, read func(json.RawMessage) ([]string, error)) error {
	if s.given {
		return errSyntax
	}
	values, err := read(raw)
	*s = set{true, not, values}
	return err
}

func (s statement) check(kind Kind) error {
	switch {
	case !validSID.MatchString(s.sid):
		return malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular " +
			"expression [0-9A-Za-z]*")
	case len(s.actions.values) == 0:
		return malformed("Policy statement must contain actions.")
	case kind == Identity && s.principals.given:
		return malformed("Policy document should not specify a principal.")
	case kind == Identity && len(s.resources.values) == 0:
		return malformed("Policy statement must contain resources.")
	case kind == Trust && !s.principals.given:
		return malformed("Missing required field Principal")
	case kind == Trust && s.resources.given:
		return malformed("Has prohibited field Resource")
	}
	for _, a := range s.actions.values {
		if !validAction.MatchString(a) {
			return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
		if service, _, _ := strings.Cut(a, ":"); kind == Trust && !strings.EqualFold(service, "sts") && a != "*" {
			return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
		}
	}
	for _, r := range s.resources.values {
		if r != "*" && (!strings.HasPrefix(r, "arn:") || strings.Count(r, ":") < 5) {
			return malformed("Resource %s must be in ARN format or \"*\".", r)
		}
	}
	return nil
}

type member struct {
	name  string
	value json.RawMessage
}

// object reads the members of an object in order. It refuses repeated members: the
// later value would hide the earlier.
func object(raw json.RawMessage) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errSyntax
	}
	var all []member
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, errSyntax
		}
		m := member{name: t.(string)}
		if slices.ContainsFunc(all, func(o member) bool { return o.name == m.name }) {
			return nil, errSyntax
		}
		if err := d.Decode(&m.value); err != nil {
			return nil, errSyntax
		}
		all = append(all, m)
	}
	return all, nil
}

// first returns the first byte of a value in a document known to be valid.
func first(raw json.RawMessage) byte {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return 0
	}
	return raw[0]
}

func stringOf(raw json.RawMessage) (string, error) {
	var s string
	if first(raw) != '"' || json.Unmarshal(raw, &s) != nil {
		return "", errSyntax
	}
	return s, nil
}

// texts reads a string or a list of strings.
func texts(raw json.RawMessage) ([]string, error) {
	if first(raw) != '[' {
		s, err := stringOf(raw)
		return []string{s}, err
	}
	return list(raw, stringOf)
}

func list(raw json.RawMessage, read func(json.RawMessage) (string, error)) ([]string, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, errSyntax
	}
	all := make([]string, 0, len(items))
	for _, item := range items {
		s, err := read(item)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// principals reads "*" or an object of types and names, and gives each name
// its type as a prefix: AWS:arn:..., Service:ec2.amazonaws.com.
func principals(raw json.RawMessage) ([]string, error) {
	if first(raw) == '"' {
		if s, err := stringOf(raw); err != nil || s != "*" {
			return nil, malformed("Invalid principal in policy: %s", raw)
		}
		return []string{"AWS:*"}, nil
	}
	members, err := object(raw)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, m := range members {
		if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, m.name) {
			return nil, malformed("Invalid principal in policy: \"%s\"", m.name)
		}
		names, err := texts(m.value)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all = append(all, m.name+":"+name)
		}
	}
	if len(all) == 0 {
		return nil, errSyntax
	}
	return all, nil
}
