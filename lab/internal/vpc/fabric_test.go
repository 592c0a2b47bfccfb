// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"sync"
	"testing"
	"time"
)

// hotPaths are the performance-critical frames.
func hotPaths() map[string]struct {
	from  Port
	frame []byte
} {
	full := make([]byte, 1448)
	return map[string]struct {
		from  Port
		frame []byte
	}{
		"subnet": {a1, ethernet(macA2, macA1, etherIPv4, tcp("10.0.0.11", 1000, "10.0.0.21", 80, tcpACK, full...))},
		"routed": {a1, viaGateway(tcp("10.0.0.11", 1000, "10.0.1.31", 80, tcpACK, full...))},
		"igwout": {a1, viaGateway(tcp("10.0.0.11", 1000, "8.8.8.8", 80, tcpACK, full...))},
		"igwin":  {Internet, tcp("8.8.8.8", 80, "198.51.100.11", 1000, tcpACK, full...)},
		"drop":   {a1, ethernet(macA2, macX, etherIPv4, tcp("10.0.0.11", 1000, "10.0.0.21", 80, tcpACK, full...))},
		"arp":    {a1, arpFrame(broadcastMAC, macA1, arpRequest, macA1, "10.0.0.11", "10.0.0.21")},
		"prefix": {a1, viaGateway(tcp("10.0.0.11", 1000, "10.0.0.70", 80, tcpACK, full...))},
		"natout": {b1, b1Out(udp("10.0.1.31", 1000, "8.8.8.8", 80, full...))},
		"natin":  {Internet, udp("8.8.8.8", 80, "198.51.100.90", 1024, full...)}, // after natout

		"subnet6": {a1, toA26(tcp6(v6A1, 1000, v6A2, 80, tcpACK, full...))},
		"routed6": {a1, viaGateway6(tcp6(v6A1, 1000, v6B1, 80, tcpACK, full[:1400]...))},
		"igwout6": {a1, viaGateway6(tcp6(v6A1, 1000, far6, 80, tcpACK, full[:1400]...))},
		"igwin6":  {Internet, tcp6(far6, 80, v6A1, 1000, tcpACK, full[:1400]...)},
		"prefix6": {a1, viaGateway6(tcp6(v6A1, 1000, "2001:db8:1000:a00:a2::99", 80, tcpACK, full[:1400]...))},
		"nd":      {a1, whoHas6(v6A1, v6A2)},
		"ra":      {a1, routerSolicit(macA1, llA1)},
	}
}

// warm sets up the state that the hot paths need.
func warm(f *Fabric, now time.Time) {
	out := hotPaths()["natout"]
	f.Forward(out.from, out.frame, now, new(Output))
}

func TestForwardDoesNotAllocate(t *testing.T) {
	for name, hot := range hotPaths() {
		b := newBench(t, fullTopology(), Config{})
		now := time.Now()
		warm(b.Fabric, now)
		if name != "drop" {
			if got := b.send(hot.from, hot.frame); len(b.out.Deliveries) != 1 {
				t.Errorf("%s: %s", name, got)
			}
		}
		if n := testing.AllocsPerRun(100, func() { b.Forward(hot.from, hot.frame, now, &b.out) }); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
}

func BenchmarkForward(b *testing.B) {
	for name, hot := range hotPaths() {
		b.Run(name, func(b *testing.B) {
			f := New(Config{})
			if err := f.SetTopology(fullTopology()); err != nil {
				b.Fatal(err)
			}
			var out Output
			now := time.Now()
			warm(f, now)
			b.ReportAllocs()
			b.SetBytes(int64(len(hot.frame)))
			for b.Loop() {
				f.Forward(hot.from, hot.frame, now, &out)
			}
		})
	}
}

// Several ports forward while the topology changes; run with -race.
func TestForwardConcurrently(t *testing.T) {
	f := New(Config{})
	if err := f.SetTopology(fullTopology()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, hot := range hotPaths() {
		wg.Go(func() {
			var out Output
			for i := range 2000 {
				f.Forward(hot.from, hot.frame, start.Add(time.Duration(i)*time.Second), &out)
			}
		})
	}
	for i := range 50 {
		if err := f.SetTopology(fullTopology()); err != nil {
			t.Error(err)
		}
		f.SetAnnounceMoves(i%2 == 0)
		f.Tick(start.Add(time.Duration(i)*time.Minute), func(Delivery) {})
		f.Answered("eni-a1")
		f.Counters()
		f.Drops()
	}
	wg.Wait()
}
