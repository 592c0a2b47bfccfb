// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/inventory"
)

func TestFolded(t *testing.T) {
	p := &Plan{}
	p.create("vpc", "vpc", "", nil)
	p.change("vpc/dns", "vpc", "dns support on", nil, "vpc")
	p.create("subnet/a", "subnet", "a 10.0.0.0/24", nil, "vpc")
	p.create("table", "route table", "", nil, "vpc")
	p.change("route/subnet/a", "subnet", "a uses the table", nil, "subnet/a", "table")
	p.change("security-group/b/allow", "security group", "b allows all", nil)
	p.start("instance/c", "instance", "c", nil)
	p.remove("i-1", "instance", "d i-1", nil)
	want := `+ create vpc (dns support on)
+ create subnet a 10.0.0.0/24 (uses the table)
+ create route table
~ change security group: b allows all
~ start instance c
- delete instance d i-1
`
	if diff := cmp.Diff(want, p.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := p.Summary(); got != "3 to create, 2 to change, 1 to destroy" {
		t.Error(got)
	}
}

func TestTakesGuests(t *testing.T) {
	s := inventory.Seen{
		SecurityGroups: []inventory.SecurityGroup{{ID: "sg-g", Part: partGroup("gateway")},
			{ID: "sg-c", Part: partGroup("compute")}},
		Interfaces: []inventory.Interface{{Part: "eni/gw/management", Groups: []string{"sg-g"}},
			{Part: "eni/cmp/management", Groups: []string{"sg-c"}}},
	}
	if TakesGuests(s, "gw") || !TakesGuests(s, "cmp") {
		t.Error("it is the compute that takes guests")
	}
	if s.SecurityGroups = nil; !TakesGuests(s, "gw") {
		t.Error("the only node takes guests")
	}
}
