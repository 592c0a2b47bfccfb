// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
)

const severalFile = `name: x
target: eu-central-1
availabilityZone: eu-central-1b
management: {allow: auto}
nodes:
  - {name: ctl, roles: [controller], type: m7i.large, zones: [b]}
  - {name: gw, roles: [gateway, compute], count: 2}
  - {name: cmp, roles: [compute], count: 3, type: m8i.2xlarge, spot: true, zones: [a, eu-central-1b]}
  - {name: big, roles: [compute], count: 1, disk: 100, image: ami-0123456789abcdef0}
`

func TestSeveralNodes(t *testing.T) {
	c, err := Parse("x.yaml", []byte(severalFile))
	if err != nil {
		t.Fatal(err)
	}
	compute, gateway := []model.Role{model.Compute}, []model.Role{model.Gateway, model.Compute}
	want := []Node{
		{Name: "ctl", Type: "m7i.large", Roles: []model.Role{model.Controller}, Disk: 40},
		{Name: "gw-1", Type: "t3.xlarge", Roles: gateway, Disk: 40},
		{Name: "gw-2", Type: "t3.xlarge", Roles: gateway, Disk: 40},
		{Name: "cmp-1", Type: "m8i.2xlarge", Roles: compute, Disk: 40, Zone: "eu-central-1a", Spot: true},
		{Name: "cmp-2", Type: "m8i.2xlarge", Roles: compute, Disk: 40, Zone: "eu-central-1b", Spot: true},
		{Name: "cmp-3", Type: "m8i.2xlarge", Roles: compute, Disk: 40, Zone: "eu-central-1a", Spot: true},
		{Name: "big-1", Type: "t3.xlarge", Roles: compute, Disk: 100, Image: "ami-0123456789abcdef0"},
	}
	if diff := cmp.Diff(want, c.Nodes, comparePrefix); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if place := c.Place(c.Nodes[5].Field("spot")); place != "x.yaml:8:70" {
		t.Errorf("the third compute's spot is at %s", place)
	}
	if got := c.With(model.Gateway); len(got) != 2 || got[0].Name != "gw-1" || !got[1].Public() || c.Nodes[3].Public() {
		t.Errorf("gateways: %+v", got)
	}
}

// The region of the lab's zones by letter is the lab's, which package deploy compares.
func TestZonesOfTheLab(t *testing.T) {
	c, err := Parse("x.yaml", []byte("name: x\ntarget: lab\nnodes:\n  - {name: a, roles: [controller, gateway]}\n  - "+
		"{name: b, roles: [compute], zones: [b]}\n"))
	if err != nil || c.Nodes[1].Zone != "us-east-1b" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestPrivateSubnets(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"", "10.0.2.0/24 10.0.3.0/24"},
		{"vpc: {cidr: 192.168.0.0/22}\n", "192.168.2.0/24 192.168.3.0/24"},
		{"vpc: {cidr: 192.168.0.0/23}\n", ""},
		{"vpc: {cidr: 192.168.0.0/27}\n", ""},
		{"management: {private: 10.0.255.0/24}\n", "10.0.255.0/24"},
		{"management: {subnet: 10.0.8.0/24}\n", "10.0.9.0/24 10.0.10.0/24"},
		{"management: {subnet: 10.0.2.0/23}\nprovider: {subnet: 10.0.4.0/28}\n", "10.0.5.0/24 10.0.6.0/24"},
		{"management: {private: 10.0.2.0/25}\nprovider: {subnet: 10.0.2.128/26}\n", "10.0.2.0/25 10.0.3.0/25"},
	} {
		c, err := Parse("x.yaml", []byte("name: x\ntarget: lab\n"+tt.file))
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		var got []string
		for p := range c.PrivateSubnets() {
			if len(got) < 2 {
				got = append(got, p.String())
			}
		}
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("%s: %s, want %s", tt.file, text, tt.want)
		}
	}
}

func TestUsable(t *testing.T) {
	got := slices.Collect(Usable(netip.MustParsePrefix("10.0.0.16/28")))
	if len(got) != 11 || got[0].String() != "10.0.0.20" || got[10].String() != "10.0.0.30" {
		t.Errorf("%v", got)
	}
}

func TestSeveralNodesErrors(t *testing.T) {
	const lab = "name: x\ntarget: lab\n"
	const rest = "  - {name: ctl, roles: [controller, gateway]}\n"
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		{"no controller", lab + "nodes:\n  - {name: a, roles: [gateway]}\n  - {name: b, roles: [compute]}\n",
			[]string{"x.yaml:4:3: nodes: no node has the role controller"}},
		{"no gateway", lab + "nodes:\n  - {name: a, roles: [controller]}\n  - {name: b, roles: [compute]}\n",
			[]string{"x.yaml:4:3: nodes: no node has the role gateway"}},
		{"no compute", lab + "nodes:\n" + rest, []string{"x.yaml:4:3: nodes: no node has the role compute"}},
		{"two controllers by count", lab + "nodes:\n  - {name: a, count: 2}\n", []string{
			"x.yaml:4:22: nodes[0].count: a-1 and a-2 would both be controllers",
			"hint: one controller for now; others can be gateways, computes or both"}},
		{"two entries with a controller", lab + "nodes:\n" + rest + "  - {name: b, roles: [compute, controller]}\n", []string{
			"x.yaml:5:22: nodes[1].roles: ctl and b would both be controllers",
			"hint: one controller for now; others can be gateways, computes or both"}},
		{"a name of another's count", lab + "nodes:\n" + rest + "  - {name: b-2, roles: [compute]}\n" +
			"  - {name: b, roles: [compute], count: 2}\n", []string{`x.yaml:6:12: nodes[2].name: there is another node "b-2"`}},
		{"count without a name", lab + "nodes:\n" + rest + "  - {roles: [compute], count: 2}\n", []string{
			"x.yaml:5:5: nodes[1].name: is missing", "hint: count makes nodes NAME-1, NAME-2 and so on"}},
		{"no count", lab + "nodes:\n" + rest + "  - {name: b, roles: [compute], count: 0}\n", []string{
			"x.yaml:5:40: nodes[1].count: 0 is too few", "hint: leave the entry out for none"}},
		{"a large count", lab + "nodes:\n" + rest + "  - {name: b, roles: [compute], count: 1000000000}\n", []string{
			"x.yaml:5:40: nodes[1].count: 1000000000 are too many: at most 100"}},
		{"count is text", lab + "nodes:\n" + rest + "  - {name: b, roles: [compute], count: many}\n", []string{
			"x.yaml:5:40: nodes[1].count: expected a whole number, found text"}},
		{"a long name", lab + "nodes:\n" + rest + "  - {name: " + strings.Repeat("b", 31) + ", roles: [compute], count: 1}\n",
			[]string{fmt.Sprintf("x.yaml:5:12: nodes[1].name: %q is not a name", strings.Repeat("b", 31)+"-1"),
				"hint: " + nameHint}},
		{"a gateway in a zone", lab + "nodes:\n  - {name: a, zones: [b]}\n", []string{
			"x.yaml:4:23: nodes[0].zones[0]: the controller and the gateways are all in the cloud's zone",
			"hint: availabilityZone sets the zone of the cloud; nodes with the role compute alone may be in others"}},
		{"odd zones", "name: x\ntarget: eu-central-1\nmanagement: {allow: auto}\nnodes:\n" + rest +
			"  - {name: b, roles: [compute], zones: [A, us-east-1a, c, eu-central-1c, eu-central-1-ham-1a]}\n", []string{
			`x.yaml:6:41: nodes[1].zones[0]: "A" is not an availability zone`,
			"hint: write its letter, such as a, or its name, such as eu-central-1a",
			`x.yaml:6:44: nodes[1].zones[1]: "us-east-1a" is not in region eu-central-1`,
			"hint: one of eu-central-1 is called eu-central-1a",
			"x.yaml:6:59: nodes[1].zones[3]: duplicate zone eu-central-1c",
			`x.yaml:6:74: nodes[1].zones[4]: "eu-central-1-ham-1a" is not an availability zone`,
			"hint: write its letter, such as a, or its name, such as eu-central-1a"}},
		{"empty zones", lab + "nodes:\n" + rest + "  - {name: b, roles: [compute], zones: []}\n", []string{
			"x.yaml:5:40: nodes[1].zones: is empty", "hint: leave the key out for the cloud's zone"}},
		{"a gateway as spot", lab + "nodes:\n  - {name: a, spot: true}\n", []string{
			"x.yaml:4:21: nodes[0].spot: AWS may take a Spot Instance away at any time, and the cloud needs its controller " +
				"and gateways", "hint: only nodes with the role compute alone can be Spot Instances"}},
		{"no room for private nodes", lab + "vpc: {cidr: 10.0.0.0/23}\nnodes:\n" + rest + "  - {name: b, roles: [compute]}\n",
			[]string{"x.yaml:1:1: management.private: the vpc 10.0.0.0/23 has no room left for a subnet of the nodes that " +
				"only compute", "hint: take a larger vpc.cidr, or smaller subnets"}},
		{"no room for a zone", lab + "vpc: {cidr: 10.0.0.0/22}\nmanagement: {private: 10.0.3.0/24}\nnodes:\n" + rest +
			"  - {name: b, roles: [compute], zones: [a, b], count: 2}\n", []string{
			"x.yaml:4:23: management.private: 2 zones need as many subnets" +
				" of the size of 10.0.3.0/24, and the vpc 10.0.0.0/22 " +
				"has room for 1", "hint: one for each zone: take a smaller one, or one further ahead in the vpc"}},
		{"no room in a zone", lab + "management: {private: 10.0.3.0/28}\nnodes:\n" + rest +
			"  - {name: b, roles: [compute], zones: [a, b], count: 23}\n", []string{
			"x.yaml:3:23: management.private: 10.0.3.0/28 has room for 11 nodes, and there are 12 in us-east-1a",
			"hint: take a larger one"}},
		{"no room for gateways", lab + "management: {subnet: 10.0.0.0/28}\nlab: {elasticIPQuota: 50}\nnodes:\n" + rest +
			"  - {name: b, roles: [gateway, compute], count: 11}\n", []string{
			"x.yaml:3:22: management.subnet: 10.0.0.0/28 has room for 11 nodes, and 12 are controller or gateways",
			"hint: take a larger one"}},
		{"private overlaps", lab + "management: {private: 10.0.1.128/25}\n", []string{
			"x.yaml:3:23: management.private: 10.0.1.128/25 overlaps provider.subnet 10.0.1.0/24"}},
		{"private outside", lab + "management: {private: 10.1.0.0/24}\n", []string{
			"x.yaml:3:23: management.private: 10.1.0.0/24 is not inside the vpc 10.0.0.0/16"}},
		{"only gateways carry addresses", lab + "provider: {addresses: 10}\nnodes:\n" +
			"  - {name: a, roles: [controller], type: t3.medium}\n  - {name: b, roles: [compute], type: t3.medium}\n" +
			"  - {name: c, roles: [gateway], type: t3.medium}\n", []string{
			"x.yaml:3:23: provider.addresses: 10 are too many for t3.medium: it carries 6 addresses on an ENI, its primary " +
				"one included", "hint: at most 5 here, or another type for node c"}},
		{"further gateways' ENIs", lab + "provider: {subnet: 10.0.1.0/27, addresses: 23, elasticIPs: none}\nnodes:\n" + rest +
			"  - {name: b, roles: [gateway, compute], count: 3}\n", []string{
			"x.yaml:3:44: provider.addresses: 23 need 5 ENIs of t3.xlarge, and" +
				" each uses an address itself: 10.0.1.0/27 leaves 4",
			"hint: take a larger provider.subnet"}},
		{"Elastic IPs of public nodes only", lab + "lab: {elasticIPQuota: 6}\nnodes:\n" + rest +
			"  - {name: b, roles: [gateway], count: 2}\n  - {name: c, roles: [compute], count: 9}\n", []string{
			"x.yaml:3:23: lab.elasticIPQuota: 6 are too few: the nodes and the provider addresses need 7 Elastic IPs"}},
		{"rules of several nodes", lab + "management:\n  allow: [" + networks(18) + "]\nnodes:\n" + rest +
			"  - {name: c, roles: [compute]}\n", []string{
			"x.yaml:4:10: management.allow: 18 networks with 3 ports each need 62 rules, and a security group of AWS has at " +
				"most 60: at most 17 networks", "hint: join neighbours to larger networks"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("x.yaml", []byte(tt.file))
			if err == nil {
				t.Fatalf("accepted: %+v", c)
			}
			var got []string
			for line := range strings.SplitSeq(err.Error(), "\n") {
				got = append(got, strings.TrimSpace(line))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
