// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"net/netip"
	"testing"
)

// asked sends a packet and returns its addresses as the services see them.
func (b *bench) asked(from Port, frame []byte) (src, dst netip.Addr) {
	b.Helper()
	if got := b.send(from, frame); len(b.out.Deliveries) != 1 || b.out.Deliveries[0].To != Services {
		b.Fatalf("not handed to the services: %s", got)
	}
	ip := b.out.Deliveries[0].Frame
	return getAddr(ip[12:]).netip(), getAddr(ip[16:]).netip()
}

func TestServicesKnowWhoAsks(t *testing.T) {
	b := newBench(t, testTopology(), Config{})
	seen := map[netip.Addr]bool{}
	for _, tc := range []struct {
		from      Port
		gw, mac   MAC
		src, dst  string
		wantDst   string
		wantReply string
	}{
		{a1, gwA, macA1, "10.0.0.11", "169.254.169.254", "169.254.169.254",
			"eni-a1: gwA > a1 169.254.169.254:80 > 10.0.0.11:1 TCP SYN ACK length 40"},
		{a1, gwA, macA1, "10.0.0.12", "169.254.169.254", "169.254.169.254",
			"eni-a1: gwA > a1 169.254.169.254:80 > 10.0.0.12:1 TCP SYN ACK length 40"},
		{c1, gwC, macC1, "10.0.0.11", "169.254.169.254", "169.254.169.254",
			"eni-c1: gwC > c1 169.254.169.254:80 > 10.0.0.11:1 TCP SYN ACK length 40"},
		{c1, gwC, macC1, "10.0.0.11", "10.0.0.2", "169.254.169.253",
			"eni-c1: gwC > c1 10.0.0.2:80 > 10.0.0.11:1 TCP SYN ACK length 40"},
		{b1, gwB, macB1, "10.0.1.31", "10.0.0.2", "169.254.169.253",
			"eni-b1: gwB > b1 10.0.0.2:80 > 10.0.1.31:1 TCP SYN ACK length 40"},
		{b1, gwB, macB1, "10.0.1.31", "169.254.169.123", "169.254.169.123",
			"eni-b1: gwB > b1 169.254.169.123:80 > 10.0.1.31:1 TCP SYN ACK length 40"},
	} {
		client, dst := b.asked(tc.from, ethernet(tc.gw, tc.mac, etherIPv4, tcp(tc.src, 1, tc.dst, 80, tcpSYN)))
		if !netip.MustParsePrefix("100.64.0.0/10").Contains(client) || seen[client] {
			t.Errorf("%s at %s: client address %s is not its own", tc.src, tc.from, client)
		}
		if seen[client] = true; dst.String() != tc.wantDst {
			t.Errorf("%s asks %s: services see %s, want %s", tc.src, tc.dst, dst, tc.wantDst)
		}
		if id, ok := b.ClientOf(client); !ok || id != tc.from.ENI {
			t.Errorf("ClientOf(%s) = %s, %t, want %s", client, id, ok, tc.from.ENI)
		}
		b.expect("reply", Services, tcp(tc.wantDst, 80, client.String(), 1, tcpSYN|tcpACK), tc.wantReply)
	}
}

func TestServicesRefuse(t *testing.T) {
	b := newBench(t, testTopology(), Config{})
	client, _ := b.asked(a1, viaGateway(udp("10.0.0.11", 1, "10.0.0.2", 53)))
	b.expect("unregistered source, SourceDestCheck off", r,
		ethernet(gwA, macR, etherIPv4, udp("172.16.0.1", 1, "169.254.169.254", 80)), "drop egress eni-r: service-source")
	b.expect("no client", Services, udp("169.254.169.254", 80, "100.127.0.1", 1), "drop egress services: service-reply")
	b.expect("private address", Services, udp("169.254.169.254", 80, "10.0.0.11", 1),
		"drop egress services: service-reply")
	b.expect("no service", Services, udp("192.0.2.1", 80, client.String(), 1), "drop egress services: service-reply")
	b.expect("another service", Services, udp("169.254.169.254", 80, client.String(), 1),
		"drop egress services: service-reply")
	b.expect("malformed", Services, nil, "drop egress services: malformed")
}

// An ICMP error from the services quotes the packet as the ENI sent it.
func TestServicesICMPError(t *testing.T) {
	b := newBench(t, testTopology(), Config{})
	client, _ := b.asked(a1, viaGateway(udp("10.0.0.11", 1, "10.0.0.2", 53)))
	seen := append([]byte{}, b.out.Deliveries[0].Frame...)
	b.expect("unreachable", Services, unreachable("169.254.169.253", client.String(), seen),
		"eni-a1: gwA > a1 10.0.0.2 > 10.0.0.11 ICMP type 3 code 3 length 56")
	quote := b.out.Deliveries[0].Frame[etherLen+28:]
	if want := udp("10.0.0.11", 1, "10.0.0.2", 53); string(quote) != string(want) {
		t.Errorf("quoted\n got % x\nwant % x", quote, want)
	}
}

// Client addresses stay with their ENI, are freed with it, and are not reused at once.
func TestClientAddresses(t *testing.T) {
	b := newBench(t, testTopology(), Config{})
	frame := viaGateway(udp("10.0.0.11", 1, "169.254.169.254", 80))
	before, _ := b.asked(a1, frame)
	topo := testTopology()
	topo.ENIs[0], topo.ENIs[1] = topo.ENIs[1], topo.ENIs[0]
	b.SetTopology(topo)
	if after, _ := b.asked(a1, frame); after != before {
		t.Errorf("%s became %s", before, after)
	}
	b.SetTopology(Topology{})
	if id, ok := b.ClientOf(before); ok {
		t.Errorf("%s is still %s", before, id)
	}
	b.SetTopology(testTopology())
	if after, _ := b.asked(a1, frame); after == before {
		t.Errorf("%s was used again at once", before)
	}
}
