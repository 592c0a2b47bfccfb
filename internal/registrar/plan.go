// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/model"
)

// planner builds a plan. It calls nobody and changes nothing that it is given.
type planner struct {
	cfg    Config
	wanted map[netip.Addr]Want
	order  []netip.Addr // of the wanted addresses
	own    []ENI        // this node's interfaces, in the order of their device indices
	seen   *Seen
	now    time.Time
	m      *memory

	placed     map[netip.Addr]string // the ENI of each address of this node, now or after the plan
	moving     map[netip.Addr]bool   // those that come from another interface
	allocating bool                  // whether the plan allocates an Elastic IP
	actions    []Action
	findings   []model.Finding
}

// plan returns the actions that make what is seen into what is wanted, in their order,
// and what cannot be had.
func plan(cfg Config, wanted map[netip.Addr]Want, seen Seen, now time.Time, m *memory) ([]Action, []model.Finding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &planner{
		cfg: cfg, wanted: wanted, seen: &seen, now: now, m: m,
		placed: map[netip.Addr]string{}, moving: map[netip.Addr]bool{},
		order: slices.SortedFunc(maps.Keys(wanted), netip.Addr.Compare),
		own:   slices.DeleteFunc(slices.Clone(seen.ENIs), func(e ENI) bool { return !cfg.mine(e) }),
	}
	p.unassign()
	unplaced, capacity := p.assign()
	p.elastic()
	p.reportHeld()
	if len(unplaced) > 0 {
		p.needENI(unplaced)
	} else {
		p.spareENI(capacity)
	}
	return p.actions, sortFindings(p.findings)
}

func (p *planner) add(a Action) { p.actions = append(p.actions, a) }

func (p *planner) report(a netip.Addr, c model.Code, format string, args ...any) {
	p.findings = append(p.findings, finding(a, c, fmt.Sprintf(format, args...)))
}

// unassign unassigns addresses that Neutron has not had for the grace period. Where the
// Elastic IPs are made with the cloud, its addresses stay with them.
func (p *planner) unassign() {
	if p.cfg.madeWithCloud() {
		return
	}
	for _, e := range p.own {
		for _, list := range [][]netip.Addr{e.Addresses, e.IPv6} {
			var unused []netip.Addr
			for _, a := range list {
				since, ok := p.m.unusedSince[a]
				if ok && p.now.Sub(since) >= p.cfg.Grace {
					unused = append(unused, a)
				}
			}
			if len(unused) > 0 {
				slices.SortFunc(unused, netip.Addr.Compare)
				p.add(Action{Verb: Unassign, ENI: e.ID, Addrs: unused})
			}
		}
	}
}

// batch is what the addresses of one Assign have in common.
type batch struct {
	eni               string
	ipv6, move, alone bool
}

// assign puts the addresses of this node on its interfaces: each stays where it is, and
// a new one goes to the first interface with capacity. It returns those that fit nowhere, and the capacity that is
// left.
func (p *planner) assign() (unplaced []netip.Addr, capacity map[capacityKey]int) {
	capacity = p.capacity()
	batches := map[batch][]netip.Addr{}
	var order []batch
	for _, a := range p.order {
		if !p.wanted[a].Here || !p.assignable(a) {
			continue
		}
		holder := p.seen.holder(a)
		alone, ok := p.assignAlone(a, holder)
		if !ok {
			continue
		}
		eni := p.pick(a, capacity)
		if eni == "" {
			unplaced = append(unplaced, a)
			continue
		}
		p.placed[a] = eni
		if holder != nil {
			p.moving[a] = true
			if !a.Is4() {
				p.add(Action{Verb: Unassign, ENI: holder.ID, Addrs: []netip.Addr{a}})
			}
		}
		b := batch{eni: eni, ipv6: !a.Is4(), move: holder != nil && a.Is4(), alone: alone}
		if _, ok := batches[b]; !ok {
			order = append(order, b)
		}
		batches[b] = append(batches[b], a)
	}
	for _, move := range []bool{true, false} { // an address that moves here has users who wait
		for _, b := range order {
			if b.move != move {
				continue
			}
			size := len(batches[b])
			if b.alone {
				size = 1
			}
			for addrs := range slices.Chunk(batches[b], size) {
				p.add(Action{Verb: Assign, ENI: b.eni, Addrs: addrs, Move: b.move})
			}
		}
	}
	return unplaced, capacity
}

// assignable tells whether an address of this node is still to be assigned. It notes
// one that is already, and reports one that cannot be.
func (p *planner) assignable(a netip.Addr) bool {
	holder := p.seen.holder(a)
	switch {
	case !p.cfg.inRange(a):
		p.report(a, OutOfRange, "%s is not one of the cloud's addresses", a)
		return false
	case holder == nil:
		return true
	case p.cfg.mine(*holder) && holder.Instance == p.cfg.Instance:
		p.placed[a] = holder.ID
		return false
	case holder.Primary == a:
		p.report(a, AddressInUse, "%s is the primary address of %s, which cannot be moved", a, holder.ID)
		return false
	}
	return true
}

// assignAlone tells whether an address gets a call of its own: after a refusal it would
// spoil the call of the others. ok is false while another try is not worth it; the
// address is reported then.
func (p *planner) assignAlone(a netip.Addr, holder *ENI) (alone, ok bool) {
	r, refused := p.m.refused[a]
	if !refused || holder != nil {
		return false, true
	}
	if other, ok := p.seen.Holders[a]; ok {
		p.report(a, AddressInUse, "%s is on network interface %s of %s, which is not the cloud's",
			a, other.ENI, cmp.Or(other.Instance, "no instance"))
		return false, false
	}
	if recent(r.at, p.now, retryAfter) {
		p.report(a, r.code, "%s", r.text)
		return false, false
	}
	return true, true
}

// capacityKey is an interface and an address family.
type capacityKey struct {
	eni  string
	ipv6 bool
}

// capacity returns how many addresses fit on each interface.
func (p *planner) capacity() map[capacityKey]int {
	free := map[capacityKey]int{}
	for _, e := range p.own {
		if _, full := p.m.full[e.ID]; full || e.Instance != p.cfg.Instance {
			continue
		}
		free[capacityKey{e.ID, false}], free[capacityKey{e.ID, true}] = e.free(false), e.free(true)
	}
	for _, a := range p.actions {
		key := capacityKey{a.ENI, a.ipv6()}
		if _, ok := free[key]; ok && a.Verb == Unassign {
			free[key] += len(a.Addrs)
		}
	}
	return free
}

// pick takes capacity for an address from the first interface that has some, and returns
// the interface, or the empty string.
func (p *planner) pick(a netip.Addr, capacity map[capacityKey]int) string {
	for _, e := range p.own {
		key := capacityKey{e.ID, !a.Is4()}
		if capacity[key] > 0 {
			capacity[key]--
			return e.ID
		}
	}
	return ""
}

// needENI plans another interface for addresses that fit nowhere, unless unused ones
// give enough capacity back soon.
func (p *planner) needENI(unplaced []netip.Addr) {
	for _, a := range unplaced {
		p.report(a, ENIFull, "no provider interface of %s has room for %s", p.cfg.Node, a)
	}
	short := map[bool]int{} // addresses without a place, by family
	for _, a := range unplaced {
		short[a.Is4()]++
	}
	if !p.cfg.madeWithCloud() {
		for a := range p.m.unusedSince {
			short[a.Is4()]--
		}
	}
	if short[true] <= 0 && short[false] <= 0 {
		return
	}
	if refused := p.m.eniRefused; recent(refused.at, p.now, retryAfter) {
		p.report(netip.Addr{}, refused.code, "%s", refused.text)
		return
	}
	p.addENI()
}

func (p *planner) addENI() {
	need := Action{Verb: NeedENI}
	for _, e := range p.own {
		if e.Instance == "" {
			need.ENI = e.ID // a former process was killed before it could attach it
			break
		}
	}
	p.add(need)
}

// spareAgain is when another spare interface is worth a try after AWS refused one.
const spareAgain = time.Hour

// spareENI plans another interface for addresses that are on other nodes, so that there is room for them when their
// routers move here: attaching one takes AWS up to ten seconds, and they would come one after another. They cost
// nothing. Where the instance takes no more of them, that is no finding.
func (p *planner) spareENI(capacity map[capacityKey]int) {
	elsewhere, room := 0, 0
	for _, a := range p.order {
		holder := p.seen.holder(a)
		if a.Is4() && p.cfg.inRange(a) && !p.wanted[a].Here && holder != nil && !p.cfg.mine(*holder) {
			elsewhere++
		}
	}
	for key, n := range capacity {
		if !key.ipv6 {
			room += n
		}
	}
	const management = 1 // the node's first interface
	if elsewhere <= room || len(p.own)+management >= p.seen.Interfaces ||
		recent(p.m.eniRefused.at, p.now, spareAgain) {
		return
	}
	p.addENI()
}
