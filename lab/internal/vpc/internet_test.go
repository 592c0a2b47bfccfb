// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"testing"
)

func TestInternetGateway(t *testing.T) {
	outbound := udp("10.0.0.11", 1, "8.8.8.8", 53, 1, 2, 3)
	for _, tc := range []struct {
		name  string
		from  Port
		frame []byte
		want  string
	}{
		{"out, UDP", a1, viaGateway(outbound), "internet: 198.51.100.11:1 > 8.8.8.8:53 UDP length 31"},
		{"out, TCP", a1, viaGateway(tcp("10.0.0.11", 1, "8.8.8.8", 80, tcpSYN, 1)),
			"internet: 198.51.100.11:1 > 8.8.8.8:80 TCP SYN length 41"},
		{"out, ICMP", a1, viaGateway(ping("10.0.0.11", "8.8.8.8", 7)),
			"internet: 198.51.100.11 > 8.8.8.8 ICMP type 8 code 0 id 7 length 35"},
		{"out, another protocol", a1, viaGateway(ipv4("10.0.0.11", "8.8.8.8", 47, []byte{1})),
			"internet: 198.51.100.11 > 8.8.8.8 protocol 47 length 21"},
		{"out, padded", a1, append(viaGateway(outbound), 0, 0, 0), "internet: 198.51.100.11:1 > 8.8.8.8:53 UDP length 31"},
		{"out without Elastic IP, primary has one", a1, viaGateway(udp("10.0.0.12", 1, "8.8.8.8", 53)),
			"drop egress eni-a1: no-elastic-ip"},
		{"out, as a middlebox, by the source's Elastic IP", r,
			ethernet(gwA, macR, etherIPv4, udp("10.0.0.21", 1, "8.8.8.8", 53)),
			"internet: 198.51.100.21:1 > 8.8.8.8:53 UDP length 28"},
		{"out, as a middlebox, unregistered", r, ethernet(gwA, macR, etherIPv4, udp("172.16.0.1", 1, "8.8.8.8", 53)),
			"drop egress eni-r: no-elastic-ip"},
		{"out of the VPC with the same address", c1, ethernet(gwC, macC1, etherIPv4, outbound),
			"internet: 198.51.100.111:1 > 8.8.8.8:53 UDP length 31"},
		{"in, UDP", Internet, udp("8.8.8.8", 53, "198.51.100.11", 1, 1, 2),
			"eni-a1: gwA > a1 8.8.8.8:53 > 10.0.0.11:1 UDP length 30"},
		{"in, TCP", Internet, tcp("8.8.8.8", 53, "198.51.100.21", 1, tcpSYN),
			"eni-a2: gwA > a2 8.8.8.8:53 > 10.0.0.21:1 TCP SYN length 40"},
		{"in, ICMP of a number that is neighbour discovery in IPv6", Internet, icmp("8.8.8.8", "198.51.100.111", 135, 0, 9),
			"eni-c1: gwC > c1 8.8.8.8 > 10.0.0.11 ICMP type 135 code 0 length 28"},
		{"in, ICMP", Internet, ping("8.8.8.8", "198.51.100.111", 9),
			"eni-c1: gwC > c1 8.8.8.8 > 10.0.0.11 ICMP type 8 code 0 id 9 length 35"},
		{"in, not associated", Internet, udp("8.8.8.8", 53, "198.51.100.12", 1), "drop egress internet: unknown-elastic-ip"},
		{"in, a private address", Internet, udp("8.8.8.8", 53, "10.0.0.11", 1), "drop egress internet: unknown-elastic-ip"},
		{"in, malformed", Internet, []byte{0x45, 0}, "drop egress internet: malformed"},
		{"in, IPv6, malformed", Internet, []byte{0x60, 0}, "drop egress internet: malformed"},
		{"in, too large", Internet, udp("8.8.8.8", 53, "198.51.100.11", 1, make([]byte, 1473)...),
			"drop egress internet: internet-mtu"},
		{"hairpin", a1, viaGateway(udp("10.0.0.11", 1, "198.51.100.21", 2)),
			"eni-a2: gwA > a2 198.51.100.11:1 > 10.0.0.21:2 UDP length 28"},
		{"hairpin to oneself", a1, viaGateway(tcp("10.0.0.11", 1, "198.51.100.11", 2, tcpSYN)),
			"eni-a1: gwA > a1 198.51.100.11:1 > 10.0.0.11:2 TCP SYN length 40"},
		{"hairpin into another VPC", a1, viaGateway(udp("10.0.0.11", 1, "198.51.100.111", 2)),
			"eni-c1: gwC > c1 198.51.100.11:1 > 10.0.0.11:2 UDP length 28"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBench(t, testTopology(), Config{}).expect(tc.name, tc.from, tc.frame, tc.want)
		})
	}
}

// VPC Block Public Access blocks both directions; with block-ingress, NAT gateways still work.
func TestBlockPublicAccess(t *testing.T) {
	for _, public := range []PublicAccess{PublicAccessNAT, PublicAccessNone} {
		top := testTopology()
		top.VPCs[0].PublicAccess = public
		b := newBench(t, top, Config{})
		b.expect("out", a1, viaGateway(udp("10.0.0.11", 1, "8.8.8.8", 53)), "drop egress eni-a1: block-public-access")
		b.expect("in", Internet, udp("8.8.8.8", 53, "198.51.100.11", 1), "drop ingress eni-a1: block-public-access")
		b.expect("another VPC", c1, ethernet(gwC, macC1, etherIPv4, udp("10.0.0.11", 1, "8.8.8.8", 53)),
			"internet: 198.51.100.111:1 > 8.8.8.8:53 UDP length 28")
	}
	for public, want := range map[PublicAccess]string{
		PublicAccessNAT:  "internet: 198.51.100.90:1024 > 8.8.8.8:80 TCP SYN length 40",
		PublicAccessNone: "drop egress eni-na: block-public-access",
	} {
		top := fullTopology()
		top.VPCs[0].PublicAccess = public
		newBench(t, top, Config{}).expect("NAT", b1, b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpSYN)), want)
	}
}

func TestInternetGatewayDetached(t *testing.T) {
	topo := testTopology()
	topo.VPCs[0].InternetGateway = ""
	b := newBench(t, topo, Config{})
	b.expect("out", a1, viaGateway(udp("10.0.0.11", 1, "8.8.8.8", 53)), "drop egress eni-a1: no-internet-gateway")
	b.expect("in", Internet, udp("8.8.8.8", 53, "198.51.100.11", 1), "drop ingress eni-a1: no-internet-gateway")
}

func TestUDPWithoutChecksumStaysWithout(t *testing.T) {
	b := newBench(t, testTopology(), Config{})
	p := udp("10.0.0.11", 1, "8.8.8.8", 53)
	put16(p[26:], 0)
	b.send(a1, viaGateway(p))
	if got := get16(b.out.Deliveries[0].Frame[26:]); got != 0 {
		t.Errorf("checksum became %#04x", got)
	}
}

// A checksum that computes to zero is sent as all ones: zero means that there is none (RFC
// 768). One of the payloads produces it.
func TestUDPChecksumNeverBecomesZero(t *testing.T) {
	b := newBench(t, testTopology(), Config{})
	hit := false
	for i := range 1 << 16 {
		b.send(a1, viaGateway(udp("10.0.0.11", 1, "8.8.8.8", 53, byte(i>>8), byte(i))))
		switch get16(b.out.Deliveries[0].Frame[26:]) {
		case 0:
			t.Fatalf("payload %#04x: checksum zero", i)
		case 0xffff:
			hit = true
		}
	}
	if !hit {
		t.Error("no payload came to the checksum in question")
	}
}

func TestICMPErrorsAreTranslatedWithin(t *testing.T) {
	for name, about := range map[string]func(src, dst string) []byte{
		"UDP": func(src, dst string) []byte { return udp(src, 5, dst, 6, 1, 2, 3) },
		"TCP": func(src, dst string) []byte { return tcp(src, 5, dst, 6, tcpACK, 1, 2, 3) },
		"UDP without checksum": func(src, dst string) []byte {
			p := udp(src, 5, dst, 6, 1, 2, 3)
			put16(p[26:], 0)
			return p
		},
		"8 bytes": func(src, dst string) []byte { return tcp(src, 5, dst, 6, tcpACK)[:28] },
		"ICMP":    func(src, dst string) []byte { return ping(src, dst, 7) },
		"later fragment": func(src, dst string) []byte {
			later := append(ipv4(src, dst, 99, nil), "0123456789"...)
			return with(later, func(ip []byte) { ip[3], ip[7], ip[9] = 30, 9, protoUDP })
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, testTopology(), Config{})
			b.send(Internet, unreachable("192.88.0.1", "198.51.100.11", about("198.51.100.11", "8.8.8.8")))
			check := func(dir string, frame, want []byte) {
				t.Helper()
				if got := frame[len(frame)-len(want):]; !bytes.Equal(got, want) {
					t.Errorf("%s: quoted\n got % x\nwant % x", dir, got, want)
				}
			}
			check("in", b.out.Deliveries[0].Frame, about("10.0.0.11", "8.8.8.8"))
			b.send(a1, viaGateway(unreachable("10.0.0.11", "8.8.8.8", about("8.8.8.8", "10.0.0.11"))))
			check("out", b.out.Deliveries[0].Frame, about("8.8.8.8", "198.51.100.11"))
			b.send(a1, viaGateway(unreachable("10.0.0.11", "198.51.100.21", about("198.51.100.21", "10.0.0.11"))))
			check("hairpin", b.out.Deliveries[0].Frame, about("10.0.0.21", "198.51.100.11"))
			other := about("8.8.8.8", "10.9.9.9")
			b.send(a1, viaGateway(unreachable("10.0.0.11", "8.8.8.8", other)))
			check("about another", b.out.Deliveries[0].Frame, other)
		})
	}
}

func TestInternetMTU(t *testing.T) {
	big := udp("10.0.0.11", 1, "8.8.8.8", 2, bytes.Repeat([]byte("macaw"), 800)...)

	t.Run("1500 bytes pass", func(t *testing.T) {
		newBench(t, testTopology(), Config{}).expect("", a1,
			viaGateway(dontFragment(udp("10.0.0.11", 1, "8.8.8.8", 2, make([]byte, 1472)...))),
			"internet: 198.51.100.11:1 > 8.8.8.8:2 UDP length 1500")
	})
	t.Run("within the VPC there is no cap", func(t *testing.T) {
		newBench(t, testTopology(), Config{}).expect("", a1,
			viaGateway(dontFragment(udp("10.0.0.11", 1, "10.0.1.31", 2, make([]byte, 8973)...))),
			"eni-b1: gwB > b1 10.0.0.11:1 > 10.0.1.31:2 UDP length 9001")
	})
	t.Run("don't fragment", func(t *testing.T) {
		b := newBench(t, testTopology(), Config{})
		b.expect("", a1, viaGateway(dontFragment(bytes.Clone(big))),
			"eni-a1: gwA > a1 10.0.0.1 > 10.0.0.11 ICMP type 3 code 4 length 576\ndrop egress eni-a1: internet-mtu")
		icmp := b.out.Deliveries[0].Frame[etherLen+20:]
		if got := get16(icmp[6:]); got != 1500 {
			t.Errorf("next-hop MTU %d, want 1500", got)
		}
	})
	t.Run("fragments", func(t *testing.T) {
		b := newBench(t, testTopology(), Config{})
		b.expect("", a1, viaGateway(big), "internet: 198.51.100.11:1 > 8.8.8.8:2 UDP length 1500 fragment 0 at 0\n"+
			"internet: 198.51.100.11 > 8.8.8.8 UDP length 1500 fragment 0 at 1480\n"+
			"internet: 198.51.100.11 > 8.8.8.8 UDP length 1068 fragment 0 at 2960")
		whole := bytes.Clone(b.out.Deliveries[0].Frame[:20])
		for _, d := range b.out.Deliveries {
			whole = append(whole, d.Frame[20:]...)
		}
		whole = with(whole, func(ip []byte) { put16(ip[2:], uint16(len(whole))); put16(ip[6:], 0) })
		if err := verify(whole); err != nil || len(whole) != len(big) {
			t.Errorf("put together again: %d bytes of %d, %v", len(whole), len(big), err)
		}
	})
	t.Run("fragments through a hairpin", func(t *testing.T) {
		newBench(t, testTopology(), Config{}).expect("", a1,
			viaGateway(udp("10.0.0.11", 1, "198.51.100.21", 2, make([]byte, 2000)...)),
			"eni-a2: gwA > a2 198.51.100.11:1 > 10.0.0.21:2 UDP length 1500 fragment 0 at 0\n"+
				"eni-a2: gwA > a2 198.51.100.11 > 10.0.0.21 UDP length 548 fragment 0 at 1480")
	})
	t.Run("options in fragments", func(t *testing.T) {
		b := newBench(t, testTopology(), Config{})
		// record route, which is not copied; source route, which is
		p := append(bytes.Clone(big[:20]), 1, 7, 3, 4, 0x83, 3, 4, 0)
		p = with(append(p, big[20:]...), func(ip []byte) { ip[0] = 0x47; put16(ip[2:], uint16(len(big)+8)) })
		put16(p[10:], 0)
		put16(p[10:], fold(sum(0, p[:28])))
		b.send(a1, viaGateway(p))
		for i, want := range [][]byte{{1, 7, 3, 4, 0x83, 3, 4, 0}, {1, 1, 1, 1, 0x83, 3, 4, 0}} {
			if len(b.out.Deliveries) != 3 || !bytes.Equal(b.out.Deliveries[i].Frame[20:28], want) {
				t.Errorf("fragment %d of %d has options % x, want % x", i, len(b.out.Deliveries), b.out.Deliveries[i].Frame[20:28],
					want)
			}
		}
	})
}

// In a fragmented packet the first fragment has the checksum; NAT must not change the later
// ones.
func TestFragmentsAreTranslated(t *testing.T) {
	whole := udp("10.0.0.11", 1, "8.8.8.8", 2, bytes.Repeat([]byte("macaw"), 20)...)
	first := with(bytes.Clone(whole[:20+48]), func(ip []byte) { put16(ip[2:], 68); put16(ip[6:], 0x2000) })
	later := with(append(bytes.Clone(whole[:20]), whole[20+48:]...),
		func(ip []byte) { put16(ip[2:], uint16(len(whole)-48)); put16(ip[6:], 48/8) })
	b := newBench(t, testTopology(), Config{})
	b.send(a1, viaGateway(first))
	got := bytes.Clone(b.out.Deliveries[0].Frame)
	b.send(a1, viaGateway(later))
	got = append(got, b.out.Deliveries[0].Frame[20:]...)
	got = with(got, func(ip []byte) { put16(ip[2:], uint16(len(got))); put16(ip[6:], 0) })
	if want := udp("198.51.100.11", 1, "8.8.8.8", 2, bytes.Repeat([]byte("macaw"), 20)...); !bytes.Equal(got, want) {
		t.Errorf("put together again\n got % x\nwant % x", got, want)
	}
}
