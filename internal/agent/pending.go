// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/translate"
)

// pendingAddresses are the addresses that frames came from although the translation has
// no such entry. Neutron is queried for their sake.
type pendingAddresses struct {
	bindings map[binding]pendingAddress
	suspects map[source]suspect
}

// binding is that a MAC has an address.
type binding struct {
	addr netip.Addr
	mac  model.MAC
}

type pendingAddress struct {
	source    source
	since     time.Time
	queries   int  // of Neutron since then
	confirmed bool // by Neutron, and that it is here: AWS is what it waits for
}

// source is where a frame comes from. A router's guests send from whatever address they
// like under its MAC, but neither ARP nor neighbour discovery: so what it announces is
// worth more than the data that goes through it. MACs that Neutron does not have are one
// source, however many are forged.
type source struct {
	mac  model.MAC
	data bool
}

// suspect is a source whose bindings Neutron did not confirm.
type suspect struct {
	strikes   int       // in a row
	last      time.Time // of these
	allowedAt time.Time // when a frame of it may cause a query again
}

const (
	// maxQueries is how many queries one binding is worth: the frame may be faster than
	// Neutron's database. At intervals that double from one second these are 15 s; then
	// the poll takes over.
	maxQueries = 5
	// pendingTTL is how long the same binding causes no other query: a machine that uses
	// an address of its own choice goes on sending.
	pendingTTL = time.Minute
	// suspectTTL is how long a suspect is remembered. Until then each of its bindings is
	// worth one query, and the next has to wait for twice as long, from two seconds up to
	// maxSuspectRetry.
	suspectTTL      = 10 * time.Minute
	maxSuspectRetry = time.Minute
)

func newPendingAddresses() pendingAddresses {
	return pendingAddresses{bindings: make(map[binding]pendingAddress), suspects: make(map[source]suspect)}
}

// sourceOf returns where a reported frame comes from, by Neutron's last answer.
func sourceOf(addresses []neutron.Address, e translate.Event) source {
	s := source{data: e.Reason.Data()}
	known := slices.ContainsFunc(addresses, func(a neutron.Address) bool {
		return string(a.MAC) == string(e.MAC[:]) || mayUse(a, e.MAC)
	})
	if known {
		s.mac = e.MAC
	}
	return s
}

// add adds the binding of a reported frame. It returns false if it is not worth a query.
func (p pendingAddresses) add(c Config, addresses []neutron.Address, e translate.Event, now time.Time) bool {
	if !c.inRange(e.Addr) {
		return false
	}
	b := binding{e.Addr, e.MAC}
	if old, ok := p.bindings[b]; ok && now.Sub(old.since) < pendingTTL {
		return false
	}
	from := sourceOf(addresses, e)
	if s, ok := p.suspects[from]; ok {
		if now.Before(s.allowedAt) {
			return false
		}
		s.allowedAt = now.Add(suspectRetry(s.strikes))
		p.suspects[from] = s
	}
	p.bindings[b] = pendingAddress{source: from, since: now}
	return true
}

func suspectRetry(strikes int) time.Duration {
	return backoff(2*time.Second, strikes-1, maxSuspectRetry)
}

// queried counts a query whose answer is addresses. It returns the least number of
// queries of those bindings that are worth another one; 0: none is.
func (p pendingAddresses) queried(c Config, addresses []neutron.Address, now time.Time) (least int) {
	for _, a := range addresses {
		if !a.Active || !c.here(a) {
			continue
		}
		p.confirm(a.Addr, a.MAC)
		for _, mac := range a.Claimants {
			p.confirm(a.Addr, mac)
		}
	}
	for from, s := range p.suspects {
		if now.Sub(s.last) >= suspectTTL {
			delete(p.suspects, from)
		}
	}
	unconfirmed := make(map[source]bool)
	for b, a := range p.bindings {
		if now.Sub(a.since) >= pendingTTL {
			delete(p.bindings, b) // another frame adds it again
			continue
		}
		if a.confirmed {
			continue
		}
		a.queries++
		p.bindings[b] = a
		limit := maxQueries
		if _, ok := p.suspects[a.source]; ok {
			limit = 1
		}
		switch {
		case a.queries == limit:
			unconfirmed[a.source] = true
		case a.queries < limit && (least == 0 || a.queries < least):
			least = a.queries
		}
	}
	for from := range unconfirmed {
		p.suspect(from, now)
	}
	return least
}

// suspect adds a strike to a source.
func (p pendingAddresses) suspect(from source, now time.Time) {
	s := p.suspects[from]
	s.strikes, s.last = s.strikes+1, now
	if at := now.Add(suspectRetry(s.strikes)); at.After(s.allowedAt) {
		s.allowedAt = at
	}
	p.suspects[from] = s
}

// confirm notes that Neutron has a binding. Its source is not suspect.
func (p pendingAddresses) confirm(addr netip.Addr, mac net.HardwareAddr) {
	if len(mac) != len(model.MAC{}) {
		return
	}
	b := binding{addr, model.MAC(mac)}
	if a, ok := p.bindings[b]; ok && !a.confirmed {
		a.confirmed = true
		p.bindings[b] = a
		delete(p.suspects, a.source)
	}
}

// announced returns the MAC that was the last to announce a reserved address, of those
// that may use it and that Neutron had not named until now.
func (p pendingAddresses) announced(a neutron.Address) (mac model.MAC, ok bool) {
	var last time.Time
	for _, m := range a.Claimants {
		if len(m) != len(mac) {
			continue
		}
		pending, found := p.bindings[binding{a.Addr, model.MAC(m)}]
		if !found || pending.confirmed || pending.source.data || pending.since.Before(last) {
			continue
		}
		mac, ok, last = model.MAC(m), true, pending.since
	}
	return mac, ok
}

// since returns when the first frame came that an entry is for.
func (p pendingAddresses) since(e translate.Entry) (time.Time, bool) {
	a, ok := p.bindings[binding{e.Addr, e.MAC}]
	return a.since, ok
}

// resolve forgets what is translated now: the next time it is pending anew.
func (p pendingAddresses) resolve(entries []translate.Entry) {
	for _, e := range entries {
		delete(p.bindings, binding{e.Addr, e.MAC})
	}
}
