// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// The test topology: two VPCs with the same addresses, each with an Internet gateway. vpc-a
// has two subnets.
var (
	macA1 = MAC{2, 0, 0, 0, 0, 0xa1}
	macA2 = MAC{2, 0, 0, 0, 0, 0xa2}
	macR  = MAC{2, 0, 0, 0, 0, 0xa4} // a router: SourceDestCheck off
	macB1 = MAC{2, 0, 0, 0, 0, 0xb1}
	macC1 = MAC{2, 0, 0, 0, 0, 0xc1} // in vpc-c
	macX  = MAC{0xfa, 0x16, 0x3e, 1, 2, 3}
	gwA   = gatewayMACOf("subnet-a")
	gwB   = gatewayMACOf("subnet-b")
	gwC   = gatewayMACOf("subnet-c")

	a1, a2, r, b1, c1 = ENIPort("eni-a1"), ENIPort("eni-a2"), ENIPort("eni-r"), ENIPort("eni-b1"), ENIPort("eni-c1")
)

func init() {
	for name, m := range map[string]MAC{"a1": macA1, "a2": macA2, "r": macR, "b1": macB1, "c1": macC1, "x": macX,
		"gwA": gwA, "gwB": gwB, "gwC": gwC, "*": broadcastMAC} {
		macNames[m] = name
	}
}

func gatewayMACOf(subnet string) MAC {
	s := segment{id: subnet}
	s.setGatewayMAC()
	return s.gatewayMAC
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func addrs(s string) (all []netip.Addr) {
	for _, f := range strings.Fields(s) {
		all = append(all, netip.MustParseAddr(f))
	}
	return all
}

var (
	anyRule = Rule{Protocol: -1, FromPort: -1, ToPort: -1, CIDR: prefix("0.0.0.0/0")}
	local   = Route{Dest: prefix("10.0.0.0/16"), Target: TargetLocal}
	igwA    = Route{Dest: prefix("0.0.0.0/0"), Target: TargetInternetGateway, ID: "igw-a"}
)

func testTopology() Topology {
	open := []string{"sg-open"}
	return Topology{
		VPCs: []VPC{
			{ID: "vpc-a", CIDRs: []netip.Prefix{prefix("10.0.0.0/16")}, InternetGateway: "igw-a"},
			{ID: "vpc-c", CIDRs: []netip.Prefix{prefix("10.0.0.0/16")}, InternetGateway: "igw-c"},
		},
		Subnets: []Subnet{
			{ID: "subnet-a", VPC: "vpc-a", CIDR: prefix("10.0.0.0/24"), Routes: []Route{igwA, local,
				{Dest: prefix("192.0.2.0/24"), Target: TargetENI, ID: "eni-r"},
				{Dest: prefix("192.0.2.64/26"), Target: TargetENI, ID: "eni-a2"},
				{Dest: prefix("192.0.2.128/26"), Target: TargetBlackhole},
				{Dest: prefix("192.0.2.192/26"), Target: TargetENI, ID: "eni-gone"},
			}},
			{ID: "subnet-b", VPC: "vpc-a", CIDR: prefix("10.0.1.0/24"), Routes: []Route{local}},
			{ID: "subnet-c", VPC: "vpc-c", CIDR: prefix("10.0.0.0/24"), Routes: []Route{local,
				{Dest: prefix("0.0.0.0/0"), Target: TargetInternetGateway, ID: "igw-c"}}},
		},
		SecurityGroups: []SecurityGroup{
			{ID: "sg-open", VPC: "vpc-a", Ingress: []Rule{anyRule}, Egress: []Rule{anyRule}},
			{ID: "sg-c", VPC: "vpc-c", Ingress: []Rule{anyRule}, Egress: []Rule{anyRule}},
		},
		ENIs: []ENI{
			{ID: "eni-a1", Subnet: "subnet-a", MAC: macA1, Addresses: addrs("10.0.0.11 10.0.0.12"), SourceDestCheck: true,
				SecurityGroups: open, Attached: true},
			{ID: "eni-a2", Subnet: "subnet-a", MAC: macA2, Addresses: addrs("10.0.0.21"), SourceDestCheck: true,
				SecurityGroups: open, Attached: true},
			{ID: "eni-r", Subnet: "subnet-a", MAC: macR, Addresses: addrs("10.0.0.41"), SecurityGroups: open, Attached: true},
			{ID: "eni-off", Subnet: "subnet-a", MAC: MAC{2, 0, 0, 0, 0, 0xa5}, Addresses: addrs("10.0.0.51"),
				SecurityGroups: open},
			{ID: "eni-b1", Subnet: "subnet-b", MAC: macB1, Addresses: addrs("10.0.1.31"), SourceDestCheck: true,
				SecurityGroups: open, Attached: true, Hostname: "ip-10-0-1-31"},
			{ID: "eni-c1", Subnet: "subnet-c", MAC: macC1, Addresses: addrs("10.0.0.11"), SourceDestCheck: true,
				SecurityGroups: []string{"sg-c"}, Attached: true},
		},
		ElasticIPs: []ElasticIP{
			{Public: netip.MustParseAddr("198.51.100.11"), ENI: "eni-a1", Private: netip.MustParseAddr("10.0.0.11")},
			{Public: netip.MustParseAddr("198.51.100.21"), ENI: "eni-a2", Private: netip.MustParseAddr("10.0.0.21")},
			{Public: netip.MustParseAddr("198.51.100.111"), ENI: "eni-c1", Private: netip.MustParseAddr("10.0.0.11")},
		},
	}
}

// eni returns a pointer to the topology's ENI, for changes.
func (t *Topology) eni(id string) *ENI {
	return &t.ENIs[slices.IndexFunc(t.ENIs, func(e ENI) bool { return e.ID == id })]
}

func TestSetTopologyRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		change     func(*Topology)
	}{
		{"unknown VPC", `unknown VPC "vpc-x"`, func(t *Topology) { t.Subnets[0].VPC = "vpc-x" }},
		{"unknown subnet", `unknown subnet "subnet-x"`, func(t *Topology) { t.ENIs[0].Subnet = "subnet-x" }},
		{"foreign address", "10.0.1.11 is not in subnet subnet-a",
			func(t *Topology) { t.ENIs[0].Addresses = addrs("10.0.1.11") }},
		{"two owners", "10.0.0.11 is also that of eni-a1", func(t *Topology) { t.ENIs[1].Addresses = addrs("10.0.0.11") }},
		{"two MACs", "is also that of eni-a1", func(t *Topology) { t.ENIs[1].MAC = macA1 }},
		{"multicast MAC", "is not the MAC of an interface", func(t *Topology) { t.ENIs[1].MAC = broadcastMAC }},
		{"no address", "has no primary address", func(t *Topology) { t.ENIs[1].Addresses = nil }},
		{"Elastic IP of another's address", "10.0.0.21 is not registered on eni-a1",
			func(t *Topology) { t.ElasticIPs[1].ENI = "eni-a1" }},
		{"Elastic IP twice", "listed twice", func(t *Topology) { t.ElasticIPs[1].Public = t.ElasticIPs[0].Public }},
		{"two Elastic IPs", "has another Elastic IP", func(t *Topology) {
			t.ElasticIPs = append(t.ElasticIPs,
				ElasticIP{netip.MustParseAddr("198.51.100.99"), "eni-a1", netip.MustParseAddr("10.0.0.11")})
		}},
		{"route into another VPC", "is in another VPC",
			func(t *Topology) { t.Subnets[2].Routes[0] = Route{prefix("192.0.2.0/24"), TargetENI, "eni-a1"} }},
		{"group of another VPC", `no security group "sg-c" in vpc-a`,
			func(t *Topology) { t.ENIs[0].SecurityGroups = []string{"sg-c"} }},
		{"rule of nobody", "neither a group nor a CIDR",
			func(t *Topology) { t.SecurityGroups[0].Ingress = []Rule{{Protocol: -1}} }},
		{"subnet size", "not between /16 and /28", func(t *Topology) { t.Subnets[1].CIDR = prefix("10.0.1.0/29") }},
		{"host bits", "has host bits set", func(t *Topology) { t.Subnets[1].CIDR = prefix("10.0.1.1/24") }},
	} {
		t.Run(tc.name, func(t *testing.T) { refuses(t, testTopology(), tc.change, tc.want) })
	}
}

// refuses checks that a changed topology is refused and has no effect.
func refuses(t *testing.T, bad Topology, change func(*Topology), want string) {
	t.Helper()
	b := newBench(t, testTopology(), Config{})
	change(&bad)
	err := b.SetTopology(bad)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want ...%s", err, want)
	}
	b.expect("the topology before stays", a1, ethernet(macA2, macA1, etherIPv4, udp("10.0.0.11", 1, "10.0.0.21", 2)),
		"eni-a2: a1 > a2 10.0.0.11:1 > 10.0.0.21:2 UDP length 28")
}
