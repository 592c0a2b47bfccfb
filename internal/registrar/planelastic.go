// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"fmt"
	"net/netip"
	"slices"

	"macaw.example/internal/model"
)

// ownedElasticIPs returns the tagged Elastic IP of each address: of duplicates the one
// that is associated with it, or else the first. All nodes come to the same answer.
func ownedElasticIPs(s Seen) map[netip.Addr]*ElasticIP {
	owned := make(map[netip.Addr]*ElasticIP, len(s.Elastic))
	for i := range s.Elastic { // in the order of allocations
		e := &s.Elastic[i]
		a := e.forAddress()
		if !a.IsValid() {
			continue
		}
		if have, ok := owned[a]; !ok || e.Private == a && have.Private != a {
			owned[a] = e
		}
	}
	return owned
}

// orphaned returns the tagged Elastic IPs that no address needs any more: those of
// addresses that Neutron no longer has or that have another policy now, and duplicates.
func orphaned(c Config, wanted map[netip.Addr]Want, s Seen) map[string]ElasticIP {
	orphans := map[string]ElasticIP{}
	if c.madeWithCloud() {
		return orphans
	}
	owned := ownedElasticIPs(s)
	for _, e := range s.Elastic {
		a := e.forAddress()
		if !a.IsValid() || slices.Contains(c.Pool, e.Allocation) {
			continue
		}
		needed := false
		if w, ok := wanted[a]; ok {
			policy := c.policy(w)
			needed = policy == model.ElasticIPsOnDemand || policy == model.ElasticIPsAll
		}
		if !needed || owned[a].Allocation != e.Allocation {
			orphans[e.Allocation] = e
		}
	}
	return orphans
}

// elastic plans the Elastic IPs.
func (p *planner) elastic() {
	p.release()
	owned, taken := ownedElasticIPs(*p.seen), map[string]bool{}
	for _, a := range p.order {
		eni := p.placed[a]
		if eni == "" || !a.Is4() {
			continue
		}
		switch p.cfg.policy(p.wanted[a]) {
		case model.ElasticIPsNone:
			p.disassociateOthers(a, "")
		case model.ElasticIPsPool:
			p.planFromPool(a, eni, taken)
		default:
			p.planOwned(a, eni, owned)
		}
	}
	slices.SortStableFunc(p.actions, func(a, b Action) int { return rank(a.Verb) - rank(b.Verb) })
}

// rank is the order of the actions: those that give capacity or quota back come first,
// and an address that has an Elastic IP already does not wait for those that have none.
func rank(v Verb) int {
	return slices.Index([]Verb{Unassign, Assign, Disassociate, Release, Associate, Allocate, NeedENI}, v)
}

// release releases Elastic IPs that have been orphaned for long enough.
func (p *planner) release() {
	orphans := orphaned(p.cfg, p.wanted, *p.seen)
	for _, e := range p.seen.Elastic {
		since, known := p.m.orphanedSince[e.Allocation]
		if _, ok := orphans[e.Allocation]; !ok || !known {
			continue
		}
		at, ok := p.m.releaseAt(p.cfg, e.Allocation, since)
		if !ok || p.now.Before(at) {
			continue
		}
		if e.Association != "" {
			p.disassociate(e)
		}
		p.add(Action{Verb: Release, Allocation: e.Allocation})
	}
}

func (p *planner) disassociate(e ElasticIP) {
	p.add(Action{Verb: Disassociate, Allocation: e.Allocation, Association: e.Association})
}

// disassociateOthers disassociates the Elastic IPs of an address but for one. An Elastic
// IP that is neither tagged nor of the pool is the operator's own and not in the list;
// one of the pool may serve the same address of another VPC.
func (p *planner) disassociateOthers(a netip.Addr, but string) {
	for _, e := range p.seen.Elastic {
		if e.Association == "" || e.Private != a || e.Allocation == but {
			continue
		}
		if p.seen.eni(e.ENI) != nil && !p.planned(e.Allocation) {
			p.disassociate(e)
		}
	}
}

// planned tells whether the plan does something about an Elastic IP already.
func (p *planner) planned(allocation string) bool {
	return slices.ContainsFunc(p.actions, func(a Action) bool { return a.Allocation == allocation })
}

// foreign tells whether an address has an Elastic IP of the operator's own, or a public
// address of AWS's.
func (p *planner) foreign(a netip.Addr) bool {
	e := p.seen.holder(a)
	if e == nil {
		return false
	}
	public, ok := e.Public[a]
	return ok && p.seen.elastic(public.Allocation) == nil && !p.wasReleased(public.Allocation)
}

// wasReleased tells whether an Elastic IP was released, though an interface still shows
// it.
func (p *planner) wasReleased(allocation string) bool {
	return slices.ContainsFunc(p.m.expectations, func(e expectation) bool {
		return e.key() == elasticIPReleased(allocation).key()
	})
}

// lacksGateway tells whether no Elastic IP can be associated for now, and reports it.
func (p *planner) lacksGateway(a netip.Addr) bool {
	if !recent(p.m.gatewayMissing, p.now, retryAfter) {
		return false
	}
	p.report(a, NoGateway, "no Elastic IP can be associated with %s: the VPC has no Internet gateway", a)
	return true
}

// planOwned plans the tagged Elastic IP of an address.
func (p *planner) planOwned(a netip.Addr, eni string, owned map[netip.Addr]*ElasticIP) {
	e, has := owned[a]
	switch {
	case has && e.Private == a && e.Association != "" && (e.ENI == eni || p.moving[a]):
		// It is associated, or comes with the address.
	case p.foreign(a), p.lacksGateway(a):
	case has:
		// This call also ends the association of any other Elastic IP with the address.
		p.add(Action{Verb: Associate, ENI: eni, Addrs: []netip.Addr{a}, Allocation: e.Allocation, Move: true})
	case p.cfg.madeWithCloud():
		p.report(a, NoElasticIP, "the cloud was made without an Elastic IP for %s", a)
	case p.quotaReached():
		p.report(a, ElasticIPQuota, "there is no Elastic IP for %s: the account may hold no more%s", a, p.heldNote())
	case !p.m.ambiguous[a].IsZero():
		// A later Describe shows whether there is one already.
	default:
		p.allocating = true
		p.add(Action{Verb: Allocate, ENI: eni, Addrs: []netip.Addr{a}})
	}
}

// quotaReached tells whether AWS would refuse to allocate: it has just done so, or it has
// once and the plan has an allocation that shows whether there is quota again.
func (p *planner) quotaReached() bool {
	return recent(p.m.quotaReached, p.now, retryAfter) || !p.m.quotaReached.IsZero() && p.allocating
}

// heldNote is about the Elastic IPs that count in the quota and wait for their release.
func (p *planner) heldNote() string {
	if n := len(p.m.waiting(p.now)); n > 0 {
		return fmt.Sprintf(", and %d wait for their release (%s)", n, ReleasesHeld)
	}
	return ""
}

// planFromPool plans an Elastic IP of the pool: the one that is associated with the
// address already, or the first that is free.
func (p *planner) planFromPool(a netip.Addr, eni string, taken map[string]bool) {
	for _, e := range p.seen.Elastic {
		if e.Association == "" || e.Private != a || !slices.Contains(p.cfg.Pool, e.Allocation) {
			continue
		}
		if e.ENI == eni || p.moving[a] && p.seen.eni(e.ENI) != nil {
			p.disassociateOthers(a, e.Allocation)
			return
		}
	}
	if p.foreign(a) || p.lacksGateway(a) {
		return
	}
	p.disassociateOthers(a, "") // a tagged one of a former policy would be in the way
	for _, id := range p.cfg.Pool {
		e := p.seen.elastic(id)
		_, busy := p.m.busy[id]
		if e == nil || e.Association != "" || taken[id] || busy {
			continue
		}
		taken[id] = true
		p.add(Action{Verb: Associate, ENI: eni, Addrs: []netip.Addr{a}, Allocation: id})
		return
	}
	p.report(a, PoolEmpty, "no Elastic IP of the pool is free for %s", a)
}
