// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"slices"
)

// Actions are the names of the calls that the lab answers of a service, iam or
// sts, sorted.
func Actions(service string) []string {
	return slices.Sorted(maps.Keys(services()[service].actions))
}
