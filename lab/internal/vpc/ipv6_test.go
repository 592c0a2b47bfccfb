// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"testing"
	"time"
)

func TestFrameRules6(t *testing.T) {
	u := func(src, dst string) []byte { return udp6(src, 1, dst, 2) }
	multicast := multicastMAC(addr6("ff02::fb"))
	for _, tc := range []struct {
		name  string
		from  Port
		frame []byte
		want  string
	}{
		{"same subnet", a1, toA26(u(v6A1, v6A2)), "eni-a2: a1 > a2 [" + v6A1 + "]:1 > [" + v6A2 + "]:2 UDP length 48"},
		{"padding is cut", a1, append(toA26(u(v6A1, v6A2)), 0, 0),
			"eni-a2: a1 > a2 [" + v6A1 + "]:1 > [" + v6A2 + "]:2 UDP length 48"},
		{"second address", a1, toA26(u("2001:db8:1000:a00::12", v6A2)),
			"eni-a2: a1 > a2 [2001:db8:1000:a00::12]:1 > [" + v6A2 + "]:2 UDP length 48"},
		{"link-local", a1, toA26(u(llA1, llA2)), "eni-a2: a1 > a2 [" + llA1 + "]:1 > [" + llA2 + "]:2 UDP length 48"},
		{"link-local that is not of the MAC", a1, toA26(u("fe80::1", llA2)), "drop egress eni-a1: source-address"},
		{"to a link-local that is not of the MAC", a1, toA26(u(llA1, "fe80::1")), "drop ingress eni-a2: destination-address"},
		{"foreign source MAC", a1, ethernet(macA2, macX, etherIPv6, u(v6A1, v6A2)), "drop egress eni-a1: source-mac"},
		{"foreign source MAC, neighbour discovery", a1, probe6(macX, "2001:db8:1000:a00::99"),
			"drop egress eni-a1: source-mac"},
		{"foreign source MAC, SourceDestCheck off", r, ethernet(macA2, macX, etherIPv6, u(v6R, v6A2)),
			"drop egress eni-r: source-mac"},
		{"unregistered source", a1, toA26(u("2001:db8:1000:a00::13", v6A2)), "drop egress eni-a1: source-address"},
		{"another's source", a1, toA26(u(v6R, v6A2)), "drop egress eni-a1: source-address"},
		{"unspecified source", a1, toA26(u("::", v6A2)), "drop egress eni-a1: source-address"},
		{"unspecified source, SourceDestCheck off", r, ethernet(macA2, macR, etherIPv6, u("::", v6A2)),
			"drop egress eni-r: source-address"},
		{"unregistered source, SourceDestCheck off", r, ethernet(macA2, macR, etherIPv6, u("2001:db8:5::1", v6A2)),
			"eni-a2: r > a2 [2001:db8:5::1]:1 > [" + v6A2 + "]:2 UDP length 48"},
		{"unregistered destination", a1, toA26(u(v6A1, "2001:db8:1000:a00::22")), "drop ingress eni-a2: destination-address"},
		{"unregistered destination, SourceDestCheck off", a1, ethernet(macR, macA1, etherIPv6, u(v6A1, "2001:db8:5::1")),
			"eni-r: a1 > r [" + v6A1 + "]:1 > [2001:db8:5::1]:2 UDP length 48"},
		{"multicast", a1, ethernet(multicast, macA1, etherIPv6, u(llA1, "ff02::fb")), "drop egress eni-a1: multicast"},
		{"listener report before there is an address", a1,
			ethernet(multicast, macA1, etherIPv6, icmp6("::", "ff02::16", 143, 0, 0, 0, 0, 0)), "drop egress eni-a1: multicast"},
		{"multicast IP to a MAC", a1, toA26(u(v6A1, "ff02::fb")), "drop egress eni-a1: multicast"},
		{"multicast MAC to an address", a1, ethernet(multicast, macA1, etherIPv6, u(v6A1, v6A2)),
			"drop egress eni-a1: multicast"},
		{"broadcast MAC", a1, ethernet(broadcastMAC, macA1, etherIPv6, u(v6A1, v6A2)), "drop egress eni-a1: broadcast"},
		{"unknown unicast", a1, ethernet(macX, macA1, etherIPv6, u(v6A1, v6A2)), "drop egress eni-a1: unknown-unicast"},
		{"MAC of another subnet", a1, ethernet(macB1, macA1, etherIPv6, u(v6A1, v6B1)),
			"drop egress eni-a1: unknown-unicast"},
		{"own MAC", a1, ethernet(macA1, macA1, etherIPv6, u(v6A1, v6A1)), "drop egress eni-a1: own-mac"},
		{"detached receiver", a1, ethernet(MAC{2, 0, 0, 0, 0, 0xa5}, macA1, etherIPv6, u(v6A1, "2001:db8:1000:a00::51")),
			"drop ingress eni-off: detached"},
		{"short packet", a1, toA26(u(v6A1, v6A2)[:39]), "drop egress eni-a1: malformed"},
		{"length beyond the frame", a1, toA26(u(v6A1, v6A2)[:47]), "drop egress eni-a1: malformed"},
		{"IPv4-mapped source", r, ethernet(macA2, macR, etherIPv6, u("::ffff:10.0.0.41", v6A2)),
			"drop egress eni-r: malformed"},
		{"IPv4-mapped destination", a1, toA26(u(v6A1, "::ffff:10.0.0.21")), "drop egress eni-a1: malformed"},
		{"IPv4 in a frame of IPv6", a1, toA26(append(udp("10.0.0.11", 1, "10.0.0.21", 2), make([]byte, 40)...)),
			"drop egress eni-a1: malformed"},
		{"over the MTU", a1, toA26(udp6(v6A1, 1, v6A2, 2, make([]byte, 9001)...)), "drop egress eni-a1: mtu"},
		{"over the MTU, IPv4", a1, ethernet(macA2, macA1, etherIPv4,
			udp("10.0.0.11", 1, "10.0.0.21", 2, make([]byte, 9001)...)), "drop egress eni-a1: mtu"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, fullTopology(), Config{}).expect(tc.name, tc.from, tc.frame, tc.want)
		})
	}
}

func TestRoutes6(t *testing.T) {
	u := func(dst string) []byte { return viaGateway6(udp6(v6A1, 1, dst, 2)) }
	for _, tc := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"another subnet", u(v6B1), "eni-b1: gwB > b1 [" + v6A1 + "]:1 > [" + v6B1 + "]:2 UDP length 48"},
		{"the same subnet, by way of the router", u(v6A2),
			"eni-a2: gwA > a2 [" + v6A1 + "]:1 > [" + v6A2 + "]:2 UDP length 48"},
		{"unassigned", u("2001:db8:1000:a01::99"), "drop egress eni-a1: unassigned"},
		{"detached", u("2001:db8:1000:a00::51"), "drop egress eni-a1: unassigned"},
		{"the router itself", u(gwA6), "drop egress eni-a1: router"},
		{"ENI", u("2001:db8:f::1"), "eni-r: gwA > r [" + v6A1 + "]:1 > [2001:db8:f::1]:2 UDP length 48"},
		{"ENI with SourceDestCheck", u("2001:db8:f:1::1"), "drop egress eni-a1: target-source-dest-check"},
		{"blackhole", u("2001:db8:f:2::1"), "drop egress eni-a1: blackhole"},
		{"ENI that has gone", u("2001:db8:f:3::1"), "drop egress eni-a1: blackhole"},
		{"multicast", u("ff0e::1"), "drop egress eni-a1: multicast"},
		{"link-local", u(llA2), "drop egress eni-a1: link-local"},
		{"from a link-local", viaGateway6(udp6(llA1, 1, v6B1, 2)), "drop egress eni-a1: link-local"},
		{"a service", u("fd00:ec2::254"), "drop egress eni-a1: ipv6-service"},
		{"Internet", u(far6), "internet: [" + v6A1 + "]:1 > [" + far6 + "]:2 UDP length 48"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, fullTopology(), Config{}).expect(tc.name, a1, tc.frame, tc.want)
		})
	}
	b := newBench(t, fullTopology(), Config{})
	b.expect("no route", b1, ethernet(gwB, macB1, etherIPv6, udp6(v6B1, 1, far6, 2)), "drop egress eni-b1: no-route")
	b.expect("hop limit 1", a1, viaGateway6(hops(1, udp6(v6A1, 1, v6B1, 2))),
		"eni-b1: gwB > b1 ["+v6A1+"]:1 > ["+v6B1+"]:2 UDP length 48")
}

func TestInternetGateway6(t *testing.T) {
	for _, tc := range []struct {
		name  string
		from  Port
		frame []byte
		want  string
	}{
		{"out, no NAT", a1, viaGateway6(ping6(v6A1, far6, 7)),
			"internet: " + v6A1 + " > " + far6 + " ICMPv6 type 128 code 0 id 7 length 48"},
		{"out, as a middlebox, another's address", r, ethernet(gwA, macR, etherIPv6, ping6(v6A2, far6, 7)),
			"internet: " + v6A2 + " > " + far6 + " ICMPv6 type 128 code 0 id 7 length 48"},
		{"out, as a middlebox, unregistered", r, ethernet(gwA, macR, etherIPv6, ping6("2001:db8:1000:a00::99", far6, 7)),
			"drop egress eni-r: no-ipv6-address"},
		{"out, as a middlebox, of another VPC", r, ethernet(gwA, macR, etherIPv6, ping6(v6C1, far6, 7)),
			"drop egress eni-r: no-ipv6-address"},
		{"in", Internet, tcp6(far6, 1, v6A1, 2, tcpSYN),
			"eni-a1: gwA > a1 [" + far6 + "]:1 > [" + v6A1 + "]:2 TCP SYN length 60"},
		{"in, other VPC", Internet, ping6(far6, v6C1, 1),
			"eni-c1: gwC > c1 " + far6 + " > " + v6C1 + " ICMPv6 type 128 code 0 id 1 length 48"},
		{"in, unregistered", Internet, ping6(far6, "2001:db8:1000:a00::99", 1), "drop egress internet: unknown-ipv6"},
		{"in, no VPC's", Internet, ping6(far6, "2001:db8:1000:b00::1", 1), "drop egress internet: unknown-ipv6"},
		{"in, to a link-local", Internet, ping6(far6, llA1, 1), "drop egress internet: unknown-ipv6"},
		{"in, detached", Internet, ping6(far6, "2001:db8:1000:a00::51", 1), "drop ingress eni-off: detached"},
		{"in, neighbour discovery", Internet, hops(255, icmp6(far6, v6A1, ndRouterAdvert, 0, make([]byte, 12)...)),
			"drop egress internet: nd-routed"},
		{"in, too large", Internet, udp6(far6, 53, v6A1, 1, make([]byte, 1453)...), "drop egress internet: internet-mtu"},
		{"into another VPC", a1, viaGateway6(udp6(v6A1, 1, v6C1, 2)),
			"eni-c1: gwC > c1 [" + v6A1 + "]:1 > [" + v6C1 + "]:2 UDP length 48"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, fullTopology(), Config{}).expect(tc.name, tc.from, tc.frame, tc.want)
		})
	}
	topo := fullTopology()
	topo.VPCs[0].InternetGateway = ""
	b := newBench(t, topo, Config{})
	b.expect("out without a gateway", a1, viaGateway6(ping6(v6A1, far6, 1)), "drop egress eni-a1: no-internet-gateway")
	b.expect("in without a gateway", Internet, ping6(far6, v6A1, 1), "drop ingress eni-a1: no-internet-gateway")
}

func TestPacketTooBig(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	b.expect("1500 bytes pass", a1, viaGateway6(udp6(v6A1, 1, far6, 2, make([]byte, 1452)...)),
		"internet: ["+v6A1+"]:1 > ["+far6+"]:2 UDP length 1500")
	big := udp6(v6A1, 1, far6, 2, bytes.Repeat([]byte("macaw"), 800)...)
	b.expect("larger", a1, viaGateway6(big),
		"eni-a1: gwA > a1 2001:db8:1000:a00::1 > "+v6A1+" ICMPv6 type 2 code 0 length 1280\ndrop egress eni-a1: internet-mtu")
	l4 := b.out.Deliveries[0].Frame[etherLen+40:]
	if mtu := get16(l4[6:]); mtu != 1500 || !bytes.Equal(l4[8:], big[:1232]) {
		t.Errorf("MTU %d, quoted % x...", mtu, l4[8:48])
	}
	b.expect("no error about an error", a1, viaGateway6(unreachable6(v6A1, far6, make([]byte, 1600))),
		"drop egress eni-a1: internet-mtu")
	b.expect("nor for another's packet", r, ethernet(gwA, macR, etherIPv6, udp6(v6A1, 1, far6, 2, make([]byte, 2000)...)),
		"drop egress eni-r: internet-mtu")
	b.expect("within the VPC there is no cap", a1, viaGateway6(udp6(v6A1, 1, v6B1, 2, make([]byte, 8953)...)),
		"eni-b1: gwB > b1 ["+v6A1+"]:1 > ["+v6B1+"]:2 UDP length 9001")
}

// clientServer6 is clientServer for IPv6.
func clientServer6() Topology {
	t := fullTopology()
	rules := grouped(SecurityGroup{Egress: []Rule{rule(-1, -1, -1, "::/0")}},
		SecurityGroup{Ingress: []Rule{rule(6, 22, 22, "::/0"), rule(17, 53, 53, "::/0"), rule(58, 128, -1, "::/0"),
			rule(47, -1, -1, "::/0")}})
	t.SecurityGroups = append(t.SecurityGroups, rules.SecurityGroups[len(rules.SecurityGroups)-2:]...)
	t.eni("eni-a1").SecurityGroups = []string{"sg-1"}
	t.eni("eni-a2").SecurityGroups = []string{"sg-2"}
	return t
}

func TestSecurityGroupRules6(t *testing.T) {
	tcp22 := tcp6(v6A1, 1000, v6A2, 22, tcpSYN)
	passed := "eni-a2: a1 > a2 [" + v6A1 + "]:1000 > [" + v6A2 + "]:22 TCP SYN length 60"
	echo := ping6(v6A1, v6A2, 7)
	echoPassed := "eni-a2: a1 > a2 " + v6A1 + " > " + v6A2 + " ICMPv6 type 128 code 0 id 7 length 48"
	all := []Rule{rule(-1, -1, -1, "::/0")}
	for _, tc := range []struct {
		name    string
		egress  []Rule
		ingress []Rule
		packet  []byte
		want    string
	}{
		{"no egress rule", nil, all, tcp22, deniedOut},
		{"no ingress rule", all, nil, tcp22, deniedIn},
		{"IPv4 rule", all, []Rule{anyRule}, tcp22, deniedIn},
		{"IPv4-mapped rule", all, []Rule{rule(-1, -1, -1, "::/1")}, tcp22, passed},
		{"port", []Rule{rule(6, 22, 22, v6A2+"/128")}, []Rule{rule(6, 22, 22, v6A1+"/128")}, tcp22, passed},
		{"other port", all, []Rule{rule(6, 23, 99, "::/0")}, tcp22, deniedIn},
		{"other source", all, []Rule{rule(6, 22, 22, "2001:db8:1000:a00::12/128")}, tcp22, deniedIn},
		{"subnet", all, []Rule{rule(6, 22, 22, "2001:db8:1000:a00::/64")}, tcp22, passed},
		{"other subnet", all, []Rule{rule(6, 22, 22, "2001:db8:1000:a01::/64")}, tcp22, deniedIn},
		{"group", []Rule{{Protocol: 6, FromPort: 22, ToPort: 22, Group: "sg-2"}}, []Rule{{Protocol: -1, Group: "sg-1"}},
			tcp22, passed},
		{"group with others in it", all, []Rule{{Protocol: -1, Group: "sg-open"}}, tcp22, deniedIn},
		{"ICMPv6", all, []Rule{rule(58, -1, -1, "::/0")}, echo, echoPassed},
		{"ICMPv6 type", all, []Rule{rule(58, 128, 0, "::/0")}, echo, echoPassed},
		{"ICMPv6 other type", all, []Rule{rule(58, 129, -1, "::/0")}, echo, deniedIn},
		{"ICMP of IPv4", all, []Rule{rule(1, -1, -1, "::/0")}, echo, deniedIn},
	} {
		t.Run(tc.name, func(t *testing.T) {
			topo := clientServer6()
			n := len(topo.SecurityGroups)
			topo.SecurityGroups[n-2].Egress, topo.SecurityGroups[n-1].Ingress = tc.egress, tc.ingress
			newBench(t, topo, Config{}).expect("", a1, toA26(tc.packet), tc.want)
		})
	}
}

func TestSecurityGroupsAreStateful6(t *testing.T) {
	const back = "drop egress eni-a2: security-group-egress"
	b := newBench(t, clientServer6(), Config{})
	pass := func(name string, from Port, ip []byte) {
		t.Helper()
		frame := toA26(ip)
		if from == a2 {
			frame = toA16(ip)
		}
		if got := b.send(from, frame); len(b.out.Deliveries) != 1 {
			t.Errorf("%s: %s", name, got)
		}
	}
	ask, reply := udp6(v6A1, 1000, v6A2, 53), udp6(v6A2, 53, v6A1, 1000)
	b.expect("before", a2, toA16(reply), back)
	pass("ask", a1, ask)
	pass("reply", a2, reply)
	pass("error about it", a2, unreachable6(v6A2, v6A1, ask))
	b.expect("error about another flow", a2, toA16(unreachable6(v6A2, v6A1, udp6(v6A1, 9, v6A2, 53))), back)
	b.expect("error that quotes nothing", a2, toA16(unreachable6(v6A2, v6A1, nil)), back)
	b.now = b.now.Add(31 * time.Second)
	b.expect("late", a2, toA16(reply), back)

	b.expect("echo reply before", a2, toA16(pong6(v6A2, v6A1, 7)), back)
	pass("echo", a1, ping6(v6A1, v6A2, 7))
	pass("echo reply", a2, pong6(v6A2, v6A1, 7))
	b.expect("other echo reply", a2, toA16(pong6(v6A2, v6A1, 8)), back)

	pass("SYN", a1, tcp6(v6A1, 1000, v6A2, 22, tcpSYN))
	pass("SYN ACK", a2, tcp6(v6A2, 22, v6A1, 1000, tcpSYN|tcpACK))
	b.now = b.now.Add(350 * time.Second)
	pass("idle, but not long enough", a2, tcp6(v6A2, 22, v6A1, 1000, tcpACK))
	b.now = b.now.Add(351 * time.Second)
	b.expect("idle too long", a2, toA16(tcp6(v6A2, 22, v6A1, 1000, tcpACK)), back)
}

func TestPacketTooBigOfARouterOnTheWay(t *testing.T) {
	b := newBench(t, clientServer6(), Config{})
	sent := udp6(v6A1, 1, far6, 53, make([]byte, 1400)...)
	tooBig := icmp6("2001:db8:7::1", v6A1, 2, 0, append([]byte{0, 0, 5, 0}, sent[:1232]...)...)
	b.expect("before", Internet, tooBig, "drop ingress eni-a1: security-group-ingress")
	b.send(a1, viaGateway6(sent))
	b.expect("after", Internet, tooBig, "eni-a1: gwA > a1 2001:db8:7::1 > "+v6A1+" ICMPv6 type 2 code 0 length 1280")
}

func TestExtensionHeaders(t *testing.T) {
	u := udp6(v6A1, 1000, v6A2, 53, make([]byte, 8)...)
	routing := []byte{extRouting, 0, 3, 0, 0, 0, 0, 0}
	options := []byte{extDestination, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	auth := []byte{extAuth, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}
	denied := "drop ingress eni-a2: security-group-ingress"
	for _, tc := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"hop by hop, routing, options, authentication",
			withExtensions(u, []byte{extHopByHop, 0, 1, 4, 0, 0, 0, 0}, routing, options, auth),
			"eni-a2: a1 > a2 [" + v6A1 + "]:1000 > [" + v6A2 + "]:53 UDP length 100"},
		{"they hide no port", withExtensions(udp6(v6A1, 1000, v6A2, 54), options), denied},
		{"no next header", withExtensions(ipv6(v6A1, v6A2, extNone, nil), options), denied},
		{"longer than the packet", withExtensions(ipv6(v6A1, v6A2, extNone, nil),
			[]byte{extDestination, 2, 1, 4, 0, 0, 0, 0}), "drop egress eni-a1: malformed"},
		{"cut off", ipv6(v6A1, v6A2, extDestination, []byte{59, 0, 0}), "drop egress eni-a1: malformed"},
		{"two fragment headers", withExtensions(u, fragmentHeader(1, 0, true), fragmentHeader(1, 0, true)),
			"drop egress eni-a1: malformed"},
		{"first fragment without transport", withExtensions(u[:44], fragmentHeader(1, 0, true)),
			"drop egress eni-a1: malformed"},
		{"atomic fragment", withExtensions(u, fragmentHeader(1, 0, false)),
			"eni-a2: a1 > a2 [" + v6A1 + "]:1000 > [" + v6A2 + "]:53 UDP length 64"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, clientServer6(), Config{}).expect("", a1, toA26(tc.packet), tc.want)
		})
	}
}

func TestFragmentsFollowTheFirst6(t *testing.T) {
	u := udp6(v6A1, 1000, v6A2, 53, make([]byte, 8)...)
	first := func(id byte) []byte { return toA26(withExtensions(u, fragmentHeader(id, 0, true))) }
	later := func(id byte) []byte { return toA26(withExtensions(u, fragmentHeader(id, 2, false))) }
	b := newBench(t, clientServer6(), Config{})
	b.expect("later first", a1, later(5), "drop ingress eni-a2: fragment")
	b.expect("first", a1, first(5), "eni-a2: a1 > a2 ["+v6A1+"]:1000 > ["+v6A2+"]:53 UDP length 64 fragment 5 at 0")
	b.expect("later", a1, later(5), "eni-a2: a1 > a2 "+v6A1+" > "+v6A2+" UDP length 64 fragment 5 at 16")
	b.expect("of another packet", a1, later(6), "drop ingress eni-a2: fragment")
	b.now = b.now.Add(fragmentLife)
	b.expect("too late", a1, later(5), "drop ingress eni-a2: fragment")
}
