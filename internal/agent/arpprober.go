// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/translate"
)

// arpProber is the schedule of ARP probes on the bridge for addresses that the fabric
// sends frames to and that have no entry. A router that has one answers, as it would
// answer the router of a network that lets everything pass. Neutron is queried only then:
// floating IPs that wait for a guest are scanned from the Internet all the time.
type arpProber struct {
	*alarm
	deadlines map[netip.Addr]time.Time // of the addresses that are probed
	queue     []netip.Addr             // the same addresses, those that wait longest first
}

const (
	// probeInterval is how long an address waits for its next probe if there are few.
	probeInterval = 100 * time.Millisecond
	// maxProbes is how many probes are sent in an interval.
	maxProbes = 8
	// probeFor is how long an address is probed after a frame came for it. The data
	// plane reports one frame a second.
	probeFor = 3 * time.Second
)

func newARPProber() *arpProber {
	return &arpProber{alarm: newAlarm(), deadlines: make(map[netip.Addr]time.Time)}
}

// add adds an address that a frame came for.
func (p *arpProber) add(c Config, a netip.Addr, now time.Time) {
	if !a.Is4() || !c.inRange(a) {
		return
	}
	if _, ok := p.deadlines[a]; !ok {
		if len(p.queue) == 0 {
			p.set(now)
		}
		p.queue = append(p.queue, a)
	}
	p.deadlines[a] = now.Add(probeFor)
}

// next returns the addresses to probe now that the alarm fired, and sets it for the
// following ones. Those that are translated by now were found.
func (p *arpProber) next(translated []translate.Entry, now time.Time) (probes []netip.Addr) {
	p.fired()
	for range len(p.queue) {
		a := p.queue[0]
		p.queue = p.queue[1:]
		found := slices.ContainsFunc(translated, func(e translate.Entry) bool { return e.Addr == a })
		if found || !now.Before(p.deadlines[a]) {
			delete(p.deadlines, a)
			continue
		}
		p.queue = append(p.queue, a)
		if probes = append(probes, a); len(probes) == maxProbes {
			break
		}
	}
	if len(p.queue) > 0 {
		p.set(now.Add(probeInterval))
	}
	return probes
}
