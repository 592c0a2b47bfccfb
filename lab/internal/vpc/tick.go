// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// probeEvery is the interval of the router's ARP probes for status checks. AWS reports
	// a status each minute, and documents no probe interval.
	probeEvery = 15 * time.Second

	// Unsolicited router advertisements (RFC 4861, section 6.2.1).
	advertLeast = 200 * time.Second
	advertMost  = 600 * time.Second
)

// clock is the part of a port's record that Tick uses.
type clock struct {
	begun                 bool // the times are initialized
	nextProbe, nextAdvert time.Duration
	seed                  uint64
	answered              atomic.Int64 // nanoseconds since 1970, or 0
}

// ticker is Tick's private state.
type ticker struct {
	mu  sync.Mutex
	out Output
}

// Tick performs the fabric's periodic work; call it about once a second. Status checks
// request the primary address of attached ENIs with ENI.StatusCheck by ARP every 15
// seconds. Routers of subnets with IPv6 send advertisements. Moved addresses are announced,
// if that is on. The resulting frames are passed to emit, in order; a frame is valid only
// during the call. Tick never calls emit concurrently.
func (f *Fabric) Tick(now time.Time, emit func(Delivery)) {
	f.ticker.mu.Lock()
	defer f.ticker.mu.Unlock()
	ps := pass{f: f, tables: f.tables.Load(), now: now, out: &f.ticker.out}
	flush := func() { // before the next frame is made: they share a buffer
		for _, d := range ps.out.Deliveries {
			f.observeDelivery(d, now)
			emit(d)
		}
		ps.out.reset()
	}
	ps.out.reset()
	for _, m := range f.takeMoves() {
		ps.announce(m, flush)
	}
	for _, n := range ps.tables.all {
		if n.nat != nil { // it has no device
			n.nat.tidy(ps.since())
			continue
		}
		ps.tick(n, flush)
	}
}

func (ps *pass) tick(n *nic, flush func()) {
	c, now := &n.clock, ps.since()
	if !n.attached || n.down {
		c.begun = false
		return
	}
	if !c.begun {
		c.begun, c.nextProbe = true, now
		c.nextAdvert = now + c.interval(n.mac)
	}
	if n.probed && now >= c.nextProbe {
		c.nextProbe = now + probeEvery
		ps.deliver(n, ps.arpFrame(broadcastMAC, n.seg.gatewayMAC, n.seg.gateway, n.primary))
		flush()
	}
	if n.seg.hasIPv6() && now >= c.nextAdvert {
		c.nextAdvert = now + c.interval(n.mac)
		ps.deliver(n, ps.routerAdvertisement(n, multicastMAC(allNodes), allNodes))
		flush()
	}
}

// interval returns the time to the next advertisement. It varies over time and between
// ENIs, and is the same in each run.
func (c *clock) interval(m MAC) time.Duration {
	if c.seed == 0 {
		c.seed = m.key()
	}
	c.seed = c.seed*6364136223846793005 + 1442695040888963407
	return advertLeast + time.Duration(c.seed>>33)*time.Millisecond%(advertMost-advertLeast)
}

// Answered returns when an ENI last answered a status check; ok is false if it never did.
func (f *Fabric) Answered(eniID string) (last time.Time, ok bool) {
	n := f.tables.Load().nics[eniID]
	if n == nil {
		return time.Time{}, false
	}
	at := n.answered.Load()
	return time.Unix(0, at), at != 0
}
