// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"net/netip"
	"testing"
	"time"
)

// grouped is the test topology with eni-a1 in sg-1 and eni-a2 in sg-2, with the given
// rules.
func grouped(one, two SecurityGroup) Topology {
	topo := testTopology()
	one.ID, one.VPC, two.ID, two.VPC = "sg-1", "vpc-a", "sg-2", "vpc-a"
	topo.SecurityGroups = append(topo.SecurityGroups, one, two)
	topo.eni("eni-a1").SecurityGroups = []string{"sg-1"}
	topo.eni("eni-a2").SecurityGroups = []string{"sg-2"}
	return topo
}

func rule(proto, from, to int, cidr string) Rule {
	return Rule{Protocol: proto, FromPort: from, ToPort: to, CIDR: prefix(cidr)}
}

func toA2(ip []byte) []byte { return ethernet(macA2, macA1, etherIPv4, ip) }
func toA1(ip []byte) []byte { return ethernet(macA1, macA2, etherIPv4, ip) }

const (
	deniedIn  = "drop ingress eni-a2: security-group-ingress"
	deniedOut = "drop egress eni-a1: security-group-egress"
)

func TestSecurityGroupRules(t *testing.T) {
	tcp22 := tcp("10.0.0.11", 1000, "10.0.0.21", 22, tcpSYN)
	passed := "eni-a2: a1 > a2 10.0.0.11:1000 > 10.0.0.21:22 TCP SYN length 40"
	echo := ping("10.0.0.11", "10.0.0.21", 7)
	echoPassed := "eni-a2: a1 > a2 10.0.0.11 > 10.0.0.21 ICMP type 8 code 0 id 7 length 35"
	for _, tc := range []struct {
		name    string
		egress  []Rule
		ingress []Rule
		packet  []byte
		want    string
	}{
		{"no egress rule", nil, []Rule{anyRule}, tcp22, deniedOut},
		{"no ingress rule", []Rule{anyRule}, nil, tcp22, deniedIn},
		{"port", []Rule{rule(6, 22, 22, "10.0.0.21/32")}, []Rule{rule(6, 22, 22, "10.0.0.11/32")}, tcp22, passed},
		{"port range", []Rule{anyRule}, []Rule{rule(6, 20, 22, "0.0.0.0/0")}, tcp22, passed},
		{"port below", []Rule{anyRule}, []Rule{rule(6, 23, 99, "0.0.0.0/0")}, tcp22, deniedIn},
		{"port above", []Rule{anyRule}, []Rule{rule(6, 0, 21, "0.0.0.0/0")}, tcp22, deniedIn},
		{"source port does not count", []Rule{anyRule}, []Rule{rule(6, 1000, 1000, "0.0.0.0/0")}, tcp22, deniedIn},
		{"egress port", []Rule{rule(6, 23, 23, "0.0.0.0/0")}, []Rule{anyRule}, tcp22, deniedOut},
		{"any port", []Rule{anyRule}, []Rule{rule(6, -1, -1, "0.0.0.0/0")}, tcp22, passed},
		{"protocol", []Rule{anyRule}, []Rule{rule(17, -1, -1, "0.0.0.0/0")}, tcp22, deniedIn},
		{"source", []Rule{anyRule}, []Rule{rule(6, 22, 22, "10.0.0.12/32")}, tcp22, deniedIn},
		{"destination", []Rule{rule(6, 22, 22, "10.0.0.11/32")}, []Rule{anyRule}, tcp22, deniedOut},
		{"host bits of a CIDR do not count", []Rule{anyRule}, []Rule{rule(6, 22, 22, "10.0.0.99/24")}, tcp22, passed},
		{"second rule", []Rule{anyRule}, []Rule{rule(17, 1, 1, "0.0.0.0/0"), rule(6, 22, 22, "0.0.0.0/0")}, tcp22, passed},
		{"IPv6 rule", []Rule{anyRule}, []Rule{rule(-1, -1, -1, "::/0")}, tcp22, deniedIn},
		{"group", []Rule{{Protocol: 6, FromPort: 22, ToPort: 22, Group: "sg-2"}}, []Rule{{Protocol: -1, Group: "sg-1"}},
			tcp22, passed},
		{"group with others in it", []Rule{anyRule}, []Rule{{Protocol: -1, Group: "sg-open"}}, tcp22, deniedIn},
		{"empty group", []Rule{anyRule}, []Rule{{Protocol: -1, Group: "sg-empty"}}, tcp22, deniedIn},
		{"any ICMP", []Rule{anyRule}, []Rule{rule(1, -1, -1, "0.0.0.0/0")}, echo, echoPassed},
		{"ICMP type", []Rule{anyRule}, []Rule{rule(1, 8, -1, "0.0.0.0/0")}, echo, echoPassed},
		{"ICMP type and code", []Rule{anyRule}, []Rule{rule(1, 8, 0, "0.0.0.0/0")}, echo, echoPassed},
		{"ICMP other type", []Rule{anyRule}, []Rule{rule(1, 3, -1, "0.0.0.0/0")}, echo, deniedIn},
		{"ICMP other code", []Rule{anyRule}, []Rule{rule(1, 8, 1, "0.0.0.0/0")}, echo, deniedIn},
		{"other protocol", []Rule{anyRule}, []Rule{rule(47, 0, 0, "0.0.0.0/0")}, ipv4("10.0.0.11", "10.0.0.21", 47, nil),
			"eni-a2: a1 > a2 10.0.0.11 > 10.0.0.21 protocol 47 length 20"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, grouped(SecurityGroup{Egress: tc.egress}, SecurityGroup{Ingress: tc.ingress}), Config{}).expect("", a1,
				toA2(tc.packet), tc.want)
		})
	}
}

// A packet passes if any of several groups allows it.
func TestSecurityGroupsOfAnENIAdd(t *testing.T) {
	topo := grouped(SecurityGroup{Ingress: []Rule{rule(6, 22, 22, "0.0.0.0/0")}}, SecurityGroup{Egress: []Rule{anyRule}})
	topo.eni("eni-a2").SecurityGroups = []string{"sg-2", "sg-1"}
	b := newBench(t, topo, Config{})
	b.expect("", Internet, tcp("8.8.8.8", 1, "198.51.100.21", 22, tcpSYN),
		"eni-a2: gwA > a2 8.8.8.8:1 > 10.0.0.21:22 TCP SYN length 40")
}

// A referenced group means private addresses, so traffic through the Internet gateway does
// not match.
func TestGroupReferenceNotThroughInternetGateway(t *testing.T) {
	b := newBench(t, grouped(SecurityGroup{Egress: []Rule{anyRule}},
		SecurityGroup{Ingress: []Rule{{Protocol: -1, Group: "sg-1"}}}), Config{})
	b.expect("", a1, viaGateway(udp("10.0.0.11", 1, "198.51.100.21", 2)), deniedIn)
}

// clientServer lets eni-a1 send anything, and eni-a2 accept TCP 22, UDP 53 and ICMP echo;
// it allows nothing in the other direction.
func clientServer() Topology {
	return grouped(SecurityGroup{Egress: []Rule{anyRule}},
		SecurityGroup{Ingress: []Rule{rule(6, 22, 22, "0.0.0.0/0"), rule(17, 53, 53, "0.0.0.0/0"),
			rule(1, 8, -1, "0.0.0.0/0"), rule(47, -1, -1, "0.0.0.0/0")}})
}

func TestSecurityGroupsAreStateful(t *testing.T) {
	const back = "drop egress eni-a2: security-group-egress"
	type step struct {
		name string
		wait time.Duration
		from Port
		ip   []byte
		pass bool
		want string // expected drop
	}
	fromA1 := func(flags uint8) []byte { return tcp("10.0.0.11", 1000, "10.0.0.21", 22, flags) }
	fromA2 := func(flags uint8) []byte { return tcp("10.0.0.21", 22, "10.0.0.11", 1000, flags) }
	ask, reply := udp("10.0.0.11", 1000, "10.0.0.21", 53), udp("10.0.0.21", 53, "10.0.0.11", 1000)
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"TCP reply", []step{
			{"before", 0, a2, fromA2(tcpSYN | tcpACK), false, back},
			{"SYN", 0, a1, fromA1(tcpSYN), true, ""},
			{"SYN ACK", 0, a2, fromA2(tcpSYN | tcpACK), true, ""},
			{"other port", 0, a2, tcp("10.0.0.21", 22, "10.0.0.11", 1001, tcpACK), false, back},
			{"idle, but not long enough", 349 * time.Second, a2, fromA2(tcpACK), true, ""},
			{"idle too long", 351 * time.Second, a2, fromA2(tcpACK), false, back},
		}},
		{"TCP never answered", []step{
			{"SYN", 0, a1, fromA1(tcpSYN), true, ""},
			{"late", 121 * time.Second, a2, fromA2(tcpSYN | tcpACK), false, back},
		}},
		{"TCP closed", []step{
			{"SYN", 0, a1, fromA1(tcpSYN), true, ""},
			{"SYN ACK", 0, a2, fromA2(tcpSYN | tcpACK), true, ""},
			{"FIN", 0, a1, fromA1(tcpFIN | tcpACK), true, ""},
			{"half closed lives on", 300 * time.Second, a2, fromA2(tcpACK), true, ""},
			{"other FIN", 0, a2, fromA2(tcpFIN | tcpACK), true, ""},
			{"last ACK", 0, a1, fromA1(tcpACK), true, ""},
			{"closed for good", 121 * time.Second, a2, fromA2(tcpACK), false, back},
		}},
		{"TCP reset, and the other side begins", []step{
			{"SYN", 0, a1, fromA1(tcpSYN), true, ""},
			{"RST", 0, a2, fromA2(tcpRST | tcpACK), true, ""},
			{"SYN", 0, a2, fromA2(tcpSYN), false, back},
			{"SYN again", 0, a1, fromA1(tcpSYN), true, ""},
		}},
		{"UDP reply", []step{
			{"before", 0, a2, reply, false, back},
			{"ask", 0, a1, ask, true, ""},
			{"reply", 29 * time.Second, a2, reply, true, ""},
			{"late", 31 * time.Second, a2, reply, false, back},
		}},
		{"UDP stream", []step{
			{"ask", 0, a1, ask, true, ""},
			{"reply", 0, a2, reply, true, ""},
			{"ask", 0, a1, ask, true, ""},
			{"after a while", 179 * time.Second, a2, reply, true, ""},
			{"late", 181 * time.Second, a2, reply, false, back},
		}},
		{"echo", []step{
			{"reply before", 0, a2, pong("10.0.0.21", "10.0.0.11", 7), false, back},
			{"echo", 0, a1, ping("10.0.0.11", "10.0.0.21", 7), true, ""},
			{"reply", 0, a2, pong("10.0.0.21", "10.0.0.11", 7), true, ""},
			{"echo the other way", 0, a2, ping("10.0.0.21", "10.0.0.11", 7), false, back},
			{"other reply", 0, a2, pong("10.0.0.21", "10.0.0.11", 8), false, back},
		}},
		{"ICMP error", []step{
			{"ask", 0, a1, ask, true, ""},
			{"unreachable", 0, a2, unreachable("10.0.0.21", "10.0.0.11", ask), true, ""},
			{"about another flow", 0, a2, unreachable("10.0.0.21", "10.0.0.11", udp("10.0.0.11", 1, "10.0.0.21", 53)), false,
				back},
			{"about the other direction", 0, a2, unreachable("10.0.0.21", "10.0.0.11", reply), false, back},
			{"does not keep alive", 20 * time.Second, a2, unreachable("10.0.0.21", "10.0.0.11", ask), true, ""},
			{"late", 11 * time.Second, a2, reply, false, back},
		}},
		{"another protocol", []step{
			{"before", 0, a2, ipv4("10.0.0.21", "10.0.0.11", 47, nil), false, back},
			{"out", 0, a1, ipv4("10.0.0.11", "10.0.0.21", 47, nil), true, ""},
			{"back", 599 * time.Second, a2, ipv4("10.0.0.21", "10.0.0.11", 47, nil), true, ""},
			{"late", 601 * time.Second, a2, ipv4("10.0.0.21", "10.0.0.11", 47, nil), false, back},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, clientServer(), Config{})
			for _, s := range tc.steps {
				b.now = b.now.Add(s.wait)
				frame := toA2(s.ip)
				if s.from == a2 {
					frame = toA1(s.ip)
				}
				got := b.send(s.from, frame)
				if passed := len(b.out.Deliveries) == 1; passed != s.pass || !s.pass && got != s.want {
					t.Fatalf("%s: %s", s.name, got)
				}
			}
		})
	}
}

func TestLongTCPIdle(t *testing.T) {
	b := newBench(t, clientServer(), Config{TCPIdle: 432000 * time.Second})
	b.send(a1, toA2(tcp("10.0.0.11", 1000, "10.0.0.21", 22, tcpSYN)))
	b.send(a2, toA1(tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpSYN|tcpACK)))
	b.now = b.now.Add(431999 * time.Second)
	b.expect("", a2, toA1(tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpACK)),
		"eni-a1: a2 > a1 10.0.0.21:22 > 10.0.0.11:1000 TCP ACK length 40")
}

// Changed rules do not cut tracked flows, but apply to new ones.
func TestTrackedFlowsOutliveRules(t *testing.T) {
	b := newBench(t, clientServer(), Config{})
	first := toA2(tcp("10.0.0.11", 1000, "10.0.0.21", 22, tcpSYN))
	passed := b.send(a1, first)
	if err := b.SetTopology(grouped(SecurityGroup{}, SecurityGroup{})); err != nil {
		t.Fatal(err)
	}
	b.expect("tracked", a1, first, passed)
	b.expect("new", a1, toA2(tcp("10.0.0.11", 1001, "10.0.0.21", 22, tcpSYN)), deniedOut)
}

// Replies pass the Internet gateway without an ingress rule.
func TestStatefulThroughInternetGateway(t *testing.T) {
	b := newBench(t, clientServer(), Config{})
	b.expect("before", Internet, udp("8.8.8.8", 53, "198.51.100.11", 1), "drop ingress eni-a1: security-group-ingress")
	b.expect("out", a1, viaGateway(udp("10.0.0.11", 1, "8.8.8.8", 53)),
		"internet: 198.51.100.11:1 > 8.8.8.8:53 UDP length 28")
	b.expect("back", Internet, udp("8.8.8.8", 53, "198.51.100.11", 1),
		"eni-a1: gwA > a1 8.8.8.8:53 > 10.0.0.11:1 UDP length 28")
	b.expect("error of a router on the way", Internet,
		unreachable("192.88.0.1", "198.51.100.11", udp("198.51.100.11", 1, "8.8.8.8", 53)),
		"eni-a1: gwA > a1 192.88.0.1 > 10.0.0.11 ICMP type 3 code 3 length 56")
	b.expect("error about nothing", Internet,
		unreachable("192.88.0.1", "198.51.100.11", udp("198.51.100.11", 2, "8.8.8.8", 53)),
		"drop ingress eni-a1: security-group-ingress")
}

func TestFragmentsFollowTheFirst(t *testing.T) {
	piece := func(id, offset uint16, more bool) []byte {
		return with(udp("10.0.0.11", 1000, "10.0.0.21", 53, make([]byte, 8)...), func(ip []byte) {
			put16(ip[4:], id)
			if more {
				offset |= 0x2000
			}
			put16(ip[6:], offset)
		})
	}
	b := newBench(t, clientServer(), Config{})
	b.expect("later first", a1, toA2(piece(5, 2, false)), "drop ingress eni-a2: fragment")
	b.expect("first", a1, toA2(piece(5, 0, true)),
		"eni-a2: a1 > a2 10.0.0.11:1000 > 10.0.0.21:53 UDP length 36 fragment 5 at 0")
	b.expect("later", a1, toA2(piece(5, 2, false)), "eni-a2: a1 > a2 10.0.0.11 > 10.0.0.21 UDP length 36 fragment 5 at 16")
	b.expect("of another packet", a1, toA2(piece(6, 2, false)), "drop ingress eni-a2: fragment")
	b.now = b.now.Add(fragmentLife)
	b.expect("too late", a1, toA2(piece(5, 2, false)), "drop ingress eni-a2: fragment")
	b.expect("first, of a tracked flow", a1, toA2(piece(6, 0, true)),
		"eni-a2: a1 > a2 10.0.0.11:1000 > 10.0.0.21:53 UDP length 36 fragment 6 at 0")
	b.expect("later", a1, toA2(piece(6, 2, false)), "eni-a2: a1 > a2 10.0.0.11 > 10.0.0.21 UDP length 36 fragment 6 at 16")
}

func TestFlowTableIsBounded(t *testing.T) {
	b := newBench(t, clientServer(), Config{MaxFlows: 100})
	for port := range uint16(100) {
		b.send(a1, toA2(udp("10.0.0.11", 1000+port, "10.0.0.21", 53)))
		if b.out.Reason != ReasonNone {
			t.Fatalf("flow %d: %s", port, b.out.Reason)
		}
	}
	b.expect("full", a1, toA2(udp("10.0.0.11", 999, "10.0.0.21", 53)), "drop egress eni-a1: conntrack-full")
	b.expect("tracked goes on", a1, toA2(udp("10.0.0.11", 1000, "10.0.0.21", 53)),
		"eni-a2: a1 > a2 10.0.0.11:1000 > 10.0.0.21:53 UDP length 28")
	b.now = b.now.Add(time.Minute)
	b.expect("room again", a1, toA2(udp("10.0.0.11", 999, "10.0.0.21", 53)),
		"eni-a2: a1 > a2 10.0.0.11:999 > 10.0.0.21:53 UDP length 28")
}

func TestFlowsAreSwept(t *testing.T) {
	b := newBench(t, clientServer(), Config{})
	for i := range 20000 {
		b.now = b.now.Add(time.Second)
		b.send(a1, toA2(udp("10.0.0.11", uint16(i), "10.0.0.21", 53)))
	}
	if n := b.tables.Load().nics["eni-a1"].flows.count.Load(); n > 16*(64+2*30) {
		t.Errorf("%d flows are kept, of which about 30 live", n)
	}
}

func TestServicesAndDHCPAreExempt(t *testing.T) {
	b := newBench(t, grouped(SecurityGroup{}, SecurityGroup{}), Config{})
	for _, dst := range []string{"169.254.169.254", "169.254.169.253", "169.254.169.123", "10.0.0.2"} {
		if b.send(a1, viaGateway(udp("10.0.0.11", 1, dst, 53))); len(b.out.Deliveries) != 1 ||
			b.out.Deliveries[0].To != Services {
			t.Errorf("%s: %s", dst, b.out.Reason)
		}
	}
	b.send(a1, dhcpFrame(macA1, "0.0.0.0", "255.255.255.255", dhcpDiscover))
	if len(b.out.Deliveries) != 1 {
		t.Errorf("DHCP: %s", b.out.Reason)
	}
	if _, ok := b.ClientOf(netip.MustParseAddr("8.8.8.8")); ok {
		t.Error("8.8.8.8 is nobody's client address")
	}
}
