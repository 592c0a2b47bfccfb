// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/netip"
	"testing"
	"time"
)

func TestARPProberTakesTurns(t *testing.T) {
	c := Config{Range: []netip.Prefix{netip.MustParsePrefix("10.20.1.0/24")}}
	now := time.Unix(0, 0)
	p := newARPProber()
	defer p.stop()
	for i := range 20 {
		p.add(c, netip.AddrFrom4([4]byte{10, 20, 1, byte(i)}), now)
	}
	probed := map[netip.Addr]int{}
	for range 10 {
		probes := p.next(nil, now)
		if len(probes) != maxProbes {
			t.Fatalf("%d probes at once", len(probes))
		}
		for _, a := range probes {
			probed[a]++
		}
	}
	for a, n := range probed {
		if n != 4 {
			t.Errorf("%s was probed %d times in 10 times 8 probes of 20, want 4", a, n)
		}
	}
	if probes := p.next(nil, now.Add(probeFor)); len(probes) != 0 || len(p.queue) != 0 || len(p.deadlines) != 0 {
		t.Errorf("after %s still probing %v", probeFor, probes)
	}
}
