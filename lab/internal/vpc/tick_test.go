// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tick returns the frames that Tick emits, one line each.
func (b *bench) tick() (lines []string) {
	b.Helper()
	b.Tick(b.now, func(d Delivery) {
		if get16(d.Frame[12:]) != etherARP {
			if err := verify(d.Frame[etherLen:]); err != nil {
				b.Errorf("emitted to %s: %v", d.To, err)
			}
		}
		lines = append(lines, d.To.String()+": "+named(summarize(d.Frame, false)))
	})
	return lines
}

func TestStatusChecks(t *testing.T) {
	topo := testTopology()
	for _, id := range []string{"eni-a1", "eni-b1", "eni-off"} {
		topo.eni(id).StatusCheck = true
	}
	b := newBench(t, topo, Config{})
	asks := []string{
		"eni-a1: gwA > * ARP who-has 10.0.0.11 tell 10.0.0.1 (gwA)",
		"eni-b1: gwB > * ARP who-has 10.0.1.31 tell 10.0.1.1 (gwB)",
	}
	times := 0
	for range 60 {
		if got := b.tick(); got != nil {
			times++
			if diff := cmp.Diff(asks, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		b.now = b.now.Add(time.Second)
	}
	if times != 4 {
		t.Errorf("asked %d times in a minute, want 4", times)
	}

	if _, ok := b.Answered("eni-a1"); ok {
		t.Error("eni-a1 seems to have answered")
	}
	reply := func(to MAC, spa, tpa string) []byte { return arpFrame(to, macA1, arpReply, macA1, spa, tpa) }
	b.expect("of another address", a1, reply(gwA, "10.0.0.12", "10.0.0.1"), "drop egress eni-a1: arp-reply")
	b.expect("to a neighbour", a1, reply(macA2, "10.0.0.11", "10.0.0.21"), "drop egress eni-a1: arp-reply")
	b.expect("from another's MAC", a1, arpFrame(gwA, macA1, arpReply, macX, "10.0.0.11", "10.0.0.1"),
		"drop egress eni-a1: arp-sender-mac")
	if _, ok := b.Answered("eni-a1"); ok {
		t.Error("that was no answer")
	}
	b.expect("answer", a1, reply(gwA, "10.0.0.11", "10.0.0.1"), "")
	if at, ok := b.Answered("eni-a1"); !ok || !at.Equal(b.now) {
		t.Errorf("answered at %s, %t; want %s", at, ok, b.now)
	}
	if _, ok := b.Answered("eni-x"); ok {
		t.Error("an ENI that does not exist has answered")
	}

	topo.eni("eni-a1").Down = true
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Minute)
	if diff := cmp.Diff(asks[1:], b.tick()); diff != "" {
		t.Errorf("with eni-a1 down (-want +got):\n%s", diff)
	}
}

// A simultaneous probe and advertisement are both complete.
func TestTickOfSeveralThings(t *testing.T) {
	topo := fullTopology()
	topo.eni("eni-a1").StatusCheck = true
	b := newBench(t, topo, Config{})
	b.tick()
	b.now = b.now.Add(time.Hour)
	for _, want := range []string{
		"eni-a1: gwA > * ARP who-has 10.0.0.11 tell 10.0.0.1 (gwA)",
		"eni-a1: gwA > all " + gwA6 + " > ff02::1 router advertisement length 96",
	} {
		b.now = b.now.Add(time.Hour)
		if got := b.tick(); !slices.Contains(got, want) {
			t.Errorf("%s\nis not in %s", want, got)
		}
	}
}

func TestUnsolicitedRouterAdvertisements(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	last := map[string]time.Time{}
	for range 3000 {
		for _, line := range b.tick() {
			if before, ok := last[line]; ok {
				if gap := b.now.Sub(before); gap < 200*time.Second || gap > 601*time.Second {
					t.Errorf("%s after %s", line, gap)
				}
			}
			last[line] = b.now
		}
		b.now = b.now.Add(time.Second)
	}
	want := "eni-a1: gwA > all " + gwA6 + " > ff02::1 router advertisement length 96"
	if _, ok := last[want]; !ok || len(last) != 5 { // the attached ENIs with a device
		t.Errorf("advertised: %v", last)
	}
}

// AWS's behaviour is not known: by default a moved address is not announced.
func TestAnnounceMoves(t *testing.T) {
	moved := func() Topology {
		topo := fullTopology()
		topo.eni("eni-a1").Addresses = addrs("10.0.0.11")
		topo.eni("eni-a1").IPv6 = addrs(v6A1)
		topo.eni("eni-a2").Addresses = addrs("10.0.0.21 10.0.0.12")
		topo.eni("eni-a2").IPv6 = addrs(v6A2 + " 2001:db8:1000:a00::12")
		topo.eni("eni-r").Down = true
		return topo
	}
	apply := func(b *bench, topos ...Topology) []string {
		for _, topo := range topos {
			if err := b.SetTopology(topo); err != nil {
				t.Fatal(err)
			}
		}
		lines := b.tick()
		slices.Sort(lines)
		return lines
	}
	told := []string{
		"eni-a1: a2 > * ARP who-has 10.0.0.12 tell 10.0.0.12 (a2)",
		"eni-a1: a2 > all 2001:db8:1000:a00::12 > ff02::1 2001:db8:1000:a00::12 is-at a2 length 72",
	}
	b := newBench(t, fullTopology(), Config{})
	if got := apply(b, moved()); got != nil {
		t.Errorf("off, but told: %s", got)
	}
	b.SetAnnounceMoves(true)
	apply(b, fullTopology())
	if diff := cmp.Diff(told, apply(b, moved())); diff != "" {
		t.Errorf("on (-want +got):\n%s", diff)
	}
	if got := apply(b, moved()); got != nil {
		t.Errorf("nothing has moved, but told: %s", got)
	}
	gone := moved()
	gone.eni("eni-a2").Addresses = addrs("10.0.0.21")
	gone.eni("eni-a2").IPv6 = addrs(v6A2)
	if got := apply(b, gone, fullTopology()); got != nil {
		t.Errorf("unassigned, then assigned, and told: %s", got)
	}

	b = newBench(t, fullTopology(), Config{AnnounceMoves: true})
	if diff := cmp.Diff(told, apply(b, moved())); diff != "" {
		t.Errorf("on from the start (-want +got):\n%s", diff)
	}
	if err := b.SetTopology(fullTopology()); err != nil {
		t.Fatal(err)
	}
	b.SetAnnounceMoves(false)
	if got := b.tick(); got != nil {
		t.Errorf("turned off, but told: %s", got)
	}
}
