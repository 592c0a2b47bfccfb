// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// gsoFrame makes a frame or packet a GSO frame: its checksum field holds the sum of the pseudo header. at is where the
// IP header begins.
func gsoFrame(t testing.TB, frame []byte, at, size int) []byte {
	t.Helper()
	frame = bytes.Clone(frame)
	g, ok := gsoOf(frame, at, size)
	if !ok {
		t.Fatalf("no GSO frame: % x", frame)
	}
	g.prepare()
	return frame
}

// counting returns n different bytes.
func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// Every frame that a GSO frame stands for is right by itself, and together they are its payload.
func TestGSOIsCut(t *testing.T) {
	data := counting(5000)
	for name, c := range map[string]struct {
		packet []byte
		head   int
	}{
		"TCP":      {tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK|tcpPSH|tcpFIN|tcpCWR, data...), 40},
		"TCP IPv6": {tcp6(v6A1, 1, v6A2, 2, tcpACK|tcpPSH|tcpFIN|tcpCWR, data...), 60},
		"UDP":      {udp("10.0.0.11", 1, "10.0.0.21", 2, data...), 28},
		"UDP IPv6": {udp6(v6A1, 1, v6A2, 2, data...), 48},
		"options":  {tcp6Extended(v6A1, v6A2, data), 68},
	} {
		for _, size := range []int{1, 999, 1000, 1448, 4999} {
			raw := gsoFrame(t, c.packet, 0, size)
			framed := gsoFrame(t, ethernet(macA2, macA1, etherType(raw[0]>>4 == 6), c.packet), etherLen, size)
			var got []byte
			var count int
			var first uint32
			framesOf(raw, 0, size, func(ip []byte) {
				if err := verify(ip); err != nil {
					t.Fatalf("%s, %d bytes each, number %d: %v", name, size, count, err)
				}
				var p packet
				if !p.parse(ethernet(macA2, macA1, 0, ip)) || len(ip) > c.head+size {
					t.Fatalf("%s, %d bytes each: broken: % x", name, size, ip)
				}
				l4 := ip[p.head:]
				if !p.v6 && get16(ip[4:]) != uint16(count) {
					t.Errorf("%s: identification %d of number %d", name, get16(ip[4:]), count)
				}
				if p.proto == protoTCP {
					number := binary.BigEndian.Uint32(l4[4:])
					if count == 0 {
						first = number
					}
					last := len(got)+len(ip)-c.head == len(data)
					if int(number-first) != len(got) || p.flags&tcpCWR != 0 != (count == 0) ||
						p.flags&(tcpPSH|tcpFIN) != 0 != last || p.flags&tcpACK == 0 {
						t.Errorf("%s, number %d: sequence %d, want %d; flags %#x", name, count, number-first, len(got), p.flags)
					}
				}
				got = append(got, ip[c.head:]...)
				count++
			})
			if !bytes.Equal(got, data) || count != (len(data)+size-1)/size {
				t.Errorf("%s, %d bytes each: %d frames with %d bytes, or others than sent", name, size, count, len(got))
			}
			g, _ := gsoOf(framed, etherLen, size)
			if total := len(data) + count*(c.head+etherLen); g.frames() != count || g.bytes() != total ||
				g.longest() != etherLen+c.head+size {
				t.Errorf("%s, %d bytes each: %d frames of %d bytes, longest %d; want %d of %d", name, size, g.frames(),
					g.bytes(), g.longest(), count, total)
			}
		}
	}
}

// tcp6Extended is a TCP segment behind a destination options header.
func tcp6Extended(src, dst string, data []byte) []byte {
	return withExtensions(tcp6(src, 1, dst, 2, tcpACK|tcpPSH|tcpFIN|tcpCWR, data...),
		[]byte{extDestination, 0, 1, 4, 0, 0, 0, 0})
}

func TestNoGSO(t *testing.T) {
	fragment := with(udp("10.0.0.11", 1, "10.0.0.21", 2, counting(100)...), func(ip []byte) { ip[6] |= 0x20 })
	long := tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK, 1, 2, 3, 4)
	long[32] = 0xf0
	for name, packet := range map[string][]byte{
		"nothing": nil, "short": make([]byte, 19), "ICMP": ping("10.0.0.11", "10.0.0.21", 1), "fragment": fragment,
		"SYN":                    tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpSYN, counting(100)...),
		"no payload":             tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK),
		"length beyond the data": tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK, counting(100)...)[:139],
		"header beyond the data": long,
		"short IPv6":             append([]byte{0x60}, make([]byte, 30)...),
	} {
		if _, ok := gsoOf(packet, 0, 10); ok {
			t.Errorf("%s: taken for a GSO frame", name)
		}
	}
	if _, ok := gsoOf(udp("10.0.0.11", 1, "10.0.0.21", 2, counting(100)...), 0, 0); ok {
		t.Error("size 0: taken for a GSO frame")
	}
}

// same sends a GSO frame through one fabric, and the frames that it stands for through another, and compares
// everything that can be seen of both.
type same struct {
	whole, cut *Fabric
	out        Output
	seen       [2]*Observer
}

func newSame(t testing.TB, topo Topology) *same {
	s := &same{whole: New(Config{DropLog: 4096}), cut: New(Config{DropLog: 4096})}
	for i, f := range []*Fabric{s.whole, s.cut} {
		if err := f.SetTopology(topo); err != nil {
			t.Fatal(err)
		}
		s.seen[i] = f.Observe(Observation{Buffer: 1 << 16})
	}
	return s
}

func (s *same) forward(t testing.TB, from Port, frame []byte, size int, now time.Time) (whole bool) {
	t.Helper()
	at := from.ipOffset()
	before := sha256.Sum256(frame)
	s.whole.ForwardGSO(from, frame, size, now, &s.out)
	if before != sha256.Sum256(frame) {
		t.Fatal("the input was changed")
	}
	got := map[Port][]string{}
	for _, d := range s.out.Deliveries {
		whole = whole || d.GSOSize != 0
		framesOf(d.Frame, d.To.ipOffset(), d.GSOSize, func(f []byte) { got[d.To] = append(got[d.To], fmt.Sprintf("%x", f)) })
	}
	reason, wanted := s.out.Reason, ReasonNone
	want := map[Port][]string{}
	framesOf(frame, at, size, func(f []byte) {
		s.cut.Forward(from, f, now, &s.out)
		if s.out.Reason != ReasonNone {
			wanted = s.out.Reason
		}
		for _, d := range s.out.Deliveries {
			want[d.To] = append(want[d.To], fmt.Sprintf("%x", d.Frame))
			if err := verify(d.Frame[d.To.ipOffset():]); err != nil && inputIsRight(from, f) {
				t.Errorf("to %s: %v", d.To, err)
			}
		}
	})
	for p := range want {
		if !slices.Equal(got[p], want[p]) {
			t.Fatalf("%d bytes each, to %s: %d frames, want %d:\n got %.300s\nwant %.300s", size, p, len(got[p]), len(want[p]),
				strings.Join(got[p], "\n    "), strings.Join(want[p], "\n     "))
		}
	}
	if len(got) != len(want) || reason != wanted {
		t.Fatalf("%d bytes each: frames to %d ports, want %d; reason %s, want %s", size, len(got), len(want), reason,
			wanted)
	}
	if got, want := fmt.Sprint(s.whole.Counters()), fmt.Sprint(s.cut.Counters()); got != want {
		t.Fatalf("counters:\n got %s\nwant %s", got, want)
	}
	if got, want := fmt.Sprint(s.whole.Drops()), fmt.Sprint(s.cut.Drops()); got != want {
		t.Fatalf("drops:\n got %.500s\nwant %.500s", got, want)
	}
	if got, want := events(s.seen[0]), events(s.seen[1]); got != want {
		t.Fatalf("events:\n got %.500s\nwant %.500s", got, want)
	}
	return whole
}

// events returns what an observer saw, by port and direction. The order is not compared: of frames with one time,
// those that were dropped are reported first.
func events(o *Observer) string {
	all := map[string][]string{}
	for len(o.events) > 0 {
		e := <-o.events
		k := fmt.Sprintf("%s %d %s", e.Port, e.Port.Kind, e.Direction)
		all[k] = append(all[k], fmt.Sprintf("%s %d %x", e.Reason, e.Length, e.Frame))
	}
	for k := range all {
		slices.Sort(all[k])
	}
	return fmt.Sprint(all)
}

// A GSO frame has the fate of the frames that it stands for, whatever becomes of them.
func TestGSOHasTheFateOfItsFrames(t *testing.T) {
	data := counting(7777)
	small := counting(2000)
	df := dontFragment
	limited := fullTopology()
	limited.eni("eni-a1").PacketsPerSecond = 20
	closed := fullTopology()
	closed.VPCs[0].InternetGateway = ""
	for _, c := range []struct {
		name  string
		from  Port
		frame []byte
		size  int
		whole bool
		topo  Topology
	}{
		{"in the subnet", a1, toA2(tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK, data...)), 1448, true, fullTopology()},
		{"in the subnet, IPv6", a1, toA26(tcp6(v6A1, 1, v6A2, 2, tcpACK, data...)), 1428, true, fullTopology()},
		{"UDP", a1, toA2(udp("10.0.0.11", 1, "10.0.0.21", 2, data...)), 1200, true, fullTopology()},
		{"padded", a1, append(toA2(udp("10.0.0.11", 1, "10.0.0.21", 2, data...)), 0, 0, 0), 1200, true, fullTopology()},
		{"two frames at the MTU", a1, toA2(tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK, counting(17922)...)), 8961, true,
			fullTopology()},
		{"over the MTU", a1, toA2(tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK, counting(17924)...)), 8962, false,
			fullTopology()},
		{"one frame", a1, toA2(udp("10.0.0.11", 1, "10.0.0.21", 2, small...)), 2000, false, fullTopology()},
		{"to another subnet", a1, viaGateway(tcp("10.0.0.11", 1, "10.0.1.31", 2, tcpACK, data...)), 1448, true,
			fullTopology()},
		{"to the Internet", a1, viaGateway(df(tcp("10.0.0.11", 1, "8.8.8.8", 2, tcpACK, data...))), 1460, true,
			fullTopology()},
		{"to the Internet, IPv6", a1, viaGateway6(tcp6(v6A1, 1, far6, 2, tcpACK, data...)), 1440, true, fullTopology()},
		{"over the Internet's MTU, don't fragment: an error for each", a1,
			viaGateway(df(tcp("10.0.0.11", 1, "8.8.8.8", 2, tcpACK, data...))), 1461, false, fullTopology()},
		{"over the Internet's MTU: each is fragmented", a1, viaGateway(udp("10.0.0.11", 1, "8.8.8.8", 2, data...)), 3000,
			false, fullTopology()},
		{"over the Internet's MTU, IPv6", a1, viaGateway6(udp6(v6A1, 1, far6, 2, data...)), 3000, false, fullTopology()},
		{"to an Elastic IP", a1, viaGateway(df(tcp("10.0.0.11", 1, "198.51.100.21", 2, tcpACK, data...))), 1460, true,
			fullTopology()},
		{"fragments to an Elastic IP", a1, viaGateway(udp("10.0.0.11", 1, "198.51.100.21", 2, data...)), 3000, false,
			fullTopology()},
		{"from the Internet", Internet, tcp("8.8.8.8", 80, "198.51.100.11", 1000, tcpACK, data...), 1460, true,
			fullTopology()},
		{"from the Internet, IPv6", Internet, tcp6(far6, 80, v6A1, 1000, tcpACK, data...), 1440, true, fullTopology()},
		{"from the Internet, too large", Internet, tcp("8.8.8.8", 80, "198.51.100.11", 1000, tcpACK, data...), 1461, false,
			fullTopology()},
		{"from the Internet, to nobody", Internet, tcp("8.8.8.8", 80, "198.51.100.99", 1000, tcpACK, data...), 1460, false,
			fullTopology()},
		{"no Internet gateway", a1, viaGateway(tcp("10.0.0.11", 1, "8.8.8.8", 2, tcpACK, data...)), 1460, false, closed},
		{"without an Elastic IP", a1, viaGateway(tcp("10.0.0.12", 1, "8.8.8.8", 2, tcpACK, data...)), 1460, false,
			fullTopology()},
		{"to a NAT gateway", b1, b1Out(udp("10.0.1.31", 1000, "8.8.8.8", 80, data...)), 1472, true, fullTopology()},
		{"to a NAT gateway, unknown", b1, b1Out(tcp("10.0.1.31", 1000, "8.8.8.8", 80, tcpACK, data...)), 1460, false,
			fullTopology()},
		{"to a NAT gateway, too large for the Internet", b1, b1Out(df(udp("10.0.1.31", 1000, "8.8.8.8", 80, data...))), 1473,
			false, fullTopology()},
		{"to a NAT gateway, too large", b1, b1Out(df(udp("10.0.1.31", 1000, "8.8.8.8", 80, counting(20000)...))), 8473,
			false, fullTopology()},
		{"to a NAT gateway, its last hop", b1, b1Out(with(udp("10.0.1.31", 1000, "8.8.8.8", 80, data...),
			func(ip []byte) { ip[8] = 1 })), 1000, false, fullTopology()},
		{"to an ENI by a route", a1, viaGateway(tcp("10.0.0.11", 1, "192.0.2.1", 2, tcpACK, data...)), 1448, true,
			fullTopology()},
		{"multicast", b1, ethernet(gwB, macB1, etherIPv4, tcp("10.0.1.31", 1, "224.0.0.1", 2, tcpACK, data...)), 1448, false,
			fullTopology()},
		{"to the services", a1, viaGateway(tcp("10.0.0.11", 1, "169.254.169.254", 80, tcpACK, data...)), 1448, true,
			fullTopology()},
		{"from the services", Services, tcp("169.254.169.254", 80, "100.64.0.2", 1, tcpACK, data...), 1448, false,
			fullTopology()},
		{"foreign MAC", a1, ethernet(macA2, macX, etherIPv4, tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK, data...)), 1448,
			false, fullTopology()},
		{"foreign address", a1, toA2(tcp("10.0.0.99", 1, "10.0.0.21", 2, tcpACK, data...)), 1448, false, fullTopology()},
		{"to a foreign address", a1, toA2(tcp("10.0.0.11", 1, "10.0.0.99", 2, tcpACK, data...)), 1448, false,
			fullTopology()},
		{"broadcast", a1, ethernet(broadcastMAC, macA1, etherIPv4, udp("10.0.0.11", 1, "10.0.0.255", 2, data...)), 1448,
			false, fullTopology()},
		{"other type", a1, ethernet(macA2, macA1, etherIPv6, udp("10.0.0.11", 1, "10.0.0.21", 2, data...)), 1448, false,
			fullTopology()},
		{"detached", ENIPort("eni-off"), toA2(udp("10.0.0.11", 1, "10.0.0.21", 2, data...)), 1448, false, fullTopology()},
		{"DHCP", a1, ethernet(broadcastMAC, macA1, etherIPv4, udp("0.0.0.0", 68, "255.255.255.255", 67, data...)), 300,
			false, fullTopology()},
		{"limited sender", a1, toA2(tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK, data...)), 1448, false, limited},
		{"limited receiver", a2, ethernet(macA1, macA2, etherIPv4, tcp("10.0.0.21", 1, "10.0.0.11", 2, tcpACK, data...)),
			1448, false, limited},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSame(t, c.topo)
			frame := gsoFrame(t, c.frame, c.from.ipOffset(), c.size)
			for range 3 { // the second time, the flow is tracked; by then a limit is exceeded
				if whole := s.forward(t, c.from, frame, c.size, start); whole != c.whole {
					t.Errorf("passed whole: %t, want %t (%s)", whole, c.whole, s.out.Reason)
				}
			}
		})
	}
}

// The conversation through a NAT gateway: what comes back is also for its client.
func TestGSOBackThroughANATGateway(t *testing.T) {
	s := newSame(t, fullTopology())
	for range 2 {
		s.forward(t, b1, gsoFrame(t, b1Out(udp("10.0.1.31", 1000, "8.8.8.8", 80, counting(5000)...)), etherLen, 1472), 1472,
			start)
		back := gsoFrame(t, udp("8.8.8.8", 80, "198.51.100.90", 1024, counting(5000)...), 0, 1400)
		if !s.forward(t, Internet, back, 1400, start) {
			t.Error("the answer was cut, or dropped: ", s.out.Reason)
		}
	}
}

func TestGSODoesNotAllocate(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	for name, c := range map[string]struct {
		from  Port
		frame []byte
	}{
		"subnet": {a1, toA2(tcp("10.0.0.11", 1, "10.0.0.21", 2, tcpACK, counting(60000)...))},
		"igwout": {a1, viaGateway(tcp("10.0.0.11", 1, "8.8.8.8", 2, tcpACK, counting(60000)...))},
		"igwin":  {Internet, tcp("8.8.8.8", 80, "198.51.100.11", 1000, tcpACK, counting(60000)...)},
	} {
		frame := gsoFrame(t, c.frame, c.from.ipOffset(), 1448)
		now := time.Now()
		forward := func() { b.ForwardGSO(c.from, frame, 1448, now, &b.out) }
		if forward(); len(b.out.Deliveries) != 1 {
			t.Fatalf("%s: %d deliveries, %s", name, len(b.out.Deliveries), b.out.Reason)
		}
		if n := testing.AllocsPerRun(100, forward); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
}

// FuzzGSO compares any GSO frame with the frames that it stands for.
func FuzzGSO(f *testing.F) {
	for _, s := range fuzzFrames() {
		for _, size := range []uint16{1, 7, 1448} {
			f.Add(uint8(slices.Index(fuzzPorts, s.from)), size, s.frame)
		}
	}
	f.Fuzz(func(t *testing.T, port uint8, size uint16, frame []byte) {
		from := fuzzPorts[int(port)%len(fuzzPorts)]
		frame = bytes.Clone(frame)
		g, ok := gsoOf(frame, from.ipOffset(), int(size))
		if !ok || g.frames() > 200 {
			return
		}
		if !g.v6 { // the kernel sends none with a wrong checksum of its header, and cutting corrects it
			header := g.whole[g.ip:g.l4]
			put16(header[10:], 0)
			put16(header[10:], fold(sum(0, header)))
		}
		g.prepare()
		s := newSame(t, fullTopology())
		for range 2 {
			s.forward(t, from, frame, int(size), start)
		}
	})
}

// Sums of any length and alignment are those of a simple loop.
func TestSum(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		b := make([]byte, n+1)
		for i := range b {
			b[i] = byte(random.Uint32() | random.Uint32()<<1)
		}
		for from := range 2 {
			if got, want := ^fold(sum(0xffff, b[from:])), uint16(ones(b[from:])); got != want && (got%0xffff != want%0xffff) {
				t.Fatalf("%d bytes: %#x, want %#x", len(b[from:]), got, want)
			}
		}
	}
}
