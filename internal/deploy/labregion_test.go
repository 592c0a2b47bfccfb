// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"strings"
	"testing"

	"macaw.example/internal/cloud"
	"macaw.example/lab"
)

// Letters in a cloud file stand for the zones of the lab's region, which package cloud must not ask the lab for.
func TestZonesAreTheLabs(t *testing.T) {
	c, err := cloud.Parse("x.yaml", []byte("name: x\ntarget: lab\nnodes:\n  - {name: a, roles: [controller, gateway]}\n"+
		"  - {name: b, roles: [compute], zones: [b]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if zone := c.Nodes[1].Zone; strings.TrimSuffix(zone, "b") != lab.Region {
		t.Errorf("zone b of the lab is %s", zone)
	}
}
