// SPDX-License-Identifier: Apache-2.0

package conform

import "slices"

// Checks returns all checks, those of the API first.
func Checks() []Check {
	return slices.Concat(wireChecks, describeChecks, tagChecks, subnetChecks, addressChecks, moveChecks, elasticChecks,
		reservationChecks, prefixChecks, ipv6Checks, routeChecks, groupChecks, interfaceChecks, dependencyChecks,
		notFoundChecks, instanceChecks, processorChecks, offerChecks, accountChecks, serviceChecks, identityChecks,
		rightsChecks, natChecks, arpChecks, frameChecks, gatewayChecks,
		latencyChecks, metadataChecks)
}

// Select returns the checks with the given IDs and all checks that they need. unknown
// are the IDs without a check.
func Select(ids []string) (chosen []Check, unknown []string) {
	all := Checks()
	wanted := map[string]bool{}
	var want func(id string) bool
	want = func(id string) bool {
		i := slices.IndexFunc(all, func(c Check) bool { return c.ID == id })
		if i < 0 {
			return false
		}
		wanted[id] = true
		for _, need := range all[i].Needs {
			want(need)
		}
		return true
	}
	for _, id := range ids {
		if !want(id) {
			unknown = append(unknown, id)
		}
	}
	return slices.DeleteFunc(all, func(c Check) bool { return !wanted[c.ID] }), unknown
}
