// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// FuzzForward sends anything from any port. Nothing may panic. An ENI may receive only
// frames for its MAC and (with SourceDestCheck) its addresses, from the router or from a
// neighbour with its real MAC. A packet with correct checksums must leave with correct
// checksums. With mend, the frame first gets its port's MACs and correct lengths and
// checksums; otherwise few frames would get past those checks.
//
// Run it with -fuzzminimizetime 1x: minimizing takes longer than it is worth.
func FuzzForward(f *testing.F) {
	for _, s := range fuzzFrames() {
		i := uint8(slices.Index(fuzzPorts, s.from))
		f.Add(i, false, s.frame)
		f.Add(i, true, s.frame)
	}
	w := newWatch(f, fullTopology())
	f.Fuzz(func(t *testing.T, port uint8, mend bool, frame []byte) {
		from := fuzzPorts[int(port)%len(fuzzPorts)]
		if frame = bytes.Clone(frame); mend {
			mendFrame(from, w.macs[from.ENI], frame)
		}
		w.fabric.reset()
		for range 2 { // the second time, the flow is tracked
			w.forward(t, from, frame, start)
		}
	})
}

// FuzzConversation plays a script: slightly changed frames of the tests, answers to
// deliveries, time steps, ticks, and changes of topology. The invariants of FuzzForward
// must hold throughout.
func FuzzConversation(f *testing.F) {
	frames := fuzzFrames()
	fabric := New(Config{DropLog: 1})
	var watches []*watch
	for _, topo := range fuzzTopologies() {
		watches = append(watches, watchOf(f, fabric, topo))
	}
	for i := range frames {
		f.Add([]byte{opSend, byte(i), opReply, 0, opSend, byte(i), opWait, 9, opTick, 0, opReply, 0})
	}
	f.Add([]byte{opTopology, 1, opSend, 0, opTopology, 2, opTick, 1, opReply, 0, opWait, 250})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 128 {
			return
		}
		w := watches[0]
		w.use()
		fabric.reset()
		now := start
		var last Delivery
		for len(script) >= 2 {
			op, arg := script[0], script[1]
			script = script[2:]
			switch op % opCount {
			case opSend, opChanged:
				s := frames[int(arg)%len(frames)]
				frame := s.frame
				if op%opCount == opChanged && len(script) >= 3 {
					frame = bytes.Clone(frame)
					at := int(script[0]) % len(frame)
					frame[at] = script[1]
					if script[2]&1 != 0 {
						mendFrame(s.from, w.macs[s.from.ENI], frame)
					}
					script = script[3:]
				}
				last = w.forward(t, s.from, frame, now)
			case opReply:
				if last.Frame != nil && last.To != Services {
					last = w.forward(t, last.To, reverse(last), now)
				}
			case opWait:
				now = now.Add(time.Duration(arg) * time.Duration(arg) * 100 * time.Millisecond)
			case opTick:
				fabric.SetAnnounceMoves(arg&1 != 0)
				w.tick(t, now)
			case opTopology:
				w = watches[int(arg)%len(watches)]
				w.use()
			}
		}
	})
}

const (
	opSend = iota
	opChanged
	opReply
	opWait
	opTick
	opTopology
	opCount
)

var fuzzPorts = []Port{a1, a2, r, b1, c1, Internet, Services, ENIPort("eni-na"), ENIPort("eni-off")}

type fuzzFrame struct {
	from  Port
	frame []byte
}

// fuzzFrames are seed frames, in a fixed order.
func fuzzFrames() (all []fuzzFrame) {
	add := func(p Port, frames ...[]byte) {
		for _, frame := range frames {
			all = append(all, fuzzFrame{p, frame})
		}
	}
	hot := hotPaths()
	for _, name := range []string{"subnet", "routed", "igwout", "igwin", "arp", "prefix", "natout", "natin", "subnet6",
		"routed6", "igwout6", "igwin6", "prefix6", "nd", "ra"} {
		h := hot[name]
		frame := bytes.Clone(h.frame[:min(len(h.frame), 200)])
		mendFrame(h.from, map[string]MAC{"eni-a1": macA1, "eni-b1": macB1}[h.from.ENI], frame)
		add(h.from, frame)
	}
	piece := func(ip []byte, offset uint16) []byte { return with(ip, func(b []byte) { put16(b[6:], offset) }) }
	add(a1, dhcpFrame(macA1, "0.0.0.0", "255.255.255.255", dhcpDiscover),
		viaGateway(udp("10.0.0.11", 1, "8.8.8.8", 2, make([]byte, 1500)...)),
		viaGateway(udp("10.0.0.11", 1, "198.51.100.21", 2, make([]byte, 1500)...)),
		viaGateway(dontFragment(udp("10.0.0.11", 1, "8.8.8.8", 2, make([]byte, 1500)...))),
		viaGateway(unreachable("10.0.0.11", "198.51.100.21", udp("198.51.100.21", 1, "10.0.0.11", 2))),
		viaGateway(udp("10.0.0.11", 1, "10.0.0.2", 53)),
		viaGateway(udp("10.0.0.11", 53, "198.51.100.90", 1024)),
		arpFrame(gwA, macA1, arpReply, macA1, "10.0.0.11", "10.0.0.1"),
		viaGateway6(udp6(v6A1, 1, far6, 2, make([]byte, 1500)...)),
		dhcp6Frame(dhcp6Solicit, clientID, ia(1), option6(opt6Rapid)),
		dhcp6Frame(dhcp6Confirm, clientID, ia(1, v6A2)),
		dhcp6Frame(dhcp6RenewMsg, clientID, serverID, ia(1, v6A2), ia(2)),
		probe6(macA1, v6A2),
		toA26(withExtensions(udp6(v6A1, 1, v6A2, 2, make([]byte, 8)...), []byte{extHopByHop, 0, 1, 4, 0, 0, 0, 0},
			fragmentHeader(1, 0, true))),
		toA26(withExtensions(udp6(v6A1, 1, v6A2, 2, make([]byte, 8)...), fragmentHeader(1, 1, false))),
		toA26(unreachable6(v6A1, v6A2, udp6(v6A2, 1, v6A1, 2))))
	add(b1, b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpSYN)),
		b1Out(tcp("10.0.1.31", 5000, "8.8.8.8", 80, tcpACK)),
		b1Out(ping("10.0.1.31", "8.8.8.8", 7)),
		b1Out(udp("10.0.1.31", 5000, "198.51.100.11", 53)),
		b1Out(udp("10.0.1.31", 1, "192.0.2.1", 2)),
		b1Out(piece(udp("10.0.1.31", 5000, "8.8.8.8", 53, make([]byte, 8)...), 0x2000)),
		b1Out(dontFragment(udp("10.0.1.31", 5000, "8.8.8.8", 53, make([]byte, 1500)...))),
		b1Out(with(ping("10.0.1.31", "8.8.8.8", 7), func(ip []byte) { ip[8] = 1 })))
	add(r, ethernet(macA2, macR, etherIPv6, udp6("2001:db8:5::1", 1, v6A2, 2)))
	add(Internet, tcp("8.8.8.8", 1, "198.51.100.11", 2, tcpSYN),
		unreachable("8.8.8.8", "198.51.100.11", tcp("198.51.100.11", 1, "8.8.8.8", 2, tcpACK)),
		unreachable("192.88.0.1", "198.51.100.90", udp("198.51.100.90", 1024, "8.8.8.8", 80)),
		piece(udp("8.8.8.8", 80, "198.51.100.90", 1024, make([]byte, 8)...), 0x2001),
		ping6(far6, v6A1, 7))
	add(Services, udp("169.254.169.254", 80, "100.64.0.2", 1), udp("169.254.169.253", 80, "100.64.0.3", 1))
	return all
}

// fuzzTopologies are the full topology and variants of it.
func fuzzTopologies() []Topology {
	var all []Topology
	for _, change := range []func(*Topology){
		func(*Topology) {},
		func(t *Topology) { // addresses move
			t.eni("eni-a1").Addresses, t.eni("eni-a2").Addresses = addrs("10.0.0.11"), addrs("10.0.0.21 10.0.0.12")
			t.eni("eni-a1").IPv6, t.eni("eni-a2").IPv6 = addrs(v6A1), addrs(v6A2+" 2001:db8:1000:a00::12")
			t.eni("eni-a2").Prefixes, t.eni("eni-r").Prefixes = nil, t.eni("eni-a2").Prefixes
			t.ElasticIPs = t.ElasticIPs[:4]
		},
		func(t *Topology) { // resources are removed
			t.VPCs[0].InternetGateway = ""
			t.eni("eni-a2").Down = true
			t.eni("eni-r").Attached = false
			t.NATGateways = t.NATGateways[:1]
		},
		func(t *Topology) { // gateways route to each other
			t.Subnets[0].Routes = []Route{local, {prefix("0.0.0.0/0"), TargetNATGateway, "nat-b"}}
			t.Subnets[1].Routes = []Route{local, {prefix("0.0.0.0/0"), TargetNATGateway, "nat-a"}}
		},
	} {
		t := fullTopology()
		change(&t)
		t.eni("eni-a1").StatusCheck = true
		all = append(all, t)
	}
	return all
}

// reverse turns a frame into a rough answer: it swaps addresses and ports, and turns ICMP
// into a reply.
func reverse(d Delivery) []byte {
	b := bytes.Clone(d.Frame)
	ip := b
	mac := MAC{}
	if d.To.Kind == PortENI {
		mac = MAC(b)
		copy(b, b[6:12])
		copy(b[6:], mac[:])
		if ip = b[etherLen:]; get16(b[12:]) == etherARP {
			ip[7] = arpReply
			return b
		}
	}
	swap := func(b []byte, i, j, n int) {
		for k := range n {
			b[i+k], b[j+k] = b[j+k], b[i+k]
		}
	}
	l4 := ip[20:]
	proto := ip[9]
	if ip[0]>>4 == 6 {
		l4, proto = ip[40:], ip[6]
		swap(ip, 8, 24, 16)
	} else {
		swap(ip, 12, 16, 4)
	}
	switch {
	case (proto == protoTCP || proto == protoUDP) && len(l4) >= 4:
		swap(l4, 0, 2, 2)
	case proto == protoICMP && len(l4) > 0 && l4[0] == icmpEcho:
		l4[0] = icmpEchoReply
	case proto == protoICMPv6 && len(l4) > 0 && l4[0] == icmp6Echo:
		l4[0] = icmp6EchoReply
	}
	mendFrame(d.To, mac, b)
	return b
}
