// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReasonsAreExplained(t *testing.T) {
	names := map[string]bool{}
	for _, why := range Reasons() {
		name := why.String()
		if name == "" || names[name] || why.Explain() == "" {
			t.Errorf("reason %d (%s) has no name of its own or no explanation", why, name)
		}
		names[name] = true
		if why.Source() == "" && why != ReasonNoDevice && why != ReasonDevice && why != ReasonNICDown {
			t.Errorf("%s names no source", name)
		}
	}
}

func TestCounters(t *testing.T) {
	b := newBench(t, testTopology(), Config{})
	good := ethernet(macA2, macA1, etherIPv4, udp("10.0.0.11", 1, "10.0.0.21", 2))
	b.send(a1, good)
	b.send(a1, good)
	b.send(a1, ethernet(macA2, macX, etherIPv4, udp("10.0.0.11", 1, "10.0.0.21", 2)))
	b.send(a1, ethernet(macA2, macA1, etherIPv4, udp("10.0.0.11", 1, "10.0.0.22", 2)))
	b.send(a1, viaGateway(udp("10.0.0.11", 1, "8.8.8.8", 2)))
	b.send(Internet, udp("8.8.8.8", 1, "198.51.100.12", 2))
	b.send(ENIPort("eni-x"), good)
	var got []Counters
	for _, c := range b.Counters() {
		if c.Sent.Frames+c.Received.Frames > 0 || c.Drops != nil {
			got = append(got, c)
		}
	}
	want := []Counters{
		{Port: Port{}, Drops: []DropCount{{Egress, ReasonUnknownENI, 1}}},
		{Port: a1, Sent: Traffic{4, 168}, Drops: []DropCount{{Egress, ReasonSourceMAC, 1}}},
		{Port: a2, Received: Traffic{2, 84}, Drops: []DropCount{{Ingress, ReasonDestinationAddress, 1}}},
		{Port: Internet, Received: Traffic{1, 28}, Drops: []DropCount{{Egress, ReasonUnknownElasticIP, 1}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}

	// Counters stay with an ENI across topologies, and are removed with it.
	topo := testTopology()
	topo.ENIs[0].SourceDestCheck = false
	b.SetTopology(topo)
	sent := func() (frames uint64, found bool) {
		for _, c := range b.Counters() {
			if c.Port == a1 {
				return c.Sent.Frames, true
			}
		}
		return 0, false
	}
	if n, _ := sent(); n != 4 {
		t.Errorf("after a change of topology %d frames were sent, want 4", n)
	}
	b.SetTopology(Topology{})
	if _, found := sent(); found {
		t.Error("counters of an ENI that has gone are still there")
	}
}

func TestDropLog(t *testing.T) {
	b := newBench(t, testTopology(), Config{DropLog: 3})
	for i := range 5 {
		b.Forward(a1, ethernet(macX, macA1, etherIPv4, tcp("10.0.0.11", uint16(i), "10.0.0.21", 80, tcpSYN)),
			start.Add(time.Duration(i)), &b.out)
	}
	var want []Drop
	for i, port := range []string{"2", "3", "4"} {
		want = append(want, Drop{
			Time: start.Add(time.Duration(i + 2)), Port: a1, Direction: Egress, Reason: ReasonUnknownUnicast, Length: 54,
			Summary: "02:00:00:00:00:a1 > fa:16:3e:01:02:03 10.0.0.11:" + port + " > 10.0.0.21:80 TCP SYN length 40",
		})
	}
	if diff := cmp.Diff(want, b.Drops()); diff != "" {
		t.Errorf("drops (-want +got):\n%s", diff)
	}
}

func TestSummary(t *testing.T) {
	for _, tc := range []struct{ frame, want string }{
		{"", "0 bytes, no Ethernet header"},
		{string(arpFrame(broadcastMAC, macA1, arpRequest, macX, "10.0.0.11", "10.0.0.1")),
			"a1 > * ARP who-has 10.0.0.1 tell 10.0.0.11 (x)"},
		{string(arpFrame(macA2, macA1, arpReply, macX, "10.0.0.11", "10.0.0.1")),
			"a1 > a2 ARP 10.0.0.11 is-at x, to 10.0.0.1"},
		{string(ethernet(macA2, macA1, etherARP, nil)), "a1 > a2 ARP, cut short"},
		{string(ethernet(macA2, macA1, etherVLAN, []byte{0, 7})), "a1 > a2 VLAN 7"},
		{string(ethernet(macA2, macA1, 0x88cc, nil)), "a1 > a2 ethertype 0x88cc"},
		{string(ethernet(macA2, macA1, etherIPv6, append([]byte{0x60, 0, 0, 0, 0, 0, 58, 255}, make([]byte, 32)...))),
			"a1 > a2 :: > :: ICMPv6, broken"},
		{string(ethernet(macA2, macA1, etherIPv6, []byte{0x60})), "a1 > a2 IPv6, no header"},
		{string(toA26(udp6(v6A1, 1, v6A2, 2))), "a1 > a2 [" + v6A1 + "]:1 > [" + v6A2 + "]:2 UDP length 48"},
		{string(toA26(tcp6(v6A1, 1, v6A2, 2, tcpSYN|tcpACK))),
			"a1 > a2 [" + v6A1 + "]:1 > [" + v6A2 + "]:2 TCP SYN ACK length 60"},
		{string(toA26(withExtensions(udp6(v6A1, 1, v6A2, 2), fragmentHeader(9, 3, false)))),
			"a1 > a2 " + v6A1 + " > " + v6A2 + " UDP length 56 fragment 9 at 24"},
		{string(toA26(ping6(v6A1, v6A2, 7))), "a1 > a2 " + v6A1 + " > " + v6A2 + " ICMPv6 type 128 code 0 id 7 length 48"},
		{string(toA26(unreachable6(v6A1, v6A2, nil))), "a1 > a2 " + v6A1 + " > " + v6A2 + " ICMPv6 type 1 code 4 length 48"},
		{string(solicit(macA2, macA1, v6A1, v6A2, v6A2, sourceOption(macX)...)),
			"a1 > a2 " + v6A1 + " > " + v6A2 + " who-has " + v6A2 + " tell x length 72"},
		{string(solicit(macA2, macA1, v6A1, v6A2, v6A2)),
			"a1 > a2 " + v6A1 + " > " + v6A2 + " who-has " + v6A2 + " length 64"},
		{string(toA26(icmp6(v6A1, v6A2, ndNeighbourAdvert, 0, make([]byte, 20)...))),
			"a1 > a2 " + v6A1 + " > " + v6A2 + " :: is here length 64"},
		{string(toA26(icmp6(v6A1, v6A2, ndNeighbourAdvert, 0, make([]byte, 4)...))),
			"a1 > a2 " + v6A1 + " > " + v6A2 + " ICMPv6 type 136 code 0 length 48"},
		{string(routerSolicit(macA1, llA1)[:etherLen+48]),
			"a1 > 33:33:00:00:00:02 " + llA1 + " > ff02::2 router solicitation length 56"},
		{string(ethernet(macA2, macA1, etherIPv4, []byte{0x45})), "a1 > a2 IPv4, no header"},
		{string(ethernet(macA2, macA1, etherIPv4, ping("10.0.0.11", "8.8.8.8", 3)[:24])),
			"a1 > a2 10.0.0.11 > 8.8.8.8 ICMP, broken"},
	} {
		if got := named(summarize([]byte(tc.frame), false)); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
