// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"net/netip"
	"slices"
	"time"
)

// effect is what a write does that AWS has acknowledged.
type effect interface {
	key() string             // of two effects with one key the later counts
	shownIn(s *Seen) bool    // whether a Describe shows it
	applyTo(s *Seen)         // makes what was seen what it is going to be
	addresses() []netip.Addr // the addresses that it is about
}

// expectation is an effect that is expected of Describes, and taken for done where they
// do not show it: AWS is eventually consistent, and no write is to be repeated only
// because it is not visible yet.
type expectation struct {
	effect
	expires  time.Time
	observed bool // in some Describe
}

// expect adds effects to the expectations.
func (m *memory) expect(now time.Time, effects ...effect) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for _, e := range effects {
		keys = append(keys, e.key())
	}
	m.dropLocked(keys...)
	for i, e := range effects {
		if slices.Contains(keys[i+1:], keys[i]) {
			continue
		}
		ttl := expectationTTL
		if a, ok := e.(addressAssigned); ok && a.moved {
			ttl = movedTTL
		}
		m.expectations = append(m.expectations, expectation{effect: e, expires: now.Add(ttl)})
	}
}

// drop drops expectations that AWS contradicts.
func (m *memory) drop(keys ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropLocked(keys...)
}

func (m *memory) dropLocked(keys ...string) {
	m.expectations = slices.DeleteFunc(m.expectations, func(e expectation) bool {
		return slices.Contains(keys, e.key())
	})
}

// dropOthers drops the expectations about addresses that are not this node's any
// more: another node changes them now.
func (m *memory) dropOthers(wanted map[netip.Addr]Want) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expectations = slices.DeleteFunc(m.expectations, func(e expectation) bool {
		return slices.ContainsFunc(e.addresses(), func(a netip.Addr) bool { return !wanted[a].Here })
	})
}

// overlay returns what is seen with what is expected, and how many expectations no
// Describe has shown yet.
func (m *memory) overlay(s Seen, now time.Time) (expected Seen, pending int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s = s.clone()
	kept := m.expectations[:0]
	for _, e := range m.expectations {
		if !now.Before(e.expires) {
			continue
		}
		switch {
		case !e.shownIn(&s):
			e.applyTo(&s)
			if !e.observed {
				pending++
			}
		case !e.observed:
			e.observed = true
			if until := now.Add(settleWindow); until.Before(e.expires) {
				e.expires = until
			}
		}
		kept = append(kept, e)
	}
	m.expectations = kept
	s.sort()
	return s, pending
}

// addressAssigned: an address is on an interface, and an Elastic IP that was associated
// with it on another one has moved along.
type addressAssigned struct {
	addr  netip.Addr
	eni   string
	moved bool // AllowReassignment was set
}

func addressKey(a netip.Addr) string { return "address " + a.String() }

func (w addressAssigned) key() string             { return addressKey(w.addr) }
func (w addressAssigned) addresses() []netip.Addr { return []netip.Addr{w.addr} }
func (w addressAssigned) shownIn(s *Seen) bool {
	e := s.holder(w.addr)
	return e == nil && s.eni(w.eni) == nil || e != nil && e.ID == w.eni
}

func (w addressAssigned) applyTo(s *Seen) {
	for i := range s.ENIs {
		e := &s.ENIs[i]
		list := e.list(w.addr)
		had := slices.Contains(*list, w.addr)
		switch {
		case e.ID == w.eni && !had:
			*list = append(*list, w.addr)
		case e.ID != w.eni && had:
			*list = without(*list, w.addr)
			if l := s.associatedWith(e.ID, w.addr); l != nil {
				l.ENI = w.eni
			}
		}
	}
}

// addressUnassigned: an address is no longer on an interface, and no Elastic IP is
// associated with it there.
type addressUnassigned struct {
	addr netip.Addr
	eni  string
}

func (w addressUnassigned) key() string             { return addressKey(w.addr) }
func (w addressUnassigned) addresses() []netip.Addr { return nil }
func (w addressUnassigned) shownIn(s *Seen) bool {
	e := s.eni(w.eni)
	return e == nil || !slices.Contains(*e.list(w.addr), w.addr)
}

func (w addressUnassigned) applyTo(s *Seen) {
	e := s.eni(w.eni)
	*e.list(w.addr) = without(*e.list(w.addr), w.addr)
	if l := s.associatedWith(w.eni, w.addr); l != nil {
		l.Association, l.ENI, l.Private = "", "", netip.Addr{}
	}
}

func without(list []netip.Addr, a netip.Addr) []netip.Addr {
	return slices.DeleteFunc(list, func(b netip.Addr) bool { return a == b })
}

// elasticIPAllocated: there is an Elastic IP.
type elasticIPAllocated struct{ ElasticIP }

func (w elasticIPAllocated) key() string             { return w.Allocation }
func (w elasticIPAllocated) addresses() []netip.Addr { return nil }
func (w elasticIPAllocated) shownIn(s *Seen) bool    { return s.elastic(w.Allocation) != nil }
func (w elasticIPAllocated) applyTo(s *Seen)         { s.Elastic = append(s.Elastic, w.ElasticIP) }

// elasticIPReleased: there is no such Elastic IP any more. It is the allocation.
type elasticIPReleased string

func (w elasticIPReleased) key() string             { return string(w) }
func (w elasticIPReleased) addresses() []netip.Addr { return nil }
func (w elasticIPReleased) shownIn(s *Seen) bool    { return s.elastic(string(w)) == nil }
func (w elasticIPReleased) applyTo(s *Seen) {
	s.Elastic = slices.DeleteFunc(s.Elastic, func(e ElasticIP) bool { return e.Allocation == string(w) })
}

// elasticIPAssociated: an Elastic IP is associated with an address, or with none.
type elasticIPAssociated struct {
	allocation, association, eni string
	addr                         netip.Addr
}

func associationKey(allocation string) string { return "association of " + allocation }

func (w elasticIPAssociated) key() string { return associationKey(w.allocation) }

func (w elasticIPAssociated) addresses() []netip.Addr {
	if w.association == "" {
		return nil
	}
	return []netip.Addr{w.addr}
}

func (w elasticIPAssociated) shownIn(s *Seen) bool {
	e := s.elastic(w.allocation)
	if e == nil {
		return true
	}
	sameState := (w.association == "") == (e.Association == "")
	return sameState && e.ENI == w.eni && e.Private == w.addr
}

func (w elasticIPAssociated) applyTo(s *Seen) {
	if other := s.associatedWith(w.eni, w.addr); other != nil && w.association != "" {
		other.Association, other.ENI, other.Private = "", "", netip.Addr{}
	}
	e := s.elastic(w.allocation)
	e.Association, e.ENI, e.Private = w.association, w.eni, w.addr
}

// eniAttached: there is an interface, and it is attached to an instance.
type eniAttached struct{ ENI }

func (w eniAttached) key() string             { return w.ID }
func (w eniAttached) addresses() []netip.Addr { return nil }
func (w eniAttached) shownIn(s *Seen) bool {
	e := s.eni(w.ID)
	return e != nil && e.Instance == w.Instance
}

func (w eniAttached) applyTo(s *Seen) {
	if e := s.eni(w.ID); e != nil {
		e.Instance, e.Device = w.Instance, w.Device
		return
	}
	s.ENIs = append(s.ENIs, w.ENI)
}
