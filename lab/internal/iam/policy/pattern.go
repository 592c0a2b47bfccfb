// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is text with wildcards, as runes. Values of policy variables are inserted
// literally, so they cannot introduce wildcards.
type pattern []rune

const (
	anyText rune = -1 // *
	anyRune rune = -2 // ?
)

// compile makes a pattern from a policy's text. ok is false if the text uses a variable
// that the request lacks: it then matches nothing. Without wild, * and ? are literal.
// The context is nil if the language version has no variables.
func compile(text string, wild bool, c Context) (p pattern, ok bool) {
	p = make(pattern, 0, len(text))
	for len(text) > 0 {
		if c != nil && strings.HasPrefix(text, "${") {
			if end := strings.IndexByte(text, '}'); end > 0 {
				value, found := c.variable(text[2:end])
				if !found {
					return nil, false
				}
				p = append(p, []rune(value)...)
				text = text[end+1:]
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		switch {
		case wild && r == '*':
			r = anyText
		case wild && r == '?':
			r = anyRune
		}
		p = append(p, r)
	}
	return p, true
}

// variable returns the value of a policy variable: one of three characters, or the
// value of a single-valued key of the request, or else the variable's default (IAM User
// Guide, reference_policies_variables).
func (c Context) variable(name string) (string, bool) {
	switch name {
	case "*", "?", "$":
		return name, true
	}
	name, otherwise, hasDefault := strings.Cut(name, ",")
	if values := c.get(strings.TrimSpace(name)); len(values) == 1 {
		return values[0], true
	}
	otherwise = strings.TrimSpace(otherwise)
	if n := len(otherwise); hasDefault && n >= 2 && otherwise[0] == '\'' && otherwise[n-1] == '\'' {
		return otherwise[1 : n-1], true
	}
	return "", false
}

// match reports whether the pattern matches the full text. It backtracks to the last *
// only, so its time is bounded by the product of the lengths.
func (p pattern) match(text string, fold bool) bool {
	t := []rune(text)
	at, in := 0, 0
	star, resume := -1, 0
	for in < len(t) {
		switch {
		case at < len(p) && p[at] == anyText:
			star, resume = at, in
			at++
		case at < len(p) && (p[at] == anyRune || same(p[at], t[in], fold)):
			at++
			in++
		case star >= 0:
			resume++
			at, in = star+1, resume
		default:
			return false
		}
	}
	for at < len(p) && p[at] == anyText {
		at++
	}
	return at == len(p)
}

func same(a, b rune, fold bool) bool {
	return a == b || fold && unicode.ToLower(a) == unicode.ToLower(b)
}

// matchARN compares the six parts of an ARN separately, as ArnLike does (IAM User
// Guide, reference_policies_elements_condition_operators).
func matchARN(policyText, arn string, c Context) bool {
	have := strings.SplitN(arn, ":", 6)
	want := splitARN(policyText)
	if len(have) != 6 || len(want) != 6 {
		return false
	}
	for i := range want {
		p, ok := compile(want[i], true, c)
		if !ok || !p.match(have[i], false) {
			return false
		}
	}
	return true
}

// splitARN splits at colons that are not in a policy variable.
func splitARN(text string) []string {
	var parts []string
	begin, inside := 0, false
	for i := 0; i < len(text) && len(parts) < 5; i++ {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			inside = true
		case text[i] == '}':
			inside = false
		case text[i] == ':' && !inside:
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	return append(parts, text[begin:])
}
