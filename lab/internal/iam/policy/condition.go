// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// condition is one operator on one key. All conditions of a statement must hold; for
// each, one of its values must match (IAM User Guide,
// reference_policies_elements_condition).
type condition struct {
	operator
	ifExists   bool
	quantifier string // ForAllValues, ForAnyValue or empty
	key        string
	values     []string
}

// operator compares a value of the request with one of the policy.
type operator struct {
	negated bool
	// missing marks Null, which tests whether the key is present.
	missing bool
	compare func(policyValue, have string, variables Context) bool
}

// not is the negation of an operator.
func (o operator) not() operator { o.negated = true; return o }

func text(wild, fold bool) operator {
	return operator{compare: func(want, have string, c Context) bool {
		p, ok := compile(want, wild, c)
		return ok && p.match(have, fold)
	}}
}

func number(holds func(have, want float64) bool) operator {
	return operator{compare: func(want, have string, _ Context) bool {
		w, err1 := strconv.ParseFloat(want, 64)
		h, err2 := strconv.ParseFloat(have, 64)
		return err1 == nil && err2 == nil && holds(h, w)
	}}
}

func date(holds func(order int) bool) operator {
	return operator{compare: func(want, have string, _ Context) bool {
		w, ok1 := instant(want)
		h, ok2 := instant(have)
		return ok1 && ok2 && holds(h.Compare(w))
	}}
}

// instant reads an ISO 8601 date or seconds since 1970.
func instant(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(n, 0), true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

var (
	arn     = operator{compare: matchARN}
	boolean = operator{compare: func(want, have string, _ Context) bool { return strings.EqualFold(want, have) }}
	binary  = operator{compare: func(want, have string, _ Context) bool { return want == have }}
	address = operator{compare: func(want, have string, _ Context) bool {
		a, err := netip.ParseAddr(have)
		if err != nil {
			return false
		}
		if !strings.Contains(want, "/") {
			w, err := netip.ParseAddr(want)
			return err == nil && w == a
		}
		p, err := netip.ParsePrefix(want)
		return err == nil && p.Contains(a)
	}}
	equalNumber = number(func(h, w float64) bool { return h == w })
	equalDate   = date(func(o int) bool { return o == 0 })
)

// operators are all operators of the language (IAM User Guide,
// reference_policies_elements_condition_operators).
var operators = map[string]operator{
	"StringEquals":              text(false, false),
	"StringNotEquals":           text(false, false).not(),
	"StringEqualsIgnoreCase":    text(false, true),
	"StringNotEqualsIgnoreCase": text(false, true).not(),
	"StringLike":                text(true, false),
	"StringNotLike":             text(true, false).not(),
	"NumericEquals":             equalNumber,
	"NumericNotEquals":          equalNumber.not(),
	"NumericLessThan":           number(func(h, w float64) bool { return h < w }),
	"NumericLessThanEquals":     number(func(h, w float64) bool { return h <= w }),
	"NumericGreaterThan":        number(func(h, w float64) bool { return h > w }),
	"NumericGreaterThanEquals":  number(func(h, w float64) bool { return h >= w }),
	"DateEquals":                equalDate,
	"DateNotEquals":             equalDate.not(),
	"DateLessThan":              date(func(o int) bool { return o < 0 }),
	"DateLessThanEquals":        date(func(o int) bool { return o <= 0 }),
	"DateGreaterThan":           date(func(o int) bool { return o > 0 }),
	"DateGreaterThanEquals":     date(func(o int) bool { return o >= 0 }),
	"Bool":                      boolean,
	"BinaryEquals":              binary,
	"IpAddress":                 address,
	"NotIpAddress":              address.not(),
	// The Equals and Like forms of ARNs are the same.
	"ArnEquals":    arn,
	"ArnLike":      arn,
	"ArnNotEquals": arn.not(),
	"ArnNotLike":   arn.not(),
	"Null":         {missing: true},
}

// conditions reads {"operator": {"key": values}}.
func conditions(raw json.RawMessage) ([]condition, error) {
	blocks, err := object(raw)
	if err != nil {
		return nil, err
	}
	var all []condition
	for _, block := range blocks {
		var c condition
		name := block.name
		if quantifier, rest, found := strings.Cut(name, ":"); found {
			if quantifier != "ForAllValues" && quantifier != "ForAnyValue" {
				return nil, malformed("Invalid Condition type : %s.", block.name)
			}
			c.quantifier, name = quantifier, rest
		}
		name, c.ifExists = strings.CutSuffix(name, "IfExists")
		var known bool
		if c.operator, known = operators[name]; !known || c.missing && (c.ifExists || c.quantifier != "") {
			return nil, malformed("Invalid Condition type : %s.", block.name)
		}
		keys, err := object(block.value)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if service, rest, found := strings.Cut(k.name, ":"); !found || service == "" || rest == "" {
				return nil, malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
			}
			c.key = k.name
			if c.values, err = scalars(k.value); err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// scalars reads a value or a list of values; booleans and numbers are read as text.
func scalars(raw json.RawMessage) ([]string, error) {
	if first(raw) != '[' {
		s, err := scalar(raw)
		return []string{s}, err
	}
	return list(raw, scalar)
}

func scalar(raw json.RawMessage) (string, error) {
	switch first(raw) {
	case '"':
		return stringOf(raw)
	case '{', '[', 'n': // null
		return "", errSyntax
	}
	return strings.TrimSpace(string(raw)), nil
}

// holds reports whether the request meets the condition.
func (c condition) holds(request, variables Context) bool {
	have := request.get(c.key)
	if c.missing {
		return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, "true") == (len(have) == 0) })
	}
	if len(have) == 0 {
		// ForAllValues holds for an empty set (IAM User Guide,
		// reference_policies_condition-single-vs-multi-valued-context-keys).
		return c.ifExists || c.quantifier == "ForAllValues" || c.negated && c.quantifier == ""
	}
	one := func(value string) bool {
		matches := slices.ContainsFunc(c.values, func(want string) bool { return c.compare(want, value, variables) })
		return matches != c.negated
	}
	all := !slices.ContainsFunc(have, func(v string) bool { return !one(v) })
	if c.quantifier == "ForAllValues" || c.quantifier == "" && c.negated {
		return all
	}
	return slices.ContainsFunc(have, one)
}
