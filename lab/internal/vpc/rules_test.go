// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"testing"
)

// viaGateway frames a packet from eni-a1 to the subnet's router.
func viaGateway(ip []byte) []byte { return ethernet(gwA, macA1, etherIPv4, ip) }

func TestFrameRules(t *testing.T) {
	u := func(src, dst string) []byte { return udp(src, 1, dst, 2) }
	for _, tc := range []struct {
		name  string
		from  Port
		frame []byte
		want  string
	}{
		{"same subnet", a1, ethernet(macA2, macA1, etherIPv4, u("10.0.0.11", "10.0.0.21")),
			"eni-a2: a1 > a2 10.0.0.11:1 > 10.0.0.21:2 UDP length 28"},
		{"padding is cut", a1, append(ethernet(macA2, macA1, etherIPv4, u("10.0.0.11", "10.0.0.21")), make([]byte, 18)...),
			"eni-a2: a1 > a2 10.0.0.11:1 > 10.0.0.21:2 UDP length 28"},
		{"secondary address", a1, ethernet(macA2, macA1, etherIPv4, u("10.0.0.12", "10.0.0.21")),
			"eni-a2: a1 > a2 10.0.0.12:1 > 10.0.0.21:2 UDP length 28"},
		{"foreign source MAC", a1, ethernet(macA2, macX, etherIPv4, u("10.0.0.11", "10.0.0.21")),
			"drop egress eni-a1: source-mac"},
		{"foreign source MAC, ARP", a1, arpFrame(broadcastMAC, macX, arpRequest, macX, "10.0.0.11", "10.0.0.1"),
			"drop egress eni-a1: source-mac"},
		{"foreign source MAC, SourceDestCheck off", r, ethernet(macA2, macX, etherIPv4, u("10.0.0.41", "10.0.0.21")),
			"drop egress eni-r: source-mac"},
		{"unregistered source", a1, ethernet(macA2, macA1, etherIPv4, u("10.0.0.13", "10.0.0.21")),
			"drop egress eni-a1: source-address"},
		{"another's source", a1, ethernet(macA2, macA1, etherIPv4, u("10.0.0.41", "10.0.0.21")),
			"drop egress eni-a1: source-address"},
		{"source 0.0.0.0 without DHCP", a1, ethernet(macA2, macA1, etherIPv4, u("0.0.0.0", "10.0.0.21")),
			"drop egress eni-a1: source-address"},
		{"unregistered source, SourceDestCheck off", r, ethernet(macA2, macR, etherIPv4, u("172.16.0.1", "10.0.0.21")),
			"eni-a2: r > a2 172.16.0.1:1 > 10.0.0.21:2 UDP length 28"},
		{"unregistered destination", a1, ethernet(macA2, macA1, etherIPv4, u("10.0.0.11", "10.0.0.22")),
			"drop ingress eni-a2: destination-address"},
		{"unregistered destination, SourceDestCheck off", a1, ethernet(macR, macA1, etherIPv4, u("10.0.0.11", "172.16.0.1")),
			"eni-r: a1 > r 10.0.0.11:1 > 172.16.0.1:2 UDP length 28"},
		{"broadcast", a1, ethernet(broadcastMAC, macA1, etherIPv4, u("10.0.0.11", "10.0.0.255")),
			"drop egress eni-a1: broadcast"},
		{"multicast", a1, ethernet(MAC{1, 0, 0x5e, 0, 0, 0x12}, macA1, etherIPv4, u("10.0.0.11", "224.0.0.18")),
			"drop egress eni-a1: multicast"},
		{"unknown unicast", a1, ethernet(macX, macA1, etherIPv4, u("10.0.0.11", "10.0.0.21")),
			"drop egress eni-a1: unknown-unicast"},
		{"MAC of another subnet", a1, ethernet(macB1, macA1, etherIPv4, u("10.0.0.11", "10.0.1.31")),
			"drop egress eni-a1: unknown-unicast"},
		{"MAC of another VPC", a1, ethernet(macC1, macA1, etherIPv4, u("10.0.0.11", "10.0.0.11")),
			"drop egress eni-a1: unknown-unicast"},
		{"own MAC", a1, ethernet(macA1, macA1, etherIPv4, u("10.0.0.11", "10.0.0.12")), "drop egress eni-a1: own-mac"},
		{"detached receiver", a1, ethernet(MAC{2, 0, 0, 0, 0, 0xa5}, macA1, etherIPv4, u("10.0.0.11", "10.0.0.51")),
			"drop ingress eni-off: detached"},
		{"detached sender", ENIPort("eni-off"),
			ethernet(macA1, MAC{2, 0, 0, 0, 0, 0xa5}, etherIPv4, u("10.0.0.51", "10.0.0.11")), "drop egress eni-off: detached"},
		{"unknown port", ENIPort("eni-x"), ethernet(macA1, macX, etherIPv4, u("10.0.0.51", "10.0.0.11")),
			"drop egress : unknown-eni"},
		{"VLAN", a1, ethernet(macA2, macA1, etherVLAN, []byte{0, 5, 8, 0}), "drop egress eni-a1: vlan"},
		{"IPv6", a1, ethernet(MAC{0x33, 0x33, 0, 0, 0, 2}, macA1, etherIPv6, make([]byte, 40)), "drop egress eni-a1: ipv6"},
		{"LLDP", a1, ethernet(MAC{1, 0x80, 0xc2, 0, 0, 0xe}, macA1, 0x88cc, make([]byte, 40)),
			"drop egress eni-a1: ethertype"},
		{"short frame", a1, macA2[:], "drop egress eni-a1: malformed"},
		{"short packet", a1, ethernet(macA2, macA1, etherIPv4, make([]byte, 19)), "drop egress eni-a1: malformed"},
		{"length beyond the frame", a1, ethernet(macA2, macA1, etherIPv4, u("10.0.0.11", "10.0.0.21")[:27]),
			"drop egress eni-a1: malformed"},
		{"header checksum", a1, ethernet(macA2, macA1, etherIPv4,
			func() []byte { p := u("10.0.0.11", "10.0.0.21"); p[8]--; return p }()), "drop egress eni-a1: malformed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, testTopology(), Config{}).expect(tc.name, tc.from, tc.frame, tc.want)
		})
	}
}

func TestARP(t *testing.T) {
	ask := func(spa, tpa string) []byte { return arpFrame(broadcastMAC, macA1, arpRequest, macA1, spa, tpa) }
	for _, tc := range []struct {
		name  string
		from  Port
		frame []byte
		want  string
	}{
		{"gateway", a1, ask("10.0.0.11", "10.0.0.1"), "eni-a1: gwA > a1 ARP 10.0.0.1 is-at gwA, to 10.0.0.11"},
		{"gateway of another subnet has another MAC", b1,
			arpFrame(broadcastMAC, macB1, arpRequest, macB1, "10.0.1.31", "10.0.1.1"),
			"eni-b1: gwB > b1 ARP 10.0.1.1 is-at gwB, to 10.0.1.31"},
		{"neighbour", a1, ask("10.0.0.11", "10.0.0.21"), "eni-a1: a2 > a1 ARP 10.0.0.21 is-at a2, to 10.0.0.11"},
		{"neighbour, from a secondary address", a1, ask("10.0.0.12", "10.0.0.21"),
			"eni-a1: a2 > a1 ARP 10.0.0.21 is-at a2, to 10.0.0.12"},
		{"unicast, as a neighbour is confirmed", a1, arpFrame(macA2, macA1, arpRequest, macA1, "10.0.0.11", "10.0.0.21"),
			"eni-a1: a2 > a1 ARP 10.0.0.21 is-at a2, to 10.0.0.11"},
		{"duplicate detection of another's address", a1, ask("0.0.0.0", "10.0.0.21"),
			"eni-a1: a2 > a1 ARP 10.0.0.21 is-at a2, to 0.0.0.0"},
		{"duplicate detection of the own address", a1, ask("0.0.0.0", "10.0.0.11"),
			"eni-a1: a1 > a1 ARP 10.0.0.11 is-at a1, to 0.0.0.0"},
		{"metadata", a1, ask("10.0.0.11", "169.254.169.254"), "eni-a1: gwA > a1 ARP 169.254.169.254 is-at gwA, to 10.0.0.11"},
		{"resolver", a1, ask("10.0.0.11", "10.0.0.2"), "eni-a1: gwA > a1 ARP 10.0.0.2 is-at gwA, to 10.0.0.11"},
		{"unregistered", a1, ask("10.0.0.11", "10.0.0.99"), "drop egress eni-a1: arp-unregistered"},
		{"detached", a1, ask("10.0.0.11", "10.0.0.51"), "drop egress eni-a1: arp-unregistered"},
		{"another subnet's", a1, ask("10.0.0.11", "10.0.1.31"), "drop egress eni-a1: arp-unregistered"},
		{"sender's address unregistered", a1, ask("10.0.0.13", "10.0.0.21"), "drop egress eni-a1: arp-sender-address"},
		{"sender's address unregistered, SourceDestCheck off", r,
			arpFrame(broadcastMAC, macR, arpRequest, macR, "172.16.0.1", "10.0.0.21"),
			"eni-r: a2 > r ARP 10.0.0.21 is-at a2, to 172.16.0.1"},
		{"sender's MAC", a1, arpFrame(broadcastMAC, macA1, arpRequest, macX, "10.0.0.11", "10.0.0.21"),
			"drop egress eni-a1: arp-sender-mac"},
		{"sender's MAC, SourceDestCheck off", r, arpFrame(broadcastMAC, macR, arpRequest, macX, "10.0.0.41", "10.0.0.21"),
			"drop egress eni-r: arp-sender-mac"},
		{"gratuitous request", a1, ask("10.0.0.11", "10.0.0.11"), "drop egress eni-a1: arp-gratuitous"},
		{"gratuitous reply", a1, arpFrame(broadcastMAC, macA1, arpReply, macA1, "10.0.0.11", "10.0.0.11"),
			"drop egress eni-a1: arp-gratuitous"},
		{"reply", a1, arpFrame(macA2, macA1, arpReply, macA1, "10.0.0.11", "10.0.0.21"), "drop egress eni-a1: arp-reply"},
		{"short", a1, ask("10.0.0.11", "10.0.0.1")[:41], "drop egress eni-a1: malformed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, testTopology(), Config{}).expect(tc.name, tc.from, tc.frame, tc.want)
		})
	}
}

// A router's gratuitous ARP for another ENI's address changes nothing.
func TestGratuitousARPChangesNoMapping(t *testing.T) {
	b := newBench(t, testTopology(), Config{})
	b.expect("claim", r, arpFrame(broadcastMAC, macR, arpRequest, macR, "10.0.0.21", "10.0.0.21"),
		"drop egress eni-r: arp-gratuitous")
	b.expect("who has", a1, arpFrame(broadcastMAC, macA1, arpRequest, macA1, "10.0.0.11", "10.0.0.21"),
		"eni-a1: a2 > a1 ARP 10.0.0.21 is-at a2, to 10.0.0.11")
}

func TestRoutes(t *testing.T) {
	u := func(dst string) []byte { return viaGateway(udp("10.0.0.11", 1, dst, 2)) }
	for _, tc := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"another subnet", u("10.0.1.31"), "eni-b1: gwB > b1 10.0.0.11:1 > 10.0.1.31:2 UDP length 28"},
		{"the same subnet, by way of the router", u("10.0.0.21"), "eni-a2: gwA > a2 10.0.0.11:1 > 10.0.0.21:2 UDP length 28"},
		{"unassigned", u("10.0.1.99"), "drop egress eni-a1: unassigned"},
		{"detached", u("10.0.0.51"), "drop egress eni-a1: unassigned"},
		{"the router itself", u("10.0.0.1"), "drop egress eni-a1: router"},
		{"ENI", u("192.0.2.1"), "eni-r: gwA > r 10.0.0.11:1 > 192.0.2.1:2 UDP length 28"},
		{"ENI with SourceDestCheck", u("192.0.2.65"), "drop egress eni-a1: target-source-dest-check"},
		{"blackhole", u("192.0.2.129"), "drop egress eni-a1: blackhole"},
		{"ENI that has gone", u("192.0.2.193"), "drop egress eni-a1: blackhole"},
		{"multicast", u("224.0.0.5"), "drop egress eni-a1: multicast"},
		{"broadcast", u("255.255.255.255"), "drop egress eni-a1: broadcast"},
		{"link-local without a service", u("169.254.169.1"), "drop egress eni-a1: link-local"},
		{"Internet", u("8.8.8.8"), "internet: 198.51.100.11:1 > 8.8.8.8:2 UDP length 28"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, testTopology(), Config{}).expect(tc.name, a1, tc.frame, tc.want)
		})
	}
	b := newBench(t, testTopology(), Config{})
	b.expect("no route", b1, ethernet(gwB, macB1, etherIPv4, udp("10.0.1.31", 1, "8.8.8.8", 2)),
		"drop egress eni-b1: no-route")
}

func TestRouterLeavesTTL(t *testing.T) {
	b := newBench(t, testTopology(), Config{})
	b.send(a1, viaGateway(with(udp("10.0.0.11", 1, "10.0.1.31", 2), func(ip []byte) { ip[8] = 1 })))
	if len(b.out.Deliveries) != 1 || b.out.Deliveries[0].Frame[etherLen+8] != 1 {
		t.Error("a packet with TTL 1 did not arrive with TTL 1")
	}
}

// A moved address takes effect with the new topology; a neighbour with the old MAC reaches
// nobody.
func TestMovedAddress(t *testing.T) {
	topo := testTopology()
	b := newBench(t, topo, Config{})
	topo = testTopology()
	topo.eni("eni-a1").Addresses = addrs("10.0.0.11")
	topo.eni("eni-a2").Addresses = addrs("10.0.0.21 10.0.0.12")
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	b.expect("old owner", a1, ethernet(macA2, macA1, etherIPv4, udp("10.0.0.12", 1, "10.0.0.21", 2)),
		"drop egress eni-a1: source-address")
	b.expect("stale neighbour", r, ethernet(macA1, macR, etherIPv4, udp("10.0.0.41", 1, "10.0.0.12", 2)),
		"drop ingress eni-a1: destination-address")
	b.expect("who has", r, arpFrame(broadcastMAC, macR, arpRequest, macR, "10.0.0.41", "10.0.0.12"),
		"eni-r: a2 > r ARP 10.0.0.12 is-at a2, to 10.0.0.41")
}
