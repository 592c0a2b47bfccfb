// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

func addr6(s string) addr16 { return fromAddr16(netip.MustParseAddr(s)) }

// ipv6 builds a packet around a transport header whose checksum is zero and
// fills the checksum in.
func ipv6(src, dst string, proto uint8, l4 []byte) []byte {
	b := make([]byte, 40, 40+len(l4))
	b[0], b[6], b[7] = 0x60, proto, 64
	put16(b[4:], uint16(len(l4)))
	s, d := netip.MustParseAddr(src).As16(), netip.MustParseAddr(dst).As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	b = append(b, l4...)
	at := map[uint8]int{protoTCP: 16, protoUDP: 6, protoICMPv6: 2}[proto]
	if at > 0 {
		check := ^uint16(ones(append(pseudo6(b, proto, len(l4)), l4...)))
		if proto == protoUDP && check == 0 {
			check = 0xffff
		}
		put16(b[40+at:], check)
	}
	return b
}

func pseudo6(ip []byte, proto uint8, size int) []byte {
	return append(append([]byte{}, ip[8:40]...), 0, 0, byte(size>>8), byte(size), 0, 0, 0, proto)
}

func udp6(src string, sport uint16, dst string, dport uint16, payload ...byte) []byte {
	l4 := binary.BigEndian.AppendUint16(ports(sport, dport), uint16(8+len(payload)))
	return ipv6(src, dst, protoUDP, append(append(l4, 0, 0), payload...))
}

func tcp6(src string, sport uint16, dst string, dport uint16, flags uint8, payload ...byte) []byte {
	l4 := append(ports(sport, dport), 0, 0, 0, 1, 0, 0, 0, 1, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	return ipv6(src, dst, protoTCP, append(l4, payload...))
}

func icmp6(src, dst string, kind, code uint8, body ...byte) []byte {
	return ipv6(src, dst, protoICMPv6, append([]byte{kind, code, 0, 0}, body...))
}

func ping6(src, dst string, id byte) []byte { return icmp6(src, dst, icmp6Echo, 0, 0, id, 0, 1) }
func pong6(src, dst string, id byte) []byte { return icmp6(src, dst, icmp6EchoReply, 0, 0, id, 0, 1) }

func unreachable6(src, dst string, about []byte) []byte {
	return icmp6(src, dst, 1, 4, append(make([]byte, 4), about...)...)
}

// hops sets the hop limit, which no checksum covers.
func hops(n byte, ip []byte) []byte { ip[7] = n; return ip }

// withExtensions inserts extension headers between a packet's header and its transport. The
// first byte of each is its own header number, which moves into place.
func withExtensions(ip []byte, exts ...[]byte) []byte {
	out := append([]byte{}, ip[:40]...)
	at := 6 // offset of the next header number
	for _, e := range exts {
		out[at] = e[0]
		at = len(out)
		out = append(out, e...)
	}
	out[at] = ip[6]
	out = append(out, ip[40:]...)
	put16(out[4:], uint16(len(out)-40))
	return out
}

// fragmentHeader builds a fragment header for withExtensions.
func fragmentHeader(id byte, offset uint16, more bool) []byte {
	f := offset << 3
	if more {
		f |= 1
	}
	return []byte{extFragment, 0, byte(f >> 8), byte(f), 0, 0, 0, id}
}

// verify6 checks lengths and checksums, independently of the code under test.
func verify6(ip []byte) error {
	if 40+int(get16(ip[4:])) != len(ip) {
		return fmt.Errorf("payload length %d, of %d", get16(ip[4:]), len(ip)-40)
	}
	l4 := ip[40:]
	least := map[uint8]int{protoTCP: 20, protoUDP: 8, protoICMPv6: 8}[ip[6]]
	if least == 0 {
		return nil // extension headers, or another protocol
	}
	if len(l4) < least || ones(append(pseudo6(ip, ip[6], len(l4)), l4...)) != 0xffff {
		return fmt.Errorf("the checksum of protocol %d is wrong", ip[6])
	}
	return nil
}

// Neighbour discovery.

func solicit(dst, src MAC, from, to, target string, sllao ...byte) []byte {
	body := append(make([]byte, 4), netip.MustParseAddr(target).AsSlice()...)
	return ethernet(dst, src, etherIPv6, hops(255, icmp6(from, to, ndNeighbourSolicit, 0, append(body, sllao...)...)))
}

func sourceOption(m MAC) []byte { return append([]byte{ndOptSource, 1}, m[:]...) }

// whoHas6 is a neighbour solicitation of eni-a1.
func whoHas6(from, target string) []byte {
	to := addr6(target).solicitedNode()
	return solicit(multicastMAC(to), macA1, from, to.netip().String(), target, sourceOption(macA1)...)
}

// probe6 is a duplicate address probe.
func probe6(src MAC, target string) []byte {
	to := addr6(target).solicitedNode()
	return solicit(multicastMAC(to), src, "::", to.netip().String(), target)
}

func routerSolicit(src MAC, from string) []byte {
	all := addr6("ff02::2")
	return ethernet(multicastMAC(all), src, etherIPv6,
		hops(255, icmp6(from, "ff02::2", ndRouterSolicit, 0, append(make([]byte, 4), sourceOption(src)...)...)))
}

// fullTopology is the test topology plus IPv6, delegated prefixes on eni-a2, a public NAT
// gateway in subnet-a, used by subnet-b, and a private one.
func fullTopology() Topology {
	t := testTopology()
	t.VPCs[0].IPv6 = []netip.Prefix{prefix("2001:db8:1000:a00::/56")}
	t.VPCs[1].IPv6 = []netip.Prefix{prefix("2001:db8:1000:c00::/56")}
	t.Subnets[0].IPv6 = prefix("2001:db8:1000:a00::/64")
	t.Subnets[1].IPv6 = prefix("2001:db8:1000:a01::/64")
	t.Subnets[2].IPv6 = prefix("2001:db8:1000:c00::/64")
	local6 := Route{Dest: prefix("2001:db8:1000:a00::/56"), Target: TargetLocal}
	t.Subnets[0].Routes = append(t.Subnets[0].Routes, local6,
		Route{Dest: prefix("::/0"), Target: TargetInternetGateway, ID: "igw-a"},
		Route{Dest: prefix("2001:db8:f::/64"), Target: TargetENI, ID: "eni-r"},
		Route{Dest: prefix("2001:db8:f:1::/64"), Target: TargetENI, ID: "eni-a2"},
		Route{Dest: prefix("2001:db8:f:2::/64"), Target: TargetBlackhole},
		Route{Dest: prefix("2001:db8:f:3::/64"), Target: TargetENI, ID: "eni-gone"})
	t.Subnets[1].Routes = append(t.Subnets[1].Routes, local6,
		Route{Dest: prefix("0.0.0.0/0"), Target: TargetNATGateway, ID: "nat-a"},
		Route{Dest: prefix("192.0.2.0/25"), Target: TargetNATGateway, ID: "nat-b"},
		Route{Dest: prefix("192.0.2.128/25"), Target: TargetNATGateway, ID: "nat-gone"},
		Route{Dest: prefix("64:ff9b::/96"), Target: TargetNATGateway, ID: "nat-a"})
	t.Subnets[2].Routes = append(t.Subnets[2].Routes,
		Route{Dest: prefix("2001:db8:1000:c00::/56"), Target: TargetLocal},
		Route{Dest: prefix("::/0"), Target: TargetInternetGateway, ID: "igw-c"})
	for i := range t.SecurityGroups {
		g := &t.SecurityGroups[i]
		all := Rule{Protocol: -1, FromPort: -1, ToPort: -1, CIDR: prefix("::/0")}
		g.Ingress, g.Egress = append(g.Ingress, all), append(g.Egress, all)
	}
	for id, a := range map[string]string{
		"eni-a1": "2001:db8:1000:a00::11 2001:db8:1000:a00::12", "eni-a2": "2001:db8:1000:a00::21",
		"eni-r":   "2001:db8:1000:a00::41",
		"eni-off": "2001:db8:1000:a00::51", "eni-b1": "2001:db8:1000:a01::31", "eni-c1": "2001:db8:1000:c00::11",
	} {
		t.eni(id).IPv6 = addrs(a)
	}
	t.eni("eni-a2").Prefixes = []netip.Prefix{prefix("10.0.0.64/28"), prefix("2001:db8:1000:a00:a2::/80")}
	t.ENIs = append(t.ENIs,
		ENI{ID: "eni-na", Subnet: "subnet-a", MAC: macNA, Addresses: addrs("10.0.0.90"), Attached: true},
		ENI{ID: "eni-nb", Subnet: "subnet-b", MAC: macNB, Addresses: addrs("10.0.1.90"), Attached: true})
	t.NATGateways = []NATGateway{{"nat-a", "eni-na"}, {"nat-b", "eni-nb"}}
	t.ElasticIPs = append(t.ElasticIPs,
		ElasticIP{netip.MustParseAddr("198.51.100.90"), "eni-na", netip.MustParseAddr("10.0.0.90")},
		ElasticIP{netip.MustParseAddr("198.51.100.65"), "eni-a2", netip.MustParseAddr("10.0.0.65")})
	return t
}

var (
	macNA = MAC{2, 0, 0, 0, 0, 0xa9} // of NAT gateways
	macNB = MAC{2, 0, 0, 0, 0, 0xb9}

	gwA6 = linkLocalOf(gwA).netip().String()
	llA1 = linkLocalOf(macA1).netip().String()
	llA2 = linkLocalOf(macA2).netip().String()
)

const (
	v6A1 = "2001:db8:1000:a00::11"
	v6A2 = "2001:db8:1000:a00::21"
	v6R  = "2001:db8:1000:a00::41"
	v6B1 = "2001:db8:1000:a01::31"
	v6C1 = "2001:db8:1000:c00::11"
	far6 = "2001:db8:8888::8888"
)

func init() {
	macNames[macNA], macNames[macNB] = "na", "nb"
	macNames[multicastMAC(allNodes)] = "all"
}

func viaGateway6(ip []byte) []byte { return ethernet(gwA, macA1, etherIPv6, ip) }
func toA26(ip []byte) []byte       { return ethernet(macA2, macA1, etherIPv6, ip) }
func toA16(ip []byte) []byte       { return ethernet(macA1, macA2, etherIPv6, ip) }
