// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"net/netip"
	"testing"
)

// eni-a2 has 10.0.0.64/28 and 2001:db8:1000:a00:a2::/80; the adjacent addresses are not
// registered.
func TestDelegatedPrefixes(t *testing.T) {
	const in6, beside6 = "2001:db8:1000:a00:a2::99", "2001:db8:1000:a00:a3::99"
	from := func(ip []byte) []byte {
		if ip[0]>>4 == 6 {
			return ethernet(macA1, macA2, etherIPv6, ip)
		}
		return ethernet(macA1, macA2, etherIPv4, ip)
	}
	who := func(a string) []byte { return arpFrame(broadcastMAC, macA1, arpRequest, macA1, "10.0.0.11", a) }
	for _, tc := range []struct {
		name  string
		from  Port
		frame []byte
		want  string
	}{
		{"source", a2, from(udp("10.0.0.79", 1, "10.0.0.11", 2)), "eni-a1: a2 > a1 10.0.0.79:1 > 10.0.0.11:2 UDP length 28"},
		{"source beside", a2, from(udp("10.0.0.80", 1, "10.0.0.11", 2)), "drop egress eni-a2: source-address"},
		{"another's source", a1, toA2(udp("10.0.0.64", 1, "10.0.0.21", 2)), "drop egress eni-a1: source-address"},
		{"destination", a1, toA2(udp("10.0.0.11", 1, "10.0.0.64", 2)),
			"eni-a2: a1 > a2 10.0.0.11:1 > 10.0.0.64:2 UDP length 28"},
		{"destination beside", a1, toA2(udp("10.0.0.11", 1, "10.0.0.63", 2)), "drop ingress eni-a2: destination-address"},
		{"routed", b1, ethernet(gwB, macB1, etherIPv4, udp("10.0.1.31", 1, "10.0.0.70", 2)),
			"eni-a2: gwA > a2 10.0.1.31:1 > 10.0.0.70:2 UDP length 28"},
		{"ARP", a1, who("10.0.0.70"), "eni-a1: a2 > a1 ARP 10.0.0.70 is-at a2, to 10.0.0.11"},
		{"ARP beside", a1, who("10.0.0.80"), "drop egress eni-a1: arp-unregistered"},
		{"Elastic IP, out", a2, ethernet(gwA, macA2, etherIPv4, udp("10.0.0.65", 1, "8.8.8.8", 2)),
			"internet: 198.51.100.65:1 > 8.8.8.8:2 UDP length 28"},
		{"Elastic IP, in", Internet, udp("8.8.8.8", 1, "198.51.100.65", 2),
			"eni-a2: gwA > a2 8.8.8.8:1 > 10.0.0.65:2 UDP length 28"},
		{"no Elastic IP", a2, ethernet(gwA, macA2, etherIPv4, udp("10.0.0.66", 1, "8.8.8.8", 2)),
			"drop egress eni-a2: no-elastic-ip"},

		{"source, IPv6", a2, from(udp6(in6, 1, v6A1, 2)), "eni-a1: a2 > a1 [" + in6 + "]:1 > [" + v6A1 + "]:2 UDP length 48"},
		{"source beside, IPv6", a2, from(udp6(beside6, 1, v6A1, 2)), "drop egress eni-a2: source-address"},
		{"destination, IPv6", a1, toA26(udp6(v6A1, 1, in6, 2)),
			"eni-a2: a1 > a2 [" + v6A1 + "]:1 > [" + in6 + "]:2 UDP length 48"},
		{"destination beside, IPv6", a1, toA26(udp6(v6A1, 1, beside6, 2)), "drop ingress eni-a2: destination-address"},
		{"neighbour, IPv6", a1, whoHas6(v6A1, in6),
			"eni-a1: a2 > a1 " + in6 + " > " + v6A1 + " " + in6 + " is-at a2 length 72"},
		{"neighbour beside, IPv6", a1, whoHas6(v6A1, beside6), "drop egress eni-a1: nd-unregistered"},
		{"from the Internet, IPv6", Internet, udp6(far6, 1, in6, 2),
			"eni-a2: gwA > a2 [" + far6 + "]:1 > [" + in6 + "]:2 UDP length 48"},
		{"beside, from the Internet, IPv6", Internet, udp6(far6, 1, beside6, 2), "drop egress internet: unknown-ipv6"},
		{"to the Internet, IPv6", a2, ethernet(gwA, macA2, etherIPv6, udp6(in6, 1, far6, 2)),
			"internet: [" + in6 + "]:1 > [" + far6 + "]:2 UDP length 48"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, fullTopology(), Config{}).expect(tc.name, tc.from, tc.frame, tc.want)
		})
	}
}

// The services identify a client by an address in a prefix too.
func TestDelegatedPrefixAsksServices(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	client, _ := b.asked(a2, ethernet(gwA, macA2, etherIPv4, udp("10.0.0.77", 1, "169.254.169.254", 80)))
	if id, ok := b.ClientOf(client); !ok || id != "eni-a2" {
		t.Errorf("ClientOf(%s) = %s, %t", client, id, ok)
	}
	b.expect("reply", Services, udp("169.254.169.254", 80, client.String(), 1),
		"eni-a2: gwA > a2 169.254.169.254:80 > 10.0.0.77:1 UDP length 28")
}

// A referenced group includes the addresses in its ENIs' prefixes.
func TestGroupHoldsDelegatedPrefixes(t *testing.T) {
	topo := fullTopology()
	topo.SecurityGroups = append(topo.SecurityGroups, SecurityGroup{ID: "sg-2", VPC: "vpc-a", Egress: []Rule{anyRule}},
		SecurityGroup{ID: "sg-1", VPC: "vpc-a", Ingress: []Rule{{Protocol: -1, Group: "sg-2"}}})
	topo.eni("eni-a1").SecurityGroups = []string{"sg-1"}
	topo.eni("eni-a2").SecurityGroups = []string{"sg-2"}
	b := newBench(t, topo, Config{})
	b.expect("", a2, toA1(udp("10.0.0.70", 1, "10.0.0.11", 2)), "eni-a1: a2 > a1 10.0.0.70:1 > 10.0.0.11:2 UDP length 28")
	b.expect("another group", r, ethernet(macA1, macR, etherIPv4, udp("10.0.0.41", 1, "10.0.0.11", 2)),
		"drop ingress eni-a1: security-group-ingress")
}

func TestSetTopologyRefusesPrefixesAndIPv6(t *testing.T) {
	newBench(t, fullTopology(), Config{})
	for _, tc := range []struct {
		name, want string
		change     func(*Topology)
	}{
		{"prefix length", "is not a /28", func(t *Topology) { t.ENIs[0].Prefixes = []netip.Prefix{prefix("10.0.0.96/29")} }},
		{"IPv6 prefix length", "is not a /80",
			func(t *Topology) { t.ENIs[0].Prefixes = []netip.Prefix{prefix("2001:db8:1000:a00:b::/96")} }},
		{"prefix of another subnet", "is not in subnet subnet-a",
			func(t *Topology) { t.ENIs[0].Prefixes = []netip.Prefix{prefix("10.0.1.96/28")} }},
		{"prefix twice", "is also that of eni-a2",
			func(t *Topology) { t.eni("eni-r").Prefixes = []netip.Prefix{prefix("10.0.0.64/28")} }},
		{"prefix around a registered address", " of eni-a1",
			func(t *Topology) { t.eni("eni-a2").Prefixes = []netip.Prefix{prefix("10.0.0.0/28")} }},
		{"IPv6 prefix around a registered address", "is also that of eni-a2",
			func(t *Topology) { t.eni("eni-r").IPv6 = addrs("2001:db8:1000:a00:a2::1") }},
		{"registered address in a prefix", "is also that of eni-a2",
			func(t *Topology) { t.eni("eni-r").Addresses = addrs("10.0.0.41 10.0.0.70") }},
		{"IPv6 of another subnet", "is not in subnet subnet-a",
			func(t *Topology) { t.ENIs[0].IPv6 = addrs("2001:db8:1000:a01::11") }},
		{"IPv6 without a block", "is not in subnet subnet-a", func(t *Topology) { t.Subnets[0].IPv6 = netip.Prefix{} }},
		{"two owners of an IPv6 address", "is also that of eni-a1", func(t *Topology) { t.ENIs[1].IPv6 = addrs(v6A1) }},
		{"IPv4 as IPv6", "is not an IPv6 address", func(t *Topology) { t.ENIs[1].IPv6 = addrs("10.0.0.22") }},
		{"VPC's block", "is not an IPv6 /56",
			func(t *Topology) { t.VPCs[0].IPv6 = []netip.Prefix{prefix("2001:db8:1000::/48")} }},
		{"one block of two VPCs", "is also that of vpc-a", func(t *Topology) { t.VPCs[1].IPv6 = t.VPCs[0].IPv6 }},
		{"subnet's block", "is not an IPv6 /64", func(t *Topology) { t.Subnets[0].IPv6 = prefix("2001:db8:1000:a00::/63") }},
		{"subnet of another VPC's block", "is not in vpc-a",
			func(t *Topology) { t.Subnets[0].IPv6 = prefix("2001:db8:1000:c00::/64") }},
		{"NAT gateway of no ENI", `unknown ENI "eni-x"`, func(t *Topology) { t.NATGateways[0].ENI = "eni-x" }},
		{"two NAT gateways of an ENI", "is also that of another", func(t *Topology) { t.NATGateways[0].ENI = "eni-nb" }},
		{"NAT gateway twice", "listed twice", func(t *Topology) { t.NATGateways[0].ID = "nat-b" }},
		{"NAT gateway in another VPC", "is in another VPC", func(t *Topology) {
			t.Subnets[2].Routes = append(t.Subnets[2].Routes, Route{prefix("192.0.2.0/24"), TargetNATGateway, "nat-a"})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) { refuses(t, fullTopology(), tc.change, tc.want) })
	}
}
