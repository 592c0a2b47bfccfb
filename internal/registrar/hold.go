// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/model"
)

// maxUnheld is how many Elastic IPs are released at once without waiting: removing a
// router and what belongs to it is one step.
const maxUnheld = 3

// withDeadline sets the end of the wait by the present configuration.
func withDeadline(h model.Held, c Config) model.Held {
	h.Until = time.Time{}
	if c.ReleaseAfter != model.Never {
		h.Until = h.Since.Add(time.Duration(c.ReleaseAfter))
	}
	return h
}

// heldFrom is what a former process has saved.
func heldFrom(c Config) map[string]model.Held {
	held := map[string]model.Held{}
	for _, h := range c.Held {
		held[h.Allocation] = withDeadline(h, c)
	}
	return held
}

// holdReleases decides which releases wait.
//
// An Elastic IP that was released does not come back, and people have written its
// address down. Neutron may lose addresses by mistake: its database is restored from an
// older copy, or its network is made anew. So where many would be released at once their
// release waits:
//
//   - Many are more than maxUnheld, and more than stay. At once means within
//     Config.Grace; those that wait already count too.
//   - The wait ends when an operator has agreed, or after Config.ReleaseAfter. An Elastic
//     IP whose address Neutron allocates again before is kept.
//   - A process that does not know what the former one held holds every Elastic IP that
//     it finds orphaned when it looks for the first time.
//   - Until it is saved what waits (Config.SaveHeld) nothing is released at all.
//
// All nodes come to the same answer, since all look at the whole cloud. It is about the
// Elastic IPs that are allocated and released here; the private addresses are unassigned
// as always, since no other instance can have an address of the cloud's range.
func (m *memory) holdReleases(c Config, wanted map[netip.Addr]Want, s Seen, now time.Time) {
	now = now.UTC().Round(0) // as it comes back from a file
	held := map[string]model.Held{}
	var leaving []ElasticIP
	waiting, staying := 0, 0
	for _, e := range s.Elastic {
		if _, ok := wanted[e.forAddress()]; ok {
			staying++ // if it is released all the same it is a duplicate, or has another policy
			continue
		}
		if _, ok := m.orphanedSince[e.Allocation]; !ok {
			continue
		}
		leaving = append(leaving, e)
		h, ok := m.held[e.Allocation]
		if ok {
			held[e.Allocation] = h
		}
		if !ok || h.Waits(now) {
			waiting++
		}
	}
	if m.heldUnknown || waiting > maxUnheld && waiting > staying {
		for _, e := range leaving {
			if _, ok := held[e.Allocation]; !ok {
				h := model.Held{Allocation: e.Allocation, Public: e.Public, Addr: e.forAddress(), Since: now}
				held[e.Allocation] = withDeadline(h, c)
			}
		}
	}
	if c.ReleaseAfter == 0 {
		clear(held)
	}
	m.held, m.heldUnknown = held, false
}

// releaseAt is when an Elastic IP that has been orphaned since a time is released; ok is
// false if something else has to happen before.
func (m *memory) releaseAt(c Config, allocation string, since time.Time) (at time.Time, ok bool) {
	at = since.Add(c.Grace)
	h, held := m.held[allocation]
	switch {
	case m.heldUnsaved:
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

// waiting returns what is held and still waits.
func (m *memory) waiting(now time.Time) []model.Held {
	return slices.DeleteFunc(m.heldList(), func(h model.Held) bool { return !h.Waits(now) })
}

// reportHeld reports that releases wait.
func (p *planner) reportHeld() {
	waiting := p.m.waiting(p.now)
	if len(waiting) == 0 {
		return
	}
	first := slices.MinFunc(waiting, func(a, b model.Held) int { return a.Until.Compare(b.Until) }).Until
	until := "until an operator agrees"
	if !first.IsZero() {
		until = fmt.Sprintf("until %s, or until an operator agrees", first.UTC().Format("2006-01-02 15:04 UTC"))
	}
	what := "1 Elastic IP is kept although Neutron no longer has its address"
	if n := len(waiting); n > 1 {
		what = fmt.Sprintf("%d Elastic IPs are kept although Neutron no longer has their addresses", n)
	}
	p.report(netip.Addr{}, ReleasesHeld, "%s, %s", what, until)
}

// saveHeld saves what is held if it has changed or was not saved yet.
func (r *Registrar) saveHeld() error {
	if r.cfg.ReleaseAfter == 0 {
		return nil // nothing is ever held
	}
	var held []model.Held
	unknown := false
	r.memory.locked(func(m *memory) { held, unknown = m.heldList(), m.heldUnknown })
	if unknown {
		return nil // not before the first look: to save that nothing is held would be wrong
	}
	if r.savedHeld != nil && slices.Equal(held, r.savedHeld) {
		r.memory.locked(func(m *memory) { m.heldUnsaved = false })
		return nil
	}
	err := r.cfg.SaveHeld(held)
	if err == nil {
		r.savedHeld = held
	}
	r.memory.locked(func(m *memory) { m.heldUnsaved = err != nil })
	return err
}

// Agree ends the wait of what is held, as an operator has seen it. An address that
// Neutron had again in the meantime, and whose Elastic IP is held again, needs another
// agreement. The error is Config.SaveHeld's: nothing is released before the agreement is
// saved.
func (r *Registrar) Agree(seen []model.Held) error {
	r.memory.locked(func(m *memory) {
		for _, s := range seen {
			if h, ok := m.held[s.Allocation]; ok && h.Since.Equal(s.Since) {
				h.Agreed = true
				m.held[s.Allocation] = h
			}
		}
	})
	return r.saveHeld()
}
