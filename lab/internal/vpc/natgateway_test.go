// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"testing"
	"time"
)

// b1Out frames a packet from eni-b1, whose subnet routes to nat-a, to its router.
func b1Out(ip []byte) []byte { return ethernet(gwB, macB1, etherIPv4, ip) }

// A gateway allocates ports from 1024 upwards; the first connection gets 1024.
func TestNATGateway(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	b.expect("SYN", b1, b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpSYN)),
		"internet: 198.51.100.90:1024 > 8.8.8.8:80 TCP SYN length 40")
	if ttl := b.out.Deliveries[0].Frame[8]; ttl != 63 {
		t.Errorf("TTL %d, want 63: the gateway is a hop", ttl)
	}
	b.expect("SYN ACK", Internet, tcp("8.8.8.8", 80, "198.51.100.90", 1024, tcpSYN|tcpACK),
		"eni-b1: gwB > b1 8.8.8.8:80 > 10.0.1.31:5000 TCP SYN ACK length 40")
	b.expect("more of it", b1, b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpACK, 1, 2)),
		"internet: 198.51.100.90:1024 > 8.8.8.8:80 TCP ACK length 42")
	b.expect("another connection", b1, b1Out(tcp("10.0.1.31", 5001, "8.8.8.8", 80, tcpSYN)),
		"internet: 198.51.100.90:1025 > 8.8.8.8:80 TCP SYN length 40")
	b.expect("UDP", b1, b1Out(udp("10.0.1.31", 5000, "8.8.8.8", 53, 1, 2, 3)),
		"internet: 198.51.100.90:1026 > 8.8.8.8:53 UDP length 31")
	b.expect("UDP answer", Internet, udp("8.8.8.8", 53, "198.51.100.90", 1026, 9),
		"eni-b1: gwB > b1 8.8.8.8:53 > 10.0.1.31:5000 UDP length 29")
	b.expect("echo", b1, b1Out(ping("10.0.1.31", "8.8.8.8", 7)),
		"internet: 198.51.100.90 > 8.8.8.8 ICMP type 8 code 0 id 1027 length 35")
	b.expect("echo reply", Internet, pong("8.8.8.8", "198.51.100.90", 1027),
		"eni-b1: gwB > b1 8.8.8.8 > 10.0.1.31 ICMP type 0 code 0 id 7 length 35")
}

func TestNATGatewayRefuses(t *testing.T) {
	piece := func(ip []byte) []byte { return with(ip, func(b []byte) { put16(b[6:], 0x2000) }) }
	topo := fullTopology()
	for _, tc := range []struct {
		name  string
		from  Port
		frame []byte
		want  string
	}{
		{"another protocol", b1, b1Out(ipv4("10.0.1.31", "8.8.8.8", 47, nil)), "drop ingress eni-na: nat-protocol"},
		{"ICMP that is no echo", b1, b1Out(icmp("10.0.1.31", "8.8.8.8", 13, 0, 1)), "drop ingress eni-na: nat-protocol"},
		{"echo reply out of nothing", b1, b1Out(pong("10.0.1.31", "8.8.8.8", 1)), "drop ingress eni-na: nat-no-connection"},
		{"TCP in fragments", b1, b1Out(piece(tcp("10.0.1.31", 1, "8.8.8.8", 2, tcpSYN, make([]byte, 4)...))),
			"drop ingress eni-na: nat-fragment"},
		{"ICMP in fragments", b1, b1Out(piece(ping("10.0.1.31", "8.8.8.8", 1))), "drop ingress eni-na: nat-fragment"},
		{"too large", b1, b1Out(udp("10.0.1.31", 1, "8.8.8.8", 2, make([]byte, 8473)...)), "drop ingress eni-na: nat-mtu"},
		{"too large, don't fragment", b1, b1Out(dontFragment(udp("10.0.1.31", 1, "8.8.8.8", 2, make([]byte, 8473)...))),
			"eni-b1: gwB > b1 10.0.0.90 > 10.0.1.31 ICMP type 3 code 4 length 576\ndrop ingress eni-na: nat-mtu"},
		{"NAT64, which the lab does not have", b1, ethernet(gwB, macB1, etherIPv6, udp6(v6B1, 1, "64:ff9b::808:808", 2)),
			"drop ingress eni-na: nat-protocol"},
		{"from the Internet, unsolicited", Internet, tcp("8.8.8.8", 80, "198.51.100.90", 1024, tcpSYN),
			"drop ingress eni-na: nat-no-connection"},
		{"another protocol from the Internet", Internet, ipv4("8.8.8.8", "198.51.100.90", 47, nil),
			"drop ingress eni-na: nat-protocol"},
		{"a later fragment without the first", b1, b1Out(with(udp("10.0.1.31", 1, "8.8.8.8", 2),
			func(ip []byte) { put16(ip[6:], 5) })), "drop ingress eni-na: fragment"},
		{"ping from the Internet", Internet, ping("8.8.8.8", "198.51.100.90", 1), "drop ingress eni-na: nat-no-connection"},
		{"ping within the VPC", b1, b1Out(ping("10.0.1.31", "10.0.0.90", 1)), "drop ingress eni-na: nat-no-connection"},
		{"for others, by its MAC", a1, ethernet(macNA, macA1, etherIPv4, udp("10.0.0.11", 1, "8.8.8.8", 2)),
			"drop ingress eni-na: destination-address"},
		{"a frame of the gateway's own ENI, which has no device", ENIPort("eni-na"),
			ethernet(macA1, macNA, etherIPv4, udp("10.0.0.90", 1, "10.0.0.11", 2)), "drop egress eni-na: detached"},
		{"that has gone", b1, b1Out(udp("10.0.1.31", 1, "192.0.2.130", 2)), "drop egress eni-b1: blackhole"},
	} {
		t.Run(tc.name, func(t *testing.T) { newBench(t, topo, Config{}).expect(tc.name, tc.from, tc.frame, tc.want) })
	}
}

// The gateway decrements the TTL, and reports its expiry from its private address.
func TestNATGatewayIsAHop(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	b.expect("", b1, b1Out(with(udp("10.0.1.31", 5000, "8.8.8.8", 33434), func(ip []byte) { ip[8] = 1 })),
		"eni-b1: gwB > b1 10.0.0.90 > 10.0.1.31 ICMP type 11 code 0 length 56\ndrop ingress eni-na: nat-ttl")
}

func TestNATGatewayIdle(t *testing.T) {
	b := newBench(t, fullTopology(), Config{TCPIdle: 432000 * time.Second})
	b.send(b1, b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpSYN)))
	b.send(Internet, tcp("8.8.8.8", 80, "198.51.100.90", 1024, tcpSYN|tcpACK))
	ack := b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpACK))
	b.now = b.now.Add(349 * time.Second)
	b.expect("not long enough", b1, ack, "internet: 198.51.100.90:1024 > 8.8.8.8:80 TCP ACK length 40")
	b.now = b.now.Add(350 * time.Second)
	b.expect("from outside, timed out", Internet, tcp("8.8.8.8", 80, "198.51.100.90", 1024, tcpACK),
		"drop ingress eni-na: nat-no-connection")
	b.expect("the client is reset", b1, ack,
		"eni-b1: gwB > b1 8.8.8.8:80 > 10.0.1.31:5000 TCP RST length 40\ndrop ingress eni-na: nat-idle")
	if seq := b.out.Deliveries[0].Frame[etherLen+24:][:4]; !bytes.Equal(seq, []byte{0, 0, 0, 1}) {
		t.Errorf("the reset has sequence number % x, not that acknowledged", seq)
	}
	b.expect("a reset is not reset", b1, b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpRST)),
		"drop ingress eni-na: nat-idle")
	b.expect("without acknowledgement", b1, b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpFIN, 1, 2)),
		"eni-b1: gwB > b1 8.8.8.8:80 > 10.0.1.31:5000 TCP RST ACK length 40\ndrop ingress eni-na: nat-idle")
	if ack := b.out.Deliveries[0].Frame[etherLen+28:][:4]; !bytes.Equal(ack, []byte{0, 0, 0, 4}) {
		t.Errorf("the reset acknowledges % x, want 1 + 2 bytes + FIN", ack)
	}
	b.expect("a new one", b1, b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpSYN)),
		"internet: 198.51.100.90:1025 > 8.8.8.8:80 TCP SYN length 40")
}

func TestNATGatewayPorts(t *testing.T) {
	topo := fullTopology()
	topo.eni("eni-b1").Addresses = addrs("10.0.1.31 10.0.1.32")
	b := newBench(t, topo, Config{})
	seen := map[uint16]bool{}
	for i := range natPerDestination {
		src := []string{"10.0.1.31", "10.0.1.32"}[i&1]
		b.Forward(b1, b1Out(udp(src, uint16(1000+i/2), "8.8.8.8", 53)), b.now, &b.out)
		if len(b.out.Deliveries) != 1 {
			t.Fatalf("connection %d: %s", i, b.out.Reason)
		}
		port := get16(b.out.Deliveries[0].Frame[20:])
		if port < 1024 || seen[port] {
			t.Fatalf("connection %d has port %d", i, port)
		}
		seen[port] = true
	}
	one := b1Out(udp("10.0.1.31", 60000, "8.8.8.8", 53))
	b.expect("one more", b1, one, "drop ingress eni-na: nat-ports")
	b.expect("to another port", b1, b1Out(udp("10.0.1.31", 60000, "8.8.8.8", 54)),
		"internet: 198.51.100.90:56024 > 8.8.8.8:54 UDP length 28")
	b.expect("by another protocol", b1, b1Out(tcp("10.0.1.31", 60000, "8.8.8.8", 53, tcpSYN)),
		"internet: 198.51.100.90:56025 > 8.8.8.8:53 TCP SYN length 40")
	b.now = b.now.Add(natIdle)
	b.send(b1, one)
	if len(b.out.Deliveries) != 1 {
		t.Errorf("there is no room when they have timed out: %s", b.out.Reason)
	}
}

func TestNATGatewayICMPErrors(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	ask := udp("10.0.1.31", 5000, "8.8.8.8", 53, 1, 2, 3)
	b.send(b1, b1Out(ask))
	seen := bytes.Clone(b.out.Deliveries[0].Frame)
	b.expect("in", Internet, unreachable("192.88.0.1", "198.51.100.90", seen),
		"eni-b1: gwB > b1 192.88.0.1 > 10.0.1.31 ICMP type 3 code 3 length 59")
	want := with(bytes.Clone(ask), func(ip []byte) { ip[8]-- })
	if got := b.out.Deliveries[0].Frame[etherLen+28:]; !bytes.Equal(got, want) {
		t.Errorf("quoted\n got % x\nwant % x", got, want)
	}
	b.expect("about nothing", Internet, unreachable("192.88.0.1", "198.51.100.90", udp("198.51.100.90", 9, "8.8.8.8", 53)),
		"drop ingress eni-na: nat-no-connection")

	answer := udp("8.8.8.8", 53, "198.51.100.90", 1024, 9)
	b.send(Internet, answer)
	got := bytes.Clone(b.out.Deliveries[0].Frame[etherLen:])
	b.expect("out", b1, b1Out(unreachable("10.0.1.31", "8.8.8.8", got)),
		"internet: 198.51.100.90 > 8.8.8.8 ICMP type 3 code 3 length 57")
	if quote := b.out.Deliveries[0].Frame[28:]; !bytes.Equal(quote, answer) {
		t.Errorf("quoted\n got % x\nwant % x", quote, answer)
	}
	b.expect("out, of another", b1, b1Out(unreachable("10.0.1.31", "8.8.8.8", udp("8.8.8.8", 53, "10.0.1.31", 5001))),
		"drop ingress eni-na: nat-no-connection")

	echo := ping("10.0.1.31", "8.8.8.8", 7)
	b.send(b1, b1Out(echo))
	b.send(Internet, unreachable("192.88.0.1", "198.51.100.90", b.out.Deliveries[0].Frame))
	if quote := b.out.Deliveries[0].Frame[etherLen+28:]; !bytes.Equal(quote,
		with(bytes.Clone(echo), func(ip []byte) { ip[8]-- })) {
		t.Errorf("quoted echo % x", quote)
	}
}

// The gateway passes the Internet gateway's "too big" errors to the client.
func TestNATGatewayPathMTU(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	b.expect("", b1, b1Out(dontFragment(udp("10.0.1.31", 5000, "8.8.8.8", 53, make([]byte, 2000)...))),
		"eni-b1: gwB > b1 10.0.0.1 > 10.0.1.31 ICMP type 3 code 4 length 576\ndrop egress eni-na: internet-mtu")
	l4 := b.out.Deliveries[0].Frame[etherLen+20:]
	if get16(l4[6:]) != 1500 || getAddr(l4[8+12:]) != addr("10.0.1.31") || get16(l4[8+20:]) != 5000 {
		t.Errorf("MTU %d, quoted % x", get16(l4[6:]), l4[8:36])
	}
}

func TestNATGatewayUDPFragments(t *testing.T) {
	piece := func(ip []byte, offset uint16, more bool) []byte {
		return with(ip, func(b []byte) {
			put16(b[4:], 5)
			if more {
				offset |= 0x2000
			}
			put16(b[6:], offset)
		})
	}
	out := func(offset uint16, more bool) []byte {
		return b1Out(piece(udp("10.0.1.31", 5000, "8.8.8.8", 53, make([]byte, 8)...), offset, more))
	}
	back := func(offset uint16, more bool) []byte {
		return piece(udp("8.8.8.8", 53, "198.51.100.90", 1024, make([]byte, 8)...), offset, more)
	}
	b := newBench(t, fullTopology(), Config{})
	b.expect("first", b1, out(0, true), "internet: 198.51.100.90:1024 > 8.8.8.8:53 UDP length 36 fragment 5 at 0")
	b.expect("later", b1, out(2, false), "internet: 198.51.100.90 > 8.8.8.8 UDP length 36 fragment 5 at 16")
	b.expect("back, later before the first", Internet, back(2, false), "drop ingress eni-na: fragment")
	b.expect("back, first", Internet, back(0, true),
		"eni-b1: gwB > b1 8.8.8.8:53 > 10.0.1.31:5000 UDP length 36 fragment 5 at 0")
	b.expect("back, later", Internet, back(2, false),
		"eni-b1: gwB > b1 8.8.8.8 > 10.0.1.31 UDP length 36 fragment 5 at 16")
}

// The private gateway nat-b has no Elastic IP; its subnet's route leads further.
func TestPrivateNATGateway(t *testing.T) {
	topo := fullTopology()
	topo.Subnets[1].Routes = []Route{local,
		{prefix("192.0.2.0/24"), TargetENI, "eni-r"},
		{prefix("0.0.0.0/0"), TargetInternetGateway, "igw-a"}}
	topo.Subnets[0].Routes = append(topo.Subnets[0].Routes, Route{prefix("172.16.0.0/16"), TargetNATGateway, "nat-b"},
		Route{prefix("192.0.2.0/29"), TargetNATGateway, "nat-b"})
	b := newBench(t, topo, Config{})
	b.expect("out", a1, viaGateway(udp("10.0.0.11", 5000, "192.0.2.1", 53)),
		"eni-r: gwA > r 10.0.1.90:1024 > 192.0.2.1:53 UDP length 28")
	b.expect("back", r, ethernet(gwA, macR, etherIPv4, udp("192.0.2.1", 53, "10.0.1.90", 1024)),
		"eni-a1: gwA > a1 192.0.2.1:53 > 10.0.0.11:5000 UDP length 28")
	b.expect("to the Internet", a1, viaGateway(udp("10.0.0.11", 5000, "172.16.0.1", 53)),
		"drop egress eni-nb: no-elastic-ip")
}

func TestNATGatewayLoops(t *testing.T) {
	topo := fullTopology()
	b := newBench(t, topo, Config{})
	b.expect("its own subnet leads to itself", b1, b1Out(udp("10.0.1.31", 1, "192.0.2.1", 2)),
		"drop ingress eni-nb: nat-loop")
	topo = fullTopology()
	topo.Subnets[0].Routes = []Route{local, {prefix("0.0.0.0/0"), TargetNATGateway, "nat-b"}}
	topo.Subnets[1].Routes = []Route{local, {prefix("0.0.0.0/0"), TargetNATGateway, "nat-a"}}
	b = newBench(t, topo, Config{})
	b.expect("two that lead to each other", b1, b1Out(udp("10.0.1.31", 1, "8.8.8.8", 2)), "drop ingress eni-na: nat-loop")
}

// Two clients behind the gateway and one server in the same VPC.
func TestNATGatewayHairpin(t *testing.T) {
	topo := fullTopology()
	b := newBench(t, topo, Config{})
	b.expect("to an Elastic IP of the fabric", b1, b1Out(udp("10.0.1.31", 5000, "198.51.100.11", 53)),
		"eni-a1: gwA > a1 198.51.100.90:1024 > 10.0.0.11:53 UDP length 28")
	b.expect("and back", a1, viaGateway(udp("10.0.0.11", 53, "198.51.100.90", 1024)),
		"eni-b1: gwB > b1 198.51.100.11:53 > 10.0.1.31:5000 UDP length 28")
	b.expect("to the gateway's own Elastic IP", b1, b1Out(udp("10.0.1.31", 5000, "198.51.100.90", 53)),
		"drop ingress eni-na: nat-no-connection")
}

// The gateway's connections persist across topologies; the client's security groups apply.
func TestNATGatewayState(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	b.send(b1, b1Out(udp("10.0.1.31", 5000, "8.8.8.8", 53)))
	topo := fullTopology()
	topo.eni("eni-a1").Addresses = addrs("10.0.0.11")
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	b.expect("after a change", Internet, udp("8.8.8.8", 53, "198.51.100.90", 1024),
		"eni-b1: gwB > b1 8.8.8.8:53 > 10.0.1.31:5000 UDP length 28")
	topo.eni("eni-b1").SecurityGroups = nil
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	b.expect("denied to the client", b1, b1Out(udp("10.0.1.31", 5001, "8.8.8.8", 53)),
		"drop egress eni-b1: security-group-egress")
	topo.eni("eni-na").Down = true
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	b.expect("down", b1, b1Out(udp("10.0.1.31", 5000, "8.8.8.8", 53)), "drop ingress eni-na: nic-down")
	topo.ElasticIPs = topo.ElasticIPs[:3]
	topo.eni("eni-na").Down = false
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	b.expect("without its Elastic IP", b1, b1Out(udp("10.0.1.31", 5000, "8.8.8.8", 53)),
		"drop egress eni-na: no-elastic-ip")
}

func TestNATGatewayClampsMSS(t *testing.T) {
	syn := func(src, dst string, sport, dport uint16, flags uint8, options ...byte) []byte {
		l4 := append(ports(sport, dport), 0, 0, 0, 1, 0, 0, 0, 1, byte(5+len(options)/4)<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
		return ipv4(src, dst, protoTCP, append(l4, options...))
	}
	for _, tc := range []struct {
		name          string
		options, want []byte
	}{
		{"large", []byte{2, 4, 35, 1}, []byte{2, 4, 33, 12}},
		{"small enough", []byte{2, 4, 5, 180}, []byte{2, 4, 5, 180}},
		{"at an odd offset", []byte{1, 2, 4, 35, 1, 1, 1, 1}, []byte{1, 2, 4, 33, 12, 1, 1, 1}},
		{"after another", []byte{3, 3, 7, 2, 4, 35, 1, 0}, []byte{3, 3, 7, 2, 4, 33, 12, 0}},
		{"after the end", []byte{0, 2, 4, 35, 1, 0, 0, 0}, []byte{0, 2, 4, 35, 1, 0, 0, 0}},
		{"of a wrong length", []byte{2, 0, 35, 1}, []byte{2, 0, 35, 1}},
		{"cut off", []byte{1, 1, 2, 4}, []byte{1, 1, 2, 4}},
		{"none", nil, []byte{}},
	} {
		b := newBench(t, fullTopology(), Config{})
		b.send(b1, b1Out(syn("10.0.1.31", "8.8.8.8", 5000, 80, tcpSYN, tc.options...)))
		if got := b.out.Deliveries[0].Frame[40:]; !bytes.Equal(got, tc.want) {
			t.Errorf("%s: out % x, want % x", tc.name, got, tc.want)
		}
		b.send(Internet, syn("8.8.8.8", "198.51.100.90", 80, 1024, tcpSYN|tcpACK, tc.options...))
		if got := b.out.Deliveries[0].Frame[etherLen+40:]; !bytes.Equal(got, tc.want) {
			t.Errorf("%s: back % x, want % x", tc.name, got, tc.want)
		}
		b.send(b1, b1Out(syn("10.0.1.31", "8.8.8.8", 5000, 80, tcpACK, tc.options...)))
		if got := b.out.Deliveries[0].Frame[40:]; !bytes.Equal(got, tc.options) {
			t.Errorf("%s: changed without SYN: % x", tc.name, got)
		}
	}
}

// The services never answer a gateway.
func TestNATGatewayHasNoServices(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	client := b.tables.Load().nics["eni-na"].clients[addr("10.0.0.90")].netip().String()
	b.expect("", Services, udp("169.254.169.254", 80, client, 1), "drop ingress eni-na: detached")
}

// A connection closed by both sides expires sooner, and its ports can be reused.
func TestNATGatewayForgets(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	kept := func() int { return len(b.tables.Load().nics["eni-na"].nat.inside) }
	segment := func(flags uint8) []byte { return b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, flags)) }
	b.send(b1, segment(tcpSYN))
	b.send(b1, segment(tcpFIN|tcpACK))
	b.send(Internet, tcp("8.8.8.8", 80, "198.51.100.90", 1024, tcpFIN|tcpACK))
	b.expect("used again at once", b1, segment(tcpSYN), "internet: 198.51.100.90:1024 > 8.8.8.8:80 TCP SYN length 40")
	b.now = b.now.Add(200 * time.Second)
	b.tick()
	b.expect("it is open, and kept", b1, segment(tcpACK), "internet: 198.51.100.90:1024 > 8.8.8.8:80 TCP ACK length 40")
	b.send(b1, segment(tcpRST|tcpACK))
	b.now = b.now.Add(121 * time.Second)
	b.expect("closed for good", Internet, tcp("8.8.8.8", 80, "198.51.100.90", 1024, tcpACK),
		"drop ingress eni-na: nat-no-connection")
	if kept() != 1 {
		t.Errorf("%d connections are kept before a tick, want 1", kept())
	}
	b.tick()
	if kept() != 0 {
		t.Errorf("%d connections are kept after a tick, want 0", kept())
	}
}

func TestNATGatewayChecksums(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	without := udp("10.0.1.31", 5000, "8.8.8.8", 53, 1)
	put16(without[26:], 0)
	b.send(b1, b1Out(without))
	if got := get16(b.out.Deliveries[0].Frame[26:]); got != 0 {
		t.Errorf("a UDP checksum that was not there became %#04x", got)
	}
	b.send(b1, b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpSYN)))
	quote := bytes.Clone(b.out.Deliveries[0].Frame[:28]) // too short for its checksum
	b.expect("error that quotes 8 bytes", Internet, unreachable("192.88.0.1", "198.51.100.90", quote),
		"eni-b1: gwB > b1 192.88.0.1 > 10.0.1.31 ICMP type 3 code 3 length 56")
	if got := b.out.Deliveries[0].Frame[etherLen+48:]; get16(got) != 5000 {
		t.Errorf("quoted ports % x", got)
	}
	hit := false
	for i := range 1 << 16 {
		b.send(b1, b1Out(udp("10.0.1.31", 5000, "8.8.8.8", 53, byte(i>>8), byte(i))))
		switch get16(b.out.Deliveries[0].Frame[26:]) {
		case 0:
			t.Fatalf("payload %#04x: checksum zero", i)
		case 0xffff:
			hit = true
		}
	}
	if !hit {
		t.Error("no payload came to the checksum of all ones")
	}
}
