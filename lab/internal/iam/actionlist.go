// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"slices"
)

// Actions lists the calls of a service, iam or sts, that the lab implements, sorted.
func Actions(service string) []string {
	return slices.Sorted(maps.Keys(services()[service].actions))
}
