// SPDX-License-Identifier: Apache-2.0

package ec2

import "strings"

// given returns those of the names that are set.
func given(names []string, set []bool) []string {
	var all []string
	for i, ok := range set {
		if ok {
			all = append(all, names[i])
		}
	}
	return all
}

// exactlyOne refuses a request with none or several of the parameters; set says which
// it has.
func exactlyOne(names []string, set ...bool) error {
	switch have := given(names, set); len(have) {
	case 0:
		return missingParameter(strings.Join(names, " or "))
	case 1:
		return nil
	default:
		return badCombination("The parameters %s cannot be specified together", joinComma(have))
	}
}

// oneAttribute refuses a Modify call with no changes, or with several.
func oneAttribute(names []string, set ...bool) error {
	switch have := given(names, set); len(have) {
	case 0:
		return fail("MissingParameter", "No attributes specified.")
	case 1:
		return nil
	default:
		return badCombination("Fields for multiple attribute types specified: %s", joinComma(have))
	}
}

// positive refuses a count below one.
func positive(name string, n *int) error {
	if n != nil && *n < 1 {
		return invalidParameter("Invalid value '%d' for %s", *n, name)
	}
	return nil
}

func orZero(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// Structs shared by many requests.
type (
	dryRun struct{ DryRun bool }

	// boolValue and stringValue are the AttributeValue structures of Modify calls.
	boolValue   struct{ Value bool }
	stringValue struct{ Value string }
)

// given is the value, or nil if the parameter is missing.
func (b *boolValue) given() *bool {
	if b == nil {
		return nil
	}
	return &b.Value
}
