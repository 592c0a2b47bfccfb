package registrar

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/model"
)

// An Elastic IP that was released does not come back, and people have written its
// address down. Neutron may let go of addresses by mistake: its database is restored
// from a copy that is older than they are, or its network is made anew. So where many
// would be released at once their release waits:
//
//   - Many are more than fewReleases, and more than stay. At once means within
//     Config.Grace; what waits already counts too.
//   - What waits is released when an operator has agreed, or when Config.ReleaseAfter is
//     over. It is kept if Neutron gives its address out again before.
//   - A process that does not know what the one before has held holds all that it finds
//     let go of when it looks for the first time.
//   - Until it is noted down what waits (Config.Keep) nothing is released at all.
//
// All nodes come to the same answer, since all look at the whole cloud. It is about the
// Elastic IPs that are allocated and released here; the private addresses are unassigned
// as ever, for nobody else can have an address of the cloud's range.

// fewReleases is how many Elastic IPs never wait: who removes a router and what belongs
// to it does it at once.
const fewReleases = 3

// waitUntil sets the end of the wait by what the configuration says now.
func waitUntil(h model.Held, c Config) model.Held {
	h.Until = time.Time{}
	if c.ReleaseAfter != model.Never {
		h.Until = h.Since.Add(time.Duration(c.ReleaseAfter))
	}
	return h
}

// heldBefore is what another process has noted down.
func heldBefore(c Config) map[string]model.Held {
	held := map[string]model.Held{}
	for _, h := range c.Held {
		held[h.Allocation] = waitUntil(h, c)
	}
	return held
}

// hold decides which releases wait.
func (m *memory) hold(c Config, wanted map[netip.Addr]Want, s Seen, now time.Time) {
	now = now.UTC().Round(0) // as it comes back from a file
	held, going, many, stay := map[string]model.Held{}, []ElasticIP{}, 0, 0
	for _, e := range s.Elastic {
		_, spare := m.spare[e.Allocation]
		switch _, is := wanted[e.purpose()]; {
		case is:
			stay++ // what is released all the same is a twin, or somebody's wish
		case spare:
			going = append(going, e)
			h, was := m.held[e.Allocation]
			if was {
				held[e.Allocation] = h
			}
			if !was || h.Waits(now) {
				many++
			}
		}
	}
	if m.forgot || many > fewReleases && many > stay {
		for _, e := range going {
			if _, was := held[e.Allocation]; !was {
				held[e.Allocation] = waitUntil(model.Held{Allocation: e.Allocation, Public: e.Public, Addr: e.purpose(), Since: now}, c)
			}
		}
	}
	if c.ReleaseAfter == 0 {
		clear(held)
	}
	m.held, m.forgot = held, false
}

// releaseAt is when an Elastic IP that has been spare since a time is released; false if
// something must happen before.
func (m *memory) releaseAt(c Config, allocation string, since time.Time) (at time.Time, ok bool) {
	at = since.Add(c.Grace)
	h, held := m.held[allocation]
	switch {
	case m.unkept:
		return time.Time{}, false
	case !held || h.Agreed:
		return at, true
	case h.Until.IsZero():
		return time.Time{}, false
	case h.Until.After(at):
		return h.Until, true
	}
	return at, true
}

// heldList returns what is held, in the order of addresses.
func (m *memory) heldList() []model.Held {
	list := slices.AppendSeq([]model.Held{}, maps.Values(m.held))
	slices.SortFunc(list, func(a, b model.Held) int {
		if by := a.Addr.Compare(b.Addr); by != 0 {
			return by
		}
		return a.Public.Compare(b.Public)
	})
	return list
}

// waiting returns what is held and waits.
func (m *memory) waiting(now time.Time) []model.Held {
	return slices.DeleteFunc(m.heldList(), func(h model.Held) bool { return !h.Waits(now) })
}

// held tells that releases wait.
func (p *planner) held() {
	waiting := p.m.waiting(p.now)
	if len(waiting) == 0 {
		return
	}
	first := slices.MinFunc(waiting, func(a, b model.Held) int { return a.Until.Compare(b.Until) }).Until
	until := "until an operator agrees"
	if !first.IsZero() {
		until = fmt.Sprintf("until %s, or until an operator agrees", first.UTC().Format("2006-01-02 15:04 UTC"))
	}
	what := "1 Elastic IP is kept though Neutron has let go of its address"
	if n := len(waiting); n > 1 {
		what = fmt.Sprintf("%d Elastic IPs are kept though Neutron has let go of their addresses", n)
	}
	p.find(netip.Addr{}, ReleasesHeld, "%s, %s", what, until)
}

// keep has noted down what is held, if that has changed or was not noted down yet.
func (r *Registrar) keep() error {
	if r.cfg.ReleaseAfter == 0 {
		return nil // nothing ever is
	}
	var held []model.Held
	forgot := false
	r.memory.note(func(m *memory) { held, forgot = m.heldList(), m.forgot })
	if forgot {
		return nil // until it has looked: to note down that nothing is held would be a lie
	}
	if r.kept != nil && slices.Equal(held, r.kept) {
		r.memory.note(func(m *memory) { m.unkept = false })
		return nil
	}
	err := r.cfg.Keep(held)
	if err == nil {
		r.kept = held
	}
	r.memory.note(func(m *memory) { m.unkept = err != nil })
	return err
}

// Agree ends the wait of what is held, as an operator has seen it. What was given out by
// Neutron in the meantime, and is held again, needs another agreement. The error is
// Config.Keep's: nothing is released before the agreement is noted down.
func (r *Registrar) Agree(seen []model.Held) error {
	r.memory.note(func(m *memory) {
		for _, s := range seen {
			if h, ok := m.held[s.Allocation]; ok && h.Since.Equal(s.Since) {
				h.Agreed = true
				m.held[s.Allocation] = h
			}
		}
	})
	return r.keep()
}
