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
	// trust is how long a write that AWS has acknowledged is believed although
	// no Describe shows it (EC2 Developer Guide, eventual-consistency: seconds
	// to minutes).
	trust = 2 * time.Minute
	// waver is how long after it was shown for the first time an answer may
	// be older than the one before.
	waver = 10 * time.Second
	// again is when something that was refused is worth another try.
	again = 30 * time.Second
)

// memory is what one Describe does not tell. A process that begins anew has
// none of it but what is held: all graces begin again, and nothing else is lost.
type memory struct {
	mu sync.Mutex
	// idle is since when addresses on this node's interfaces are nobody's, and
	// spare since when Elastic IPs serve nothing, by allocation.
	idle  map[netip.Addr]time.Time
	spare map[string]time.Time
	// held are the Elastic IPs whose release waits, see hold. forgot says that those of
	// the process before are not known, and unkept that they are not noted down.
	held           map[string]model.Held
	forgot, unkept bool
	// refused are addresses that AWS did not assign.
	refused map[netip.Addr]refusal
	// unsure is when an allocation for an address went without a clear answer:
	// there is no ClientToken (EC2 API Reference, AllocateAddress), so it is
	// repeated only when it would have shown.
	unsure map[netip.Addr]time.Time
	// full is when an interface took no more than the limits let expect.
	full map[string]time.Time
	// busy is when an Elastic IP of the pool turned out to be somebody else's.
	busy map[string]time.Time
	// When the quota of Elastic IPs was reached, the Internet gateway missed,
	// and another interface refused, with the reason.
	quota, gateway time.Time
	noENI          refusal
	beliefs        []belief
	generation     int // of interfaces made, see makeENI
}

type refusal struct {
	at   time.Time
	code model.Code
	text string
}

func newMemory() *memory {
	return &memory{idle: map[netip.Addr]time.Time{}, spare: map[string]time.Time{},
		held: map[string]model.Held{}, refused: map[netip.Addr]refusal{},
		unsure: map[netip.Addr]time.Time{}, full: map[string]time.Time{}, busy: map[string]time.Time{}}
}

// recent says whether a time is set and not long ago.
func recent(t, now time.Time, d time.Duration) bool { return !t.IsZero() && now.Sub(t) < d }

// observe notes since when things are idle, and forgets what no longer holds.
func (m *memory) observe(c Config, wanted map[netip.Addr]Want, s Seen, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	idle := map[netip.Addr]time.Time{}
	for _, e := range s.ENIs {
		if !c.mine(e) {
			continue
		}
		for _, list := range [][]netip.Addr{e.Addresses, e.IPv6} {
			for _, a := range list {
				if _, is := wanted[a]; !is && c.inRange(a) {
					idle[a] = earlier(m.idle, a, now)
				}
			}
		}
	}
	m.idle = idle
	spare := map[string]time.Time{}
	for id, e := range surplus(c, wanted, s) {
		if w, is := wanted[e.purpose()]; !is || w.Here { // others are for their node
			spare[id] = earlier(m.spare, id, now)
		}
	}
	m.spare = spare
	m.hold(c, wanted, s, now)
	for a := range m.refused {
		e := s.on(a)
		if w, is := wanted[a]; !is || !w.Here || e != nil && e.Primary != a {
			delete(m.refused, a)
		}
	}
	for a, t := range m.unsure {
		if !recent(t, now, waver) {
			delete(m.unsure, a)
		}
	}
	for _, times := range []map[string]time.Time{m.full, m.busy} {
		maps.DeleteFunc(times, func(_ string, t time.Time) bool { return !recent(t, now, again) })
	}
}

func earlier[K comparable](m map[K]time.Time, k K, now time.Time) time.Time {
	if t, ok := m[k]; ok {
		return t
	}
	return now
}

// next is when something that waits is due, the zero time if nothing does.
func (m *memory) next(c Config, now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	var next time.Time
	due := func(t time.Time) {
		if !t.After(now) { // it was due, and something is in its way
			t = now.Add(again)
		}
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if c.allocates() {
		for _, t := range m.idle {
			due(t.Add(c.Grace))
		}
	}
	for id, t := range m.spare {
		if at, ok := m.releaseAt(c, id, t); ok {
			due(at)
		}
	}
	for _, r := range m.refused {
		due(r.at.Add(again))
	}
	for _, t := range m.unsure {
		due(t.Add(waver))
	}
	for _, t := range []time.Time{m.quota, m.gateway, m.noENI.at} {
		if recent(t, now, again) {
			due(t.Add(again))
		}
	}
	return next
}

func (m *memory) note(f func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
}
