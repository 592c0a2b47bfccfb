// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// limited returns a bench whose eni-a1 may pass so many frames a second.
func limited(t *testing.T, pps int) *bench {
	t.Helper()
	topo := testTopology()
	topo.eni("eni-a1").PacketsPerSecond = pps
	return newBench(t, topo, Config{})
}

// sendFor sends a frame after each interval, and returns how many were not dropped.
func (b *bench) sendFor(d, interval time.Duration, from Port, frame []byte) (passed int) {
	b.Helper()
	for end := b.now.Add(d); b.now.Before(end); b.now = b.now.Add(interval) {
		b.Forward(from, frame, b.now, &b.out)
		if b.out.Reason == ReasonNone {
			passed++
		}
	}
	return passed
}

func TestPacketsPerSecond(t *testing.T) {
	out := ethernet(macA2, macA1, etherIPv4, ping("10.0.0.11", "10.0.0.21", 1))
	in := ethernet(macA1, macA2, etherIPv4, ping("10.0.0.21", "10.0.0.11", 1))
	for _, tc := range []struct {
		name        string
		limit       int
		interval    time.Duration
		from        Port
		frame       []byte
		least, most int // frames that pass in 10 s; the burst of 100 ms is between
	}{
		{"no limit", 0, time.Millisecond, a1, out, 10_000, 10_000},
		{"below the limit", 1000, 2 * time.Millisecond, a1, out, 5000, 5000},
		{"at the limit", 1000, time.Millisecond, a1, out, 10_000, 10_000},
		{"above it", 100, time.Millisecond, a1, out, 1000, 1011},
		{"above it, received", 100, time.Millisecond, a2, in, 1000, 1011},
		{"one a second", 1, 100 * time.Millisecond, a1, out, 10, 11},
	} {
		b := limited(t, tc.limit)
		got := b.sendFor(10*time.Second, tc.interval, tc.from, tc.frame)
		if got < tc.least || got > tc.most {
			t.Errorf("%s: %d frames passed, want %d to %d", tc.name, got, tc.least, tc.most)
		}
	}
}

// Sending and receiving share the limit; other interfaces have none of it.
func TestPacketsPerSecondBothWays(t *testing.T) {
	b := limited(t, 10)
	out := ethernet(macA2, macA1, etherIPv4, ping("10.0.0.11", "10.0.0.21", 1))
	in := ethernet(macA1, macA2, etherIPv4, ping("10.0.0.21", "10.0.0.11", 1))
	passes, dropped := "eni-a2: a1 > a2", "drop egress eni-a1: pps-allowance"
	for n, tc := range []struct {
		from  Port
		frame []byte
		want  string
	}{{a1, out, passes}, {a2, in, "eni-a1: a2 > a1"}, {a1, out, dropped}, {a2, in, "drop ingress eni-a1: pps-allowance"}} {
		if got := b.send(tc.from, tc.frame); !strings.Contains(got, tc.want) {
			t.Errorf("frame %d: got %q, want %q", n, got, tc.want)
		}
	}
	toB := viaGateway(ping("10.0.0.21", "10.0.1.31", 1))
	copy(toB[6:], macA2[:])
	if got := b.send(a2, toB); !strings.Contains(got, "eni-b1: ") {
		t.Errorf("between others: %q", got)
	}
	// A frame that the fabric refuses anyway has that reason, and takes nothing of the limit.
	if got := b.send(a1, ethernet(macA2, macX, etherIPv4, out[etherLen:])); !strings.Contains(got, "source-mac") {
		t.Errorf("a foreign MAC: %q", got)
	}
	b.now = b.now.Add(time.Second)
	if got := b.send(a1, out); !strings.Contains(got, passes) {
		t.Errorf("a second later: %q", got)
	}
	// A changed topology does not refill the allowance; without the limit everything passes.
	for b.send(a1, out) != dropped {
		continue
	}
	topo := testTopology()
	topo.eni("eni-a1").PacketsPerSecond = 10
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	b.expect("after a change of the topology", a1, out, dropped)
	if err := b.SetTopology(testTopology()); err != nil {
		t.Fatal(err)
	}
	if got := b.send(a1, out); !strings.Contains(got, passes) {
		t.Errorf("without the limit: %q", got)
	}
	if got := b.Counters(); !strings.Contains(fmt.Sprint(got), "pps-allowance") {
		t.Errorf("the counters lack the reason: %v", got)
	}
}

// The same frames at the same times have the same fate, and concurrent senders get no more
// than the limit.
func TestMeter(t *testing.T) {
	fate := func() (s string) {
		var m meter
		for i := range 2000 {
			now := -time.Hour + time.Duration(i*i%977)*time.Millisecond/10 + time.Duration(i)*time.Millisecond
			s += fmt.Sprint(m.take(now, 3*time.Millisecond))[:1]
		}
		return s
	}
	first := fate()
	if first != fate() || !strings.Contains(first, "t") || !strings.Contains(first, "f") {
		t.Error("the fate of a frame is not that of its first run, or always the same")
	}

	var m meter
	results := make(chan int)
	for range 4 {
		go func() {
			n := 0
			for range 10_000 {
				if m.take(time.Second, time.Millisecond) {
					n++
				}
			}
			results <- n
		}()
	}
	total := 0
	for range 4 {
		total += <-results
	}
	if want := int(allowanceBurst/time.Millisecond) + 1; total != want {
		t.Errorf("4 senders passed %d frames at once, want %d", total, want)
	}
}
