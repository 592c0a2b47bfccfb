// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"macaw.example/internal/model"
)

// Times of what AWS shows and does not show.
const (
	// expectationTTL is how long an acknowledged write is expected to become visible
	// in a Describe (EC2 Developer Guide, eventual-consistency: seconds to minutes).
	expectationTTL = 2 * time.Minute
	// movedTTL is the same for an address that was moved here. It is shorter, since another node may have taken the
	// address before any Describe showed it here, and since moving it once more does no harm.
	movedTTL = 10 * time.Second
	// settleWindow is how long after it was visible for the first time a Describe may
	// still be older than the one before.
	settleWindow = 10 * time.Second
	// retryAfter is when something that AWS refused is worth another try.
	retryAfter = 30 * time.Second
)

// memory is what a pass knows and a Describe does not show. A new process begins with
// none of it but what is held: all grace periods begin again, and nothing else is lost.
type memory struct {
	mu sync.Mutex
	// unusedSince is since when addresses on this node's interfaces are not wanted, and
	// orphanedSince, by allocation, since when Elastic IPs are not needed.
	unusedSince   map[netip.Addr]time.Time
	orphanedSince map[string]time.Time
	// held are the Elastic IPs whose release waits, see holdReleases. heldUnknown: what
	// the former process held is not known. heldUnsaved: what is held could not be saved.
	held                     map[string]model.Held
	heldUnknown, heldUnsaved bool
	// refused are the addresses that AWS refused to assign.
	refused map[netip.Addr]refusal
	// ambiguous is when the outcome of an allocation for an address was unknown: there
	// is no ClientToken (EC2 API Reference, AllocateAddress), so it is repeated only
	// when it would be visible.
	ambiguous map[netip.Addr]time.Time
	// full is when an interface took fewer addresses than its limits say.
	full map[string]time.Time
	// busy is when an Elastic IP of the pool turned out to be in use elsewhere.
	busy map[string]time.Time
	// When AWS refused an Elastic IP because of the quota, an association because the
	// VPC has no Internet gateway, and another interface, with the reason.
	quotaReached, gatewayMissing time.Time
	eniRefused                   refusal
	expectations                 []expectation
	generation                   int // of interfaces made, see makeENI
}

type refusal struct {
	at   time.Time
	code model.Code
	text string
}

func newMemory() *memory {
	return &memory{
		unusedSince: map[netip.Addr]time.Time{}, orphanedSince: map[string]time.Time{},
		held: map[string]model.Held{}, refused: map[netip.Addr]refusal{},
		ambiguous: map[netip.Addr]time.Time{}, full: map[string]time.Time{}, busy: map[string]time.Time{},
	}
}

// recent tells whether a time is set and less than d ago.
func recent(t, now time.Time, d time.Duration) bool { return !t.IsZero() && now.Sub(t) < d }

// observe notes since when things are unused, and forgets what no longer holds.
func (m *memory) observe(c Config, wanted map[netip.Addr]Want, s Seen, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observeUnused(c, wanted, s, now)
	m.observeOrphaned(c, wanted, s, now)
	m.holdReleases(c, wanted, s, now)
	for a := range m.refused {
		w, ok := wanted[a]
		e := s.holder(a)
		assigned := e != nil && e.Primary != a
		if !ok || !w.Here || assigned {
			delete(m.refused, a)
		}
	}
	for a, t := range m.ambiguous {
		if !recent(t, now, settleWindow) {
			delete(m.ambiguous, a)
		}
	}
	for _, times := range []map[string]time.Time{m.full, m.busy} {
		maps.DeleteFunc(times, func(_ string, t time.Time) bool { return !recent(t, now, retryAfter) })
	}
}

func (m *memory) observeUnused(c Config, wanted map[netip.Addr]Want, s Seen, now time.Time) {
	unused := map[netip.Addr]time.Time{}
	for _, e := range s.ENIs {
		if !c.mine(e) {
			continue
		}
		for _, list := range [][]netip.Addr{e.Addresses, e.IPv6} {
			for _, a := range list {
				if _, ok := wanted[a]; !ok && c.inRange(a) {
					unused[a] = earlier(m.unusedSince, a, now)
				}
			}
		}
	}
	m.unusedSince = unused
}

func (m *memory) observeOrphaned(c Config, wanted map[netip.Addr]Want, s Seen, now time.Time) {
	orphans := map[string]time.Time{}
	for id, e := range orphaned(c, wanted, s) {
		w, ok := wanted[e.forAddress()]
		if !ok || w.Here { // others are for their node
			orphans[id] = earlier(m.orphanedSince, id, now)
		}
	}
	m.orphanedSince = orphans
}

func earlier[K comparable](m map[K]time.Time, k K, now time.Time) time.Time {
	if t, ok := m[k]; ok {
		return t
	}
	return now
}

// next is when another pass is due, the zero time if none is.
func (m *memory) next(c Config, now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	var next time.Time
	due := func(t time.Time) {
		if !t.After(now) { // it was due, and something is in its way
			t = now.Add(retryAfter)
		}
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if !c.madeWithCloud() {
		for _, t := range m.unusedSince {
			due(t.Add(c.Grace))
		}
	}
	for id, t := range m.orphanedSince {
		if at, ok := m.releaseAt(c, id, t); ok {
			due(at)
		}
	}
	for _, r := range m.refused {
		due(r.at.Add(retryAfter))
	}
	for _, t := range m.ambiguous {
		due(t.Add(settleWindow))
	}
	for _, t := range []time.Time{m.quotaReached, m.gatewayMissing, m.eniRefused.at} {
		if recent(t, now, retryAfter) {
			due(t.Add(retryAfter))
		}
	}
	return next
}

// locked calls f with the lock held.
func (m *memory) locked(f func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
}
