package registrar

import (
	"net/netip"
	"slices"
	"time"
)

// fact is the effect of a write that AWS has acknowledged.
type fact interface {
	key() string         // facts with one key replace each other
	shown(s *Seen) bool  // whether a Describe shows it
	impose(s *Seen)      // changes what was seen to what it will be
	about() []netip.Addr // the addresses it is about
}

// belief is a fact that is held against Describes that do not show it, so that
// no write is repeated only because it has not shown yet.
type belief struct {
	fact
	until time.Time
	shown bool // by some Describe
}

// believe notes a fact.
func (m *memory) believe(now time.Time, facts ...fact) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for _, f := range facts {
		keys = append(keys, f.key())
	}
	m.drop(keys...)
	for i, f := range facts {
		if !slices.Contains(keys[i+1:], keys[i]) {
			m.beliefs = append(m.beliefs, belief{fact: f, until: now.Add(trust)})
		}
	}
}

// doubt forgets facts that AWS contradicts.
func (m *memory) doubt(keys ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(keys...)
}

func (m *memory) drop(keys ...string) {
	m.beliefs = slices.DeleteFunc(m.beliefs, func(b belief) bool { return slices.Contains(keys, b.key()) })
}

// yield forgets what was believed of addresses that are no longer this node's:
// another one changes them now.
func (m *memory) yield(wanted map[netip.Addr]Want) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.beliefs = slices.DeleteFunc(m.beliefs, func(b belief) bool {
		return slices.ContainsFunc(b.about(), func(a netip.Addr) bool { return !wanted[a].Here })
	})
}

// settle returns what is seen with what is believed, and how many facts have
// not been shown yet.
func (m *memory) settle(s Seen, now time.Time) (Seen, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s = s.clone()
	open := 0
	kept := m.beliefs[:0]
	for _, b := range m.beliefs {
		if !now.Before(b.until) {
			continue
		}
		switch {
		case !b.fact.shown(&s):
			b.impose(&s)
			if !b.shown {
				open++
			}
		case !b.shown:
			b.shown = true
			if until := now.Add(waver); until.Before(b.until) {
				b.until = until
			}
		}
		kept = append(kept, b)
	}
	m.beliefs = kept
	s.sort()
	return s, open
}

// registered: an address is on an interface, and the Elastic IP that led to it
// elsewhere has come with it.
type registered struct {
	addr netip.Addr
	eni  string
}

func keyOf(a netip.Addr) string { return "address " + a.String() }

func (f registered) key() string         { return keyOf(f.addr) }
func (f registered) about() []netip.Addr { return []netip.Addr{f.addr} }
func (f registered) shown(s *Seen) bool {
	e := s.on(f.addr)
	return e == nil && s.eni(f.eni) == nil || e != nil && e.ID == f.eni
}

func (f registered) impose(s *Seen) {
	for i := range s.ENIs {
		e := &s.ENIs[i]
		list := e.list(f.addr)
		had := slices.Contains(*list, f.addr)
		switch {
		case e.ID == f.eni && !had:
			*list = append(*list, f.addr)
		case e.ID != f.eni && had:
			*list = without(*list, f.addr)
			if l := s.leading(e.ID, f.addr); l != nil {
				l.ENI = f.eni
			}
		}
	}
}

// unregistered: an address is no longer on an interface, and no Elastic IP
// leads to it there.
type unregistered struct {
	addr netip.Addr
	eni  string
}

func (f unregistered) key() string         { return keyOf(f.addr) }
func (f unregistered) about() []netip.Addr { return nil }
func (f unregistered) shown(s *Seen) bool {
	e := s.eni(f.eni)
	return e == nil || !slices.Contains(*e.list(f.addr), f.addr)
}

func (f unregistered) impose(s *Seen) {
	e := s.eni(f.eni)
	*e.list(f.addr) = without(*e.list(f.addr), f.addr)
	if l := s.leading(f.eni, f.addr); l != nil {
		l.Association, l.ENI, l.Private = "", "", netip.Addr{}
	}
}

func without(list []netip.Addr, a netip.Addr) []netip.Addr {
	return slices.DeleteFunc(list, func(b netip.Addr) bool { return a == b })
}

// allocated: there is an Elastic IP.
type allocated struct{ ElasticIP }

func (f allocated) key() string         { return f.Allocation }
func (f allocated) about() []netip.Addr { return nil }
func (f allocated) shown(s *Seen) bool  { return s.elastic(f.Allocation) != nil }
func (f allocated) impose(s *Seen)      { s.Elastic = append(s.Elastic, f.ElasticIP) }

// released: there is no such Elastic IP any more.
type released string

func (f released) key() string         { return string(f) }
func (f released) about() []netip.Addr { return nil }
func (f released) shown(s *Seen) bool  { return s.elastic(string(f)) == nil }
func (f released) impose(s *Seen) {
	s.Elastic = slices.DeleteFunc(s.Elastic, func(e ElasticIP) bool { return e.Allocation == string(f) })
}

// leads: an Elastic IP leads to an address, or to none.
type leads struct {
	allocation, association, eni string
	addr                         netip.Addr
}

func leadsKey(allocation string) string { return "association of " + allocation }

func (f leads) key() string { return leadsKey(f.allocation) }

func (f leads) about() []netip.Addr {
	if f.association == "" {
		return nil
	}
	return []netip.Addr{f.addr}
}

func (f leads) shown(s *Seen) bool {
	e := s.elastic(f.allocation)
	return e == nil || (f.association == "") == (e.Association == "") && e.ENI == f.eni && e.Private == f.addr
}

func (f leads) impose(s *Seen) {
	if other := s.leading(f.eni, f.addr); other != nil && f.association != "" {
		other.Association, other.ENI, other.Private = "", "", netip.Addr{}
	}
	e := s.elastic(f.allocation)
	e.Association, e.ENI, e.Private = f.association, f.eni, f.addr
}

// attached: there is an interface, and it is on an instance.
type attached struct{ ENI }

func (f attached) key() string         { return f.ID }
func (f attached) about() []netip.Addr { return nil }
func (f attached) shown(s *Seen) bool {
	e := s.eni(f.ID)
	return e != nil && e.Instance == f.Instance
}

func (f attached) impose(s *Seen) {
	if e := s.eni(f.ID); e != nil {
		e.Instance, e.Device = f.Instance, f.Device
		return
	}
	s.ENIs = append(s.ENIs, f.ENI)
}
