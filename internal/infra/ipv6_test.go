// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	awsapi "macaw.example/internal/aws"

	"macaw.example/internal/inventory"
)

const (
	ipv4Only  = "provider: {addresses: 2, ipv6: false}\n"
	dualStack = "provider: {addresses: 2, ipv6: true}\n"
)

func TestFree64(t *testing.T) {
	prefixes := func(s string) (all []netip.Prefix) {
		for _, p := range strings.Fields(s) {
			all = append(all, netip.MustParsePrefix(p))
		}
		return all
	}
	for _, tt := range []struct{ blocks, taken, want string }{
		{"2001:db8:0:1a00::/56", "", "2001:db8:0:1a00::/64"},
		{"2001:db8:0:1a00::/56", "2001:db8:0:1a01::/64 2001:db8:0:1a00::/64", "2001:db8:0:1a02::/64"},
		{"2001:db8:0:1a00::/56", "2001:db8:0:1a00::/60", "2001:db8:0:1a10::/64"},
		{"2001:db8:0:1a00::/56", "2001:db8:0:1a00::/80", "2001:db8:0:1a01::/64"},
		{"2001:db8:0:1a00::/56", "2001:db8:0:1a00::/57 2001:db8:0:1a80::/57", ""},
		{"2001:db8:0:1a00::/63 2001:db8:0:1b00::/64", "2001:db8:0:1a00::/63", "2001:db8:0:1b00::/64"},
		{"2001:db8:0:1a00::/65", "", ""},
		{"ffff:ffff:ffff:ffff::/64", "ffff:ffff:ffff:ffff::/64", ""},
		{"", "", ""},
	} {
		got, ok := free64(prefixes(tt.blocks), prefixes(tt.taken))
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("of %s without %s: %s, %t", tt.blocks, tt.taken, got, ok)
		}
	}
}

// dualStacked describes a cloud's IPv6 resources, with P for the subnet's prefix.
func dualStacked(t *testing.T, c Clients, cloud string) string {
	t.Helper()
	s, err := inventory.See(context.Background(), c.EC2, c.IAM, cloud)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, v := range s.VPCs {
		for _, b := range v.IPv6 {
			add("vpc /%d", b.CIDR.Bits())
		}
	}
	prefix := "none"
	for _, n := range s.Subnets {
		if n.IPv6.CIDR.IsValid() {
			prefix = n.IPv6.CIDR.Addr().String()
			add("%s %s", n.Part, n.IPv6.CIDR)
		}
	}
	for _, r := range s.Reservations {
		if strings.Contains(r.CIDR, ":") {
			add("%s %s explicit %t", r.Part, r.CIDR, r.Explicit)
		}
	}
	for _, table := range s.RouteTables {
		if table.Default6 != "" {
			add("route to %s", table.Default6[:3])
		}
	}
	for _, g := range s.SecurityGroups {
		for _, r := range g.Ingress {
			if strings.Contains(r.Source, ":") {
				add("%s lets %s in from %s", g.Part, r.Protocol, r.Source)
			}
		}
	}
	for _, n := range s.Interfaces {
		if len(n.IPv6) > 0 {
			slices.Sort(n.IPv6)
			add("%s %s", n.Part, strings.Join(n.IPv6, " "))
		}
	}
	return strings.ReplaceAll(strings.Join(all, "\n"), prefix, "P::")
}

const wholeIPv6 = `vpc /56
subnet/provider P::/64
reservation/P::1:0/112 P::1:0/112 explicit true
route to igw
security-group/provider lets -1 in from ::/0
eni/cloud-1/provider P::1:0 P::1:1`

// A cloud gets IPv6 and loses it without being made anew.
func TestIPv6OnAndOff(t *testing.T) {
	l := newLab(t, 3)
	before := bringUp(t, l, wanted(t, ipv4Only)).Nodes[0]
	resources := l.everything(t)
	for range 2 {
		now := bringUp(t, l, wanted(t, dualStack)).Nodes[0]
		if now.InstanceID != before.InstanceID || now.ProviderENI.ID != before.ProviderENI.ID ||
			!slices.Equal(now.Addresses, before.Addresses) {
			t.Errorf("on: %+v, before %+v", now, before)
		}
		if diff := cmp.Diff(wholeIPv6, dualStacked(t, l.Clients, "first")); diff != "" {
			t.Errorf("on, -want +got:\n%s", diff)
		}
		subnet := netip.MustParsePrefix(now.ProviderENI.IPv6Subnet)
		want := []string{subnet.Addr().String() + "1:0", subnet.Addr().String() + "1:1"}
		if !slices.Equal(now.IPv6Addresses, want) {
			t.Errorf("outputs %v", now.IPv6Addresses)
		}
		if p := planOf(t, l, wanted(t, dualStack)); p != "" {
			t.Errorf("on, a second plan is not empty:\n%s", p)
		}
		off := bringUp(t, l, wanted(t, ipv4Only)).Nodes[0]
		if diff := cmp.Diff(before, off); diff != "" {
			t.Errorf("off, -before +after:\n%s", diff)
		}
		if got := dualStacked(t, l.Clients, "first"); got != "" || !slices.Equal(l.everything(t), resources) {
			t.Errorf("off: there is still\n%s", got)
		}
	}
	bringUp(t, l, wanted(t, dualStack))
	takeDown(t, l, "first")
}

// The same with a kill at any call, in both directions.
func TestIPv6KilledAnywhere(t *testing.T) {
	for name, way := range map[string][2]string{"on": {ipv4Only, dualStack}, "off": {dualStack, ipv4Only}} {
		clean := newLab(t, 3)
		bringUp(t, clean, wanted(t, way[0]))
		all := clean.changed(func() { bringUp(t, clean, wanted(t, way[1])) })
		whole, want := len(clean.everything(t)), dualStacked(t, clean.Clients, "first")
		for n := 1; n <= all; n++ {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				t.Parallel()
				l, w := newLab(t, 3), wanted(t, way[1])
				bringUp(t, l, wanted(t, way[0]))
				l.killed(t, n, func(ctx context.Context) error { _, _, err := labUp(ctx, l.Clients, w); return err })
				bringUp(t, l, w)
				if got := dualStacked(t, l.Clients, "first"); got != want || len(l.everything(t)) != whole {
					t.Errorf("there is\n%s", got)
				}
				if p := planOf(t, l, w); p != "" {
					t.Errorf("the plan is not empty:\n%s", p)
				}
			})
		}
	}
}

// Other subnets of the VPC have IPv6 too: their blocks stay, in both directions.
func TestIPv6OfOthers(t *testing.T) {
	l := newLab(t, 3)
	bringUp(t, l, wanted(t, dualStack))
	s := seen(t, l, "first")
	i := slices.IndexFunc(s.Subnets, func(n inventory.Subnet) bool { return n.Part == "subnet/management" })
	second := netip.PrefixFrom(lastOf(netip.PrefixFrom(s.VPCs[0].IPv6[0].CIDR.Addr(), 64)).Next(), 64)
	got(l.root.AssociateSubnetCidrBlock(ctx, &ec2.AssociateSubnetCidrBlockInput{
		SubnetId: &s.Subnets[i].ID, Ipv6CidrBlock: aws.String(second.String()),
	}))
	bringUp(t, l, wanted(t, ipv4Only))
	want := "vpc /56\nsubnet/management P::/64\nroute to igw"
	if got := dualStacked(t, l.Clients, "first"); got != want {
		t.Errorf("off:\n%s", got)
	}
	bringUp(t, l, wanted(t, dualStack))
	if got := dualStacked(t, l.Clients, "first"); !strings.Contains(got, "eni/cloud-1/provider") {
		t.Errorf("on again:\n%s", got)
	}
}

// assignIPv6 gives an ENI an address, as an agent does.
func (l *labAccount) assignIPv6(eni, address string) {
	got(l.root.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{
		NetworkInterfaceId: &eni, Ipv6Addresses: []string{address},
	}))
}

// Except with the policy all, the agents decide on IPv6 addresses too, on any ENI.
func TestIPv6AddressesAreTheAgents(t *testing.T) {
	l := newLab(t, 4)
	w := wanted(t, "provider: {addresses: 3, ipv6: true, elasticIPs: none}\n")
	n := bringUp(t, l, w).Nodes[0]
	if len(n.IPv6Addresses) != 0 || n.ProviderENI.IPv6Subnet == "" {
		t.Errorf("up made %v in %s", n.IPv6Addresses, n.ProviderENI.IPv6Subnet)
	}
	all := w.Cloud.ProviderIPv6Addresses(netip.MustParsePrefix(n.ProviderENI.IPv6Subnet))
	l.assignIPv6(n.ProviderENI.ID, all[1].String())
	l.assignIPv6(l.furtherInterface(t, "10.0.1.9"), all[0].String())
	if p := planOf(t, l, w); p != "" {
		t.Errorf("up would change what the agent has done:\n%s", p)
	}
	// With the policy all, registered addresses stay where they are.
	made := wanted(t, "provider: {addresses: 3, ipv6: true}\n")
	registered := bringUp(t, l, made).Nodes[0].IPv6Addresses
	on := got(l.root.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		NetworkInterfaceIds: []string{n.ProviderENI.ID},
	})).NetworkInterfaces[0]
	if len(registered) != 3 || len(on.Ipv6Addresses) != 2 {
		t.Errorf("registered: %v", registered)
	}
	// A smaller range, and then none, on both ENIs.
	if got := bringUp(t, l, wanted(t, dualStack)).Nodes[0].IPv6Addresses; len(got) != 2 {
		t.Errorf("of two addresses %v are registered", got)
	}
	bringUp(t, l, wanted(t, ipv4Only))
	if got := dualStacked(t, l.Clients, "first"); got != "" {
		t.Errorf("off: there is still\n%s", got)
	}
}

// An agent that has not noticed the end of IPv6 registers an address between the calls: it is
// removed too. The agent loses its right first.
func TestIPv6AgentLeavesFirst(t *testing.T) {
	l := newLab(t, 3)
	n := bringUp(t, l, wanted(t, dualStack)).Nodes[0]
	p, err := PlanUp(wanted(t, ipv4Only), seen(t, l, "first"))
	if err != nil {
		t.Fatal(err)
	}
	waiting := 0
	for _, a := range p.Actions {
		if a.Object == "ipv6 block" || a.Object == "network interface" {
			if waiting++; !slices.Contains(a.Needs, "iam-role/rights") {
				t.Errorf("%s does not wait until the agents have lost the right", a)
			}
		}
	}
	if waiting != 3 { // the ENI's addresses, and two blocks
		t.Errorf("%d actions wait:\n%s", waiting, p)
	}
	late := 0
	l.hook(func(this call) error {
		if this.op == "DisassociateSubnetCidrBlock" && late == 0 {
			late++
			l.assignIPv6(n.ProviderENI.ID, n.IPv6Addresses[0])
		}
		return nil
	}, nil)
	bringUp(t, l, wanted(t, ipv4Only))
	if got := dualStacked(t, l.Clients, "first"); got != "" || late == 0 {
		t.Errorf("there is still\n%s", got)
	}
}

func TestLabIPv6(t *testing.T) {
	l, ctx := newLab(t, 3), context.Background()
	with := func(file string) Wanted {
		w := labWanted(t, l)
		w.Cloud = wanted(t, file).Cloud
		return w
	}
	_, before, err := labUp(ctx, l.Clients, with(ipv4Only))
	if err != nil {
		t.Fatal(err)
	}
	_, on, err := labUp(ctx, l.Clients, with(dualStack))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wholeIPv6, dualStacked(t, l.Clients, "first")); diff != "" {
		t.Errorf("on, -want +got:\n%s", diff)
	}
	if len(on.Nodes[0].IPv6Addresses) != 2 || on.Nodes[0].InstanceID != before.Nodes[0].InstanceID {
		t.Errorf("on: %+v", on)
	}
	if p, _, err := labUp(ctx, l.Clients, with(dualStack)); err != nil || p.String() != "" {
		t.Errorf("a second up: %v\n%s", err, p)
	}
	// Egress allows everything too, by AWS's own rule.
	out, err := l.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []types.Filter{awsapi.ByTag(awsapi.TagPart, "security-group/provider")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if e := out.SecurityGroups[0].IpPermissionsEgress; !slices.ContainsFunc(e, func(p types.IpPermission) bool {
		return len(p.Ipv6Ranges) == 1 && *p.Ipv6Ranges[0].CidrIpv6 == inventory.Everywhere6
	}) {
		t.Errorf("what may go out: %+v", e)
	}
	_, off, err := labUp(ctx, l.Clients, with(ipv4Only))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, off); diff != "" || dualStacked(t, l.Clients, "first") != "" {
		t.Errorf("off: there is %q, -before +after:\n%s", dualStacked(t, l.Clients, "first"), diff)
	}
	if _, _, err := labUp(ctx, l.Clients, with(dualStack)); err != nil {
		t.Fatal(err)
	}
	if err := labDown(ctx, l.Clients, "first"); err != nil {
		t.Fatal(err)
	}
	if n := labLeft(t, l.Clients, "first"); n != 0 {
		t.Errorf("%d resources left", n)
	}
}

// Without IPv6 in the cloud file no agent has a right to it.
func TestLabNoRightToIPv6(t *testing.T) {
	l := newGatewayLab(t, "none")
	l.bringUp("first", "provider: {addresses: 2, elasticIPs: none}\n")
	eni := aws.String(l.find(l.first, "eni/cloud-1/provider"))
	if _, err := l.agent.AssignIpv6Addresses(l.ctx, &ec2.AssignIpv6AddressesInput{
		NetworkInterfaceId: eni, Ipv6AddressCount: aws.Int32(1),
	}); !refused(err) {
		t.Errorf("error: %v", err)
	}
}
