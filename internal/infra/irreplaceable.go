// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"fmt"

	"macaw.example/internal/inventory"
)

// Irreplaceable lists, for display, what cannot be made again when the cloud is removed: instances with their
// volumes, volumes left of earlier instances, and Elastic IPs. other counts the rest of the cloud's resources.
func Irreplaceable(s inventory.Seen) (lines []string, other int) {
	shown := map[string]bool{}
	volumes := func(indent, instance string) {
		for _, v := range s.Volumes {
			if !shown[v.ID] && (instance == "" || v.Instance == instance) {
				shown[v.ID] = true
				lines = append(lines, fmt.Sprintf("%svolume %s, %d GiB", indent, v.ID, v.Size))
			}
		}
	}
	for _, i := range s.Instances {
		if i.State != "terminated" {
			lines = append(lines, fmt.Sprintf("node %s: instance %s, %s, %s", name(i.Part), i.ID, i.Type, i.State))
			volumes("  ", i.ID)
		}
	}
	volumes("", "")
	for _, a := range s.Addresses {
		lines = append(lines, "Elastic IP "+a.Public)
	}
	other = len(s.VPCs) + len(s.InternetGateways) + len(s.Subnets) + len(s.Reservations) + len(s.RouteTables) +
		len(s.SecurityGroups) + len(s.KeyPairs) + len(s.Interfaces)
	for _, there := range []bool{s.Role != nil, s.Profile != nil, s.ControllerRole != nil, s.ControllerProfile != nil} {
		if there {
			other++
		}
	}
	return lines, other
}
