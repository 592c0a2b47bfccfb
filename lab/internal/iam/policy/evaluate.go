// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

// Context holds the condition values of a request, by condition key. Keys are not case
// sensitive: use Set.
type Context map[string][]string

// Set sets the values of a key; without values the key is missing.
func (c Context) Set(key string, values ...string) {
	if len(values) > 0 {
		c[strings.ToLower(key)] = values
	}
}

func (c Context) get(key string) []string { return c[strings.ToLower(key)] }

// Request is one action on one resource.
type Request struct {
	Action   string // such as ec2:RunInstances
	Resource string // an ARN, or * where the action has no resource
	Context  Context
	// Principals are the caller's names in trust policies, with their type:
	// AWS:arn:..., Service:ec2.amazonaws.com.
	Principals []string
}

// Decision is the result of evaluating policies.
type Decision int

// The default is denial; an explicit denial overrides any allow (IAM User Guide,
// reference_policies_evaluation-logic).
const (
	ImplicitDeny Decision = iota
	Allow
	ExplicitDeny
	// OrganizationDeny is an explicit denial by a service control policy.
	OrganizationDeny
)

// Reason words a denial of an action (IAM User Guide, troubleshoot_access-denied).
func (d Decision) Reason(action string) string {
	switch d {
	case OrganizationDeny:
		return "with an explicit deny in a service control policy"
	case ExplicitDeny:
		return "with an explicit deny in an identity-based policy"
	}
	return "because no identity-based policy allows the " + action + " action"
}

// Evaluate decides a request by all documents that apply to it.
func Evaluate(documents []Document, r Request) Decision {
	decision := ImplicitDeny
	for _, d := range documents {
		var variables Context
		if d.version == version2012 {
			variables = r.Context
			if variables == nil {
				variables = Context{}
			}
		}
		for _, s := range d.statements {
			switch {
			case decision == Allow && !s.deny, !s.applies(r, variables):
			case s.deny:
				return ExplicitDeny
			default:
				decision = Allow
			}
		}
	}
	return decision
}

func (s statement) applies(r Request, variables Context) bool {
	if !s.actions.matches(func(value string) bool {
		p, _ := compile(value, true, nil)
		return p.match(r.Action, true)
	}) {
		return false
	}
	if s.principals.given && !s.principals.matches(func(value string) bool { return named(value, r.Principals) }) {
		return false
	}
	if s.resources.given && !s.resources.matches(func(value string) bool {
		p, ok := compile(value, true, variables)
		return ok && p.match(r.Resource, false)
	}) {
		return false
	}
	for _, c := range s.conditions {
		if !c.holds(r.Context, variables) {
			return false
		}
	}
	return true
}

// account reports whether a principal is the root of an account, in any partition.
func account(principal, id string) bool {
	rest, ok := strings.CutPrefix(principal, "AWS:arn:aws")
	_, rest, found := strings.Cut(rest, ":iam::")
	return ok && found && rest == id+":root"
}

// named reports whether a principal of a trust policy is one of the caller's names. An
// account ID means the account's root; * matches everyone but services (IAM User Guide,
// reference_policies_elements_principal).
func named(value string, names []string) bool {
	kind, name, _ := strings.Cut(value, ":")
	for _, n := range names {
		is := n == value
		if kind == "AWS" && strings.HasPrefix(n, "AWS:") {
			is = is || name == "*" || account(n, name)
		}
		if is {
			return true
		}
	}
	return false
}
