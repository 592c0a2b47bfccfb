// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"slices"
	"strings"

	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
	"macaw.example/internal/inventory"
)

// Zone returns the availability zone of the cloud's subnets, existing or planned: that of the cloud
// file, or else the first that offers the instance types of all nodes there and is not among those to avoid.
// It is empty if there is none.
func Zone(a Account, c *cloud.Cloud, s inventory.Seen, avoid ...string) string {
	if zone := infra.SubnetZone(c, s); zone != "" {
		return zone
	}
	if c.AvailabilityZone != "" {
		return c.AvailabilityZone
	}
	for _, zone := range s.Zones {
		elsewhere := func(n cloud.Node) bool {
			return n.Zone == "" && !slices.Contains(a.Types[n.Type].Zones, zone)
		}
		if !slices.Contains(avoid, zone) && !slices.ContainsFunc(c.Nodes, elsewhere) {
			return zone
		}
	}
	return ""
}

func (r *run) zone() {
	zone := r.Wanted.Zone
	switch {
	case zone == "":
		// The checks of the nodes say which type is the reason.
	case !slices.Contains(r.Seen.Zones, zone):
		r.add(checkZone, Failed, "availabilityZone", "available are "+strings.Join(r.Seen.Zones, ", "),
			"AWS does not offer %s to this account in %s", zone, r.Seen.Region)
	default:
		r.pass(checkZone, "%s", zone)
	}
}
