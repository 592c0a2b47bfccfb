// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/inventory"
)

// rejected is the error of a plan, with its hint.
func rejected(t *testing.T, file string, s inventory.Seen) string {
	t.Helper()
	p, err := PlanUp(wanted(t, file), s)
	if err == nil {
		return "planned:\n" + p.String()
	}
	return err.Error()
}

// A cloud keeps the ranges that it was made with, whatever its policy. The plan of other ones is refused at their
// place in the file.
func TestRangesStay(t *testing.T) {
	l := newLab(t, 5)
	bringUp(t, l, wanted(t, "provider: {addresses: 4}\n"))
	s := seen(t, l, "first")
	const lost = "; or macaw down, then macaw up: all of the cloud is lost"
	for _, tt := range []struct{ file, want string }{
		{"vpc: {cidr: 10.1.0.0/16}\nprovider: {addresses: 4}\n", "x.yaml:3:13: vpc.cidr: the cloud's vpc is 10.0.0.0/16, " +
			"and AWS changes no range of one that exists\n    hint: keep 10.0.0.0/16" + lost},
		{"provider: {addresses: 4, subnet: 10.0.7.0/24}\n", "x.yaml:3:34: provider.subnet: the cloud's provider subnet is " +
			"10.0.1.0/24, and AWS changes no range of one that exists\n    hint: keep 10.0.1.0/24" + lost},
		{"provider: {addresses: 4}\nmanagement: {subnet: 10.0.7.0/24}\n", "x.yaml:4:22: management.subnet: the cloud's " +
			"management subnet is 10.0.0.0/24, and AWS changes no range of one that exists\n    hint: keep 10.0.0.0/24" + lost},
		{"provider: {addresses: 4, first: 10.0.1.66}\n", "x.yaml:3:33: provider.first: neutron's addresses began at " +
			"10.0.1.64, now they begin at 10.0.1.66: without 10.0.1.64 10.0.1.65, which may be in use\n" +
			"    hint: first: 10.0.1.64 keeps them" + lost},
		{"provider: {addresses: 4, first: 10.0.1.62}\n", "x.yaml:3:33: provider.first: neutron's addresses began at " +
			"10.0.1.64, now they begin at 10.0.1.62: without 10.0.1.66 10.0.1.67, which may be in use\n" +
			"    hint: first: 10.0.1.64 keeps them" + lost},
	} {
		if diff := cmp.Diff(tt.want, rejected(t, tt.file, s)); diff != "" {
			t.Errorf("%s-want +got:\n%s", tt.file, diff)
		}
	}
	// A range that has all of the addresses may begin lower.
	p, err := PlanUp(wanted(t, "provider: {addresses: 6, first: 10.0.1.62}\n"), s)
	if err != nil || len(p.Losses) > 0 || !strings.Contains(p.String(), "gets 10.0.1.62 10.0.1.63\n") {
		t.Errorf("a larger range: %v\n%s", err, p)
	}
	// Without what AWS has there is nothing to keep.
	if _, err := PlanUp(wanted(t, "vpc: {cidr: 10.1.0.0/16}\n"), inventory.Seen{Cloud: "first", Region: labRegion,
		Zones: []string{labRegion + "a"}}); err != nil {
		t.Error(err)
	}
}

// What is registered or associated counts as used, so a plan tells what Neutron loses of it.
func TestLosses(t *testing.T) {
	const all = "provider: {addresses: 4, ipv6: true}\n"
	l := newLab(t, 5)
	bringUp(t, l, wanted(t, all))
	s := seen(t, l, "first")
	public := func(private string) string {
		i := slices.IndexFunc(s.Addresses, func(a inventory.Address) bool { return a.Private == private })
		return s.Addresses[i].Public
	}
	dual := func(n inventory.Subnet) bool { return n.IPv6.CIDR.IsValid() }
	block := s.Subnets[slices.IndexFunc(s.Subnets, dual)].IPv6.CIDR
	prefix := strings.TrimSuffix(block.Addr().String(), "::")
	elasticIPs := ""
	for _, a := range []string{"10.0.1.64", "10.0.1.65", "10.0.1.66", "10.0.1.67"} {
		elasticIPs += "  gives up the Elastic IP " + public(a) + " of " + a + ", which may be in use\n"
	}
	of := func(s inventory.Seen, file string) string {
		p, err := PlanUp(wanted(t, file), s)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(p.String()) {
			if strings.HasPrefix(line, "  gives up") {
				lines = append(lines, line)
			}
		}
		if len(lines) != len(p.Losses) {
			t.Errorf("%d losses, shown are\n%s", len(p.Losses), p)
		}
		return strings.Join(lines, "")
	}
	for _, tt := range []struct{ file, want string }{
		{all, ""},
		{"provider: {addresses: 8, ipv6: true}\n", ""},
		{"provider: {addresses: 3, ipv6: true}\n", "  gives up 10.0.1.67 and its Elastic IP " + public("10.0.1.67") +
			", which may be in use\n  gives up " + prefix + "::1:3, which may be in use\n"},
		{"provider: {addresses: 4, ipv6: true, elasticIPs: on-demand}\n", ""},
		{"provider: {addresses: 3, ipv6: true, elasticIPs: on-demand}\n", "  gives up 10.0.1.67 and its Elastic IP " +
			public("10.0.1.67") + ", which may be in use\n  gives up " + prefix + "::1:3, which may be in use\n"},
		{"provider: {addresses: 4, ipv6: true, elasticIPs: none}\n", elasticIPs},
		{"provider: {addresses: 4}\n", "  gives up " + prefix + "::1:0, which may be in use\n  gives up " + prefix +
			"::1:1, which may be in use\n  gives up " + prefix + "::1:2, which may be in use\n  gives up " + prefix +
			"::1:3, which may be in use\n"},
	} {
		if diff := cmp.Diff(tt.want, of(s, tt.file)); diff != "" {
			t.Errorf("%s-want +got:\n%s", tt.file, diff)
		}
	}
	// Nobody uses an Elastic IP that is not associated, of an address that is not registered.
	i := slices.IndexFunc(s.Addresses, func(a inventory.Address) bool { return a.Private == "10.0.1.67" })
	s.Addresses[i].Private, s.Addresses[i].Interface, s.Addresses[i].Association = "", "", ""
	for k := range s.Interfaces {
		s.Interfaces[k].Secondary = slices.DeleteFunc(slices.Clone(s.Interfaces[k].Secondary),
			func(a string) bool { return a == "10.0.1.67" })
		s.Interfaces[k].IPv6 = slices.DeleteFunc(slices.Clone(s.Interfaces[k].IPv6),
			func(a string) bool { return a == prefix+"::1:3" })
	}
	if got := of(s, "provider: {addresses: 3, ipv6: true}\n"); got != "" {
		t.Errorf("what nobody uses:\n%s", got)
	}
}

// An address that Neutron may use is registered on a network interface that the agent has attached, too.
func TestLossesOfAgents(t *testing.T) {
	l := newLab(t, 2)
	n := bringUp(t, l, wanted(t, "provider: {addresses: 4, elasticIPs: none}\n")).Nodes[0]
	second := l.furtherInterface(t, "10.0.1.9", "10.0.1.65", "10.0.1.67")
	got(l.root.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{
		NetworkInterfaceId: &second, InstanceId: &n.InstanceID, DeviceIndex: new(int32(2)),
	}))
	p, err := PlanUp(wanted(t, "provider: {addresses: 2, elasticIPs: none}\n"), seen(t, l, "first"))
	if err != nil || len(p.Losses) != 1 || p.Losses[0] != (Loss{Address: "10.0.1.67"}) {
		t.Errorf("%v\n%s", err, p)
	}
}
