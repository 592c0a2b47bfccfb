package vpc

import (
	"sync"
	"testing"
	"time"
)

// hotPaths are the frames whose cost matters.
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
	}
}

func TestForwardDoesNotAllocate(t *testing.T) {
	for name, hot := range hotPaths() {
		b := newBench(t, testTopology(), Config{})
		now := time.Now()
		if n := testing.AllocsPerRun(100, func() { b.Forward(hot.from, hot.frame, now, &b.out) }); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
}

func BenchmarkForward(b *testing.B) {
	for name, hot := range hotPaths() {
		b.Run(name, func(b *testing.B) {
			f := New(Config{})
			if err := f.SetTopology(testTopology()); err != nil {
				b.Fatal(err)
			}
			var out Output
			now := time.Now()
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
	if err := f.SetTopology(testTopology()); err != nil {
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
	for range 50 {
		if err := f.SetTopology(testTopology()); err != nil {
			t.Error(err)
		}
		f.Counters()
		f.Drops()
	}
	wg.Wait()
}
