package vpc

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
)

// FuzzForward sends anything from any port. Whatever it is, nothing may panic,
// an ENI may get only what is for its MAC and (with SourceDestCheck) its
// addresses, from the router or a neighbour with its real MAC, and a packet
// whose checksums were right must leave with right checksums. With mend, the
// frame gets its port's MACs and right lengths and checksums first, or few would
// get past them.
//
// Run it with -fuzzminimizetime 1x: minimizing takes longer than it is worth.
func FuzzForward(f *testing.F) {
	ports := []Port{a1, a2, r, b1, c1, Internet, Services}
	add := func(p Port, frames ...[]byte) {
		for _, frame := range frames {
			f.Add(uint8(slices.Index(ports, p)), false, frame)
			f.Add(uint8(slices.Index(ports, p)), true, frame)
		}
	}
	for _, hot := range hotPaths() {
		add(hot.from, hot.frame[:min(len(hot.frame), 200)])
	}
	add(a1, dhcpFrame(macA1, "0.0.0.0", "255.255.255.255", dhcpDiscover),
		viaGateway(udp("10.0.0.11", 1, "8.8.8.8", 2, make([]byte, 2000)...)),
		viaGateway(udp("10.0.0.11", 1, "198.51.100.21", 2, make([]byte, 2000)...)),
		viaGateway(dontFragment(udp("10.0.0.11", 1, "8.8.8.8", 2, make([]byte, 2000)...))),
		viaGateway(unreachable("10.0.0.11", "198.51.100.21", udp("198.51.100.21", 1, "10.0.0.11", 2))),
		viaGateway(udp("10.0.0.11", 1, "10.0.0.2", 53)))
	add(Internet, tcp("8.8.8.8", 1, "198.51.100.11", 2, tcpSYN),
		unreachable("8.8.8.8", "198.51.100.11", tcp("198.51.100.11", 1, "8.8.8.8", 2, tcpACK)))
	add(Services, udp("169.254.169.254", 80, "100.64.0.2", 1), udp("169.254.169.253", 80, "100.64.0.3", 1))

	topo := testTopology()
	enis := map[string]ENI{}
	macs := map[MAC]bool{gwA: true, gwB: true, gwC: true}
	for _, e := range topo.ENIs {
		enis[e.ID] = e
		macs[e.MAC] = true
	}
	f.Fuzz(func(t *testing.T, port uint8, mend bool, frame []byte) {
		from := ports[int(port)%len(ports)]
		if frame = bytes.Clone(frame); mend {
			mendFrame(from, enis[from.ENI].MAC, frame)
		}
		fabric := New(Config{DropLog: 1})
		if err := fabric.SetTopology(topo); err != nil {
			t.Fatal(err)
		}
		right := inputIsRight(from, frame)
		before := bytes.Clone(frame)
		var out Output
		for range 2 { // the second time the flow is tracked
			fabric.Forward(from, frame, start, &out)
			if !bytes.Equal(before, frame) {
				t.Fatal("the input was changed")
			}
			if len(out.Deliveries) == 0 && out.Reason == ReasonNone {
				t.Fatal("neither delivered nor dropped")
			}
			fabric.Drops()
			for _, d := range out.Deliveries {
				ip := d.Frame
				if d.To.Kind == PortENI {
					e := enis[d.To.ENI]
					dst, src := MAC(d.Frame), MAC(d.Frame[6:])
					answer := d.To == from && len(out.Deliveries) == 1
					if !e.Attached || dst != e.MAC && !(answer && dst == broadcastMAC) {
						t.Fatalf("%s got a frame for %s", d.To, dst)
					}
					if !macs[src] {
						t.Fatalf("%s got a frame from %s", d.To, src)
					}
					if get16(d.Frame[12:]) == etherARP {
						if d.To != from {
							t.Fatalf("%s saw ARP of %s", d.To, from)
						}
						continue
					}
					ip = d.Frame[etherLen:]
					to := getAddr(ip[16:]).netip()
					if e.SourceDestCheck && !slices.Contains(e.Addresses, to) && !(answer && MAC(frame[6:]) == e.MAC && get16(ip[20:]) == 67) {
						t.Fatalf("%s got a packet for %s", d.To, to)
					}
				}
				if d.To == Services && !netip.MustParsePrefix("100.64.0.0/10").Contains(getAddr(ip[12:]).netip()) {
					t.Fatal("the services saw a private address")
				}
				if err := verify(ip); right && err != nil {
					t.Fatalf("checksums were right, and to %s: %v\n in % x\nout % x", d.To, err, frame, d.Frame)
				}
			}
		}
	})
}

// inputIsRight tells whether a frame's packet has right checksums throughout.
func inputIsRight(from Port, frame []byte) bool {
	if from.Kind == PortENI {
		if len(frame) < etherLen {
			return false
		}
		frame = frame[etherLen:]
	}
	if len(frame) < 20 {
		return false
	}
	total := int(get16(frame[2:]))
	return total <= len(frame) && verify(frame[:total]) == nil
}

// mendFrame makes a frame pass the first checks. It keeps the destination MAC.
func mendFrame(from Port, mac MAC, frame []byte) {
	if from.Kind == PortENI {
		if len(frame) < etherLen {
			return
		}
		copy(frame[6:], mac[:])
		frame = frame[etherLen:]
	}
	if len(frame) < 20 {
		return
	}
	head := max(int(frame[0]&15)*4, 20)
	if head > len(frame) {
		head = 20
	}
	frame[0] = 0x40 | byte(head/4)
	put16(frame[2:], uint16(len(frame)))
	put16(frame[10:], 0)
	put16(frame[10:], fold(sum(0, frame[:head])))
	l4 := frame[head:]
	pseudo := sum(uint32(frame[9])+uint32(len(l4)), frame[12:20])
	switch {
	case frame[9] == protoTCP && len(l4) >= 20:
		put16(l4[16:], 0)
		put16(l4[16:], fold(sum(pseudo, l4)))
	case frame[9] == protoUDP && len(l4) >= 8:
		put16(l4[4:], uint16(len(l4)))
		put16(l4[6:], 0)
		if put16(l4[6:], fold(sum(pseudo, l4))); get16(l4[6:]) == 0 {
			put16(l4[6:], 0xffff)
		}
	case frame[9] == protoICMP && len(l4) >= 8:
		if quote := l4[8:]; len(quote) >= 20 {
			put16(quote[10:], 0)
			put16(quote[10:], fold(sum(0, quote[:20])))
		}
		put16(l4[2:], 0)
		put16(l4[2:], fold(sum(0, l4)))
	}
}
