// SPDX-License-Identifier: Apache-2.0

package policy

// The versions of the policy language. Policy variables are text in the older
// one, which is also what a document without a version is written in (IAM User
// Guide, reference_policies_elements_version).
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// Kind is what a document is attached to: it decides which elements it must and
// must not have.
type Kind int

// Identity policies belong to users and roles and name resources; Trust
// policies belong to roles and name principals.
const (
	Identity Kind = iota
	Trust
)

// Document is a policy that was found to be well formed.
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

// set is the values of an element or, for its NotX form, everything else. The
// zero value is an element that is not there.
type set struct {
	given  bool
	not    bool
	values []string
}

// matches says whether an element takes something that its values are compared
// with by one of them.
func (s set) matches(one func(value string) bool) bool {
	for _, v := range s.values {
		if one(v) {
			return !s.not
		}
	}
	return s.not
}
