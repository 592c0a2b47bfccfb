// SPDX-License-Identifier: Apache-2.0

package policy

// The versions of the policy language. The older one, also the default, does not expand
// policy variables (IAM User Guide, reference_policies_elements_version).
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// Kind is the kind of entity that a document is attached to. It decides which elements
// are required and which are forbidden.
type Kind int

// Identity policies belong to users and roles, and name resources; Trust policies
// belong to roles, and name principals.
const (
	Identity Kind = iota
	Trust
)

// Document is a well-formed policy.
type Document struct {
	version    string
	statements []statement
}

type statement struct {
	sid        string
	deny       bool
	principals set
	actions    set
	resources  set
	conditions []condition
}

// set holds the values of an element or, for its NotX form, everything else. The zero
// value is a missing element.
type set struct {
	given  bool
	not    bool
	values []string
}

// matches reports whether an element matches; one compares something with a value.
func (s set) matches(one func(value string) bool) bool {
	for _, v := range s.values {
		if one(v) {
			return !s.not
		}
	}
	return s.not
}
