package registrar

import (
	"fmt"
	"net/netip"
	"slices"

	"macaw.example/internal/model"
)

// servants returns the tagged Elastic IP of each address: of twins the one that
// leads there, or else the first. All nodes come to the same answer.
func servants(s Seen) map[netip.Addr]*ElasticIP {
	best := make(map[netip.Addr]*ElasticIP, len(s.Elastic))
	for i := range s.Elastic { // in the order of allocations
		e := &s.Elastic[i]
		a := e.purpose()
		if !a.IsValid() {
			continue
		}
		if have, is := best[a]; !is || e.Private == a && have.Private != a {
			best[a] = e
		}
	}
	return best
}

// surplus returns the tagged Elastic IPs that nobody needs any more: of
// addresses that Neutron has let go of or that now have another policy, and
// twins.
func surplus(c Config, wanted map[netip.Addr]Want, s Seen) map[string]ElasticIP {
	out := map[string]ElasticIP{}
	if !c.allocates() {
		return out
	}
	best := servants(s)
	for _, e := range s.Elastic {
		a := e.purpose()
		if !a.IsValid() || slices.Contains(c.Pool, e.Allocation) {
			continue
		}
		w, is := wanted[a]
		needed := is && (c.policy(w) == model.ElasticIPsOnDemand || c.policy(w) == model.ElasticIPsAll)
		if !needed || best[a].Allocation != e.Allocation {
			out[e.Allocation] = e
		}
	}
	return out
}

// elastic plans the Elastic IPs.
func (p *planner) elastic() {
	p.release()
	best, taken := servants(*p.seen), map[string]bool{}
	for _, a := range p.order {
		eni := p.target[a]
		if eni == "" || !a.Is4() {
			continue
		}
		switch p.cfg.policy(p.wanted[a]) {
		case model.ElasticIPsNone:
			p.endOthers(a, "")
		case model.ElasticIPsPool:
			p.fromPool(a, eni, taken)
		default:
			p.tagged(a, eni, best)
		}
	}
	slices.SortStableFunc(p.actions, func(a, b Action) int { return rank(a.Verb) - rank(b.Verb) })
}

// rank is the order of the steps: what makes room or frees a place in a quota
// comes first, and who has an Elastic IP already does not wait for the others.
func rank(v Verb) int {
	return slices.Index([]Verb{Unassign, Assign, Disassociate, Release, Associate, Allocate, NeedENI}, v)
}

// release lets go of what has been surplus for long enough.
func (p *planner) release() {
	over := surplus(p.cfg, p.wanted, *p.seen)
	for _, e := range p.seen.Elastic {
		if _, is := over[e.Allocation]; !is {
			continue
		}
		since, known := p.m.spare[e.Allocation]
		if at, ok := p.m.releaseAt(p.cfg, e.Allocation, since); !known || !ok || p.now.Before(at) {
			continue
		}
		if e.Association != "" {
			p.actions = append(p.actions, Action{Verb: Disassociate, Allocation: e.Allocation, Association: e.Association})
		}
		p.actions = append(p.actions, Action{Verb: Release, Allocation: e.Allocation})
	}
}

// endOthers ends what leads to an address and is not the one given. What is
// neither tagged nor of the pool is the operator's own and not in the list; one
// of the pool may serve the same address of another VPC.
func (p *planner) endOthers(a netip.Addr, but string) {
	for _, e := range p.seen.Elastic {
		if e.Association == "" || e.Private != a || e.Allocation == but || p.seen.eni(e.ENI) == nil || p.acts(e.Allocation) {
			continue
		}
		p.actions = append(p.actions, Action{Verb: Disassociate, Allocation: e.Allocation, Association: e.Association})
	}
}

func (p *planner) acts(allocation string) bool {
	return slices.ContainsFunc(p.actions, func(a Action) bool { return a.Allocation == allocation })
}

// foreign says whether the operator has put an Elastic IP of his own, or AWS a
// public address, on an address.
func (p *planner) foreign(a netip.Addr) bool {
	e := p.seen.on(a)
	if e == nil {
		return false
	}
	public, is := e.Public[a]
	return is && p.seen.elastic(public.Allocation) == nil && !p.forgotten(public.Allocation)
}

// forgotten says whether an Elastic IP was released, though an interface still
// shows it.
func (p *planner) forgotten(allocation string) bool {
	return slices.ContainsFunc(p.m.beliefs, func(b belief) bool { return b.key() == released(allocation).key() })
}

// noWay says whether Elastic IPs lead nowhere for now.
func (p *planner) noWay(a netip.Addr) bool {
	if !recent(p.m.gateway, p.now, again) {
		return false
	}
	p.find(a, NoGateway, "no Elastic IP can lead to %s: the VPC has no Internet gateway", a)
	return true
}

// tagged plans the Elastic IP that is an address's own.
func (p *planner) tagged(a netip.Addr, eni string, best map[netip.Addr]*ElasticIP) {
	e, has := best[a]
	switch {
	case has && e.Private == a && e.Association != "" && (e.ENI == eni || p.moving[a]):
		// There, or it comes with the address.
	case p.foreign(a), p.noWay(a):
	case has:
		// What leads to the address besides ends with this call.
		p.actions = append(p.actions, Action{Verb: Associate, ENI: eni, Addrs: []netip.Addr{a}, Allocation: e.Allocation, Move: true})
	case !p.cfg.allocates():
		p.find(a, NoElasticIP, "the cloud was made without an Elastic IP for %s", a)
	case recent(p.m.quota, p.now, again), !p.m.quota.IsZero() && p.tried: // one shows whether there is room again
		p.find(a, ElasticIPQuota, "there is no Elastic IP for %s: the account may hold no more%s", a, p.besides())
	case !p.m.unsure[a].IsZero():
		// The next look shows whether there is one already.
	default:
		p.tried = true
		p.actions = append(p.actions, Action{Verb: Allocate, ENI: eni, Addrs: []netip.Addr{a}})
	}
}

// besides tells of Elastic IPs that count in the quota and wait for their release.
func (p *planner) besides() string {
	if n := len(p.m.waiting(p.now)); n > 0 {
		return fmt.Sprintf(", and %d wait for their release (%s)", n, ReleasesHeld)
	}
	return ""
}

// fromPool plans an Elastic IP of the pool: the one that leads there already,
// or the first that leads nowhere.
func (p *planner) fromPool(a netip.Addr, eni string, taken map[string]bool) {
	for _, e := range p.seen.Elastic {
		if slices.Contains(p.cfg.Pool, e.Allocation) && e.Association != "" && e.Private == a && (e.ENI == eni || p.moving[a] && p.seen.eni(e.ENI) != nil) {
			p.endOthers(a, e.Allocation)
			return
		}
	}
	if p.foreign(a) || p.noWay(a) {
		return
	}
	p.endOthers(a, "") // an own one of a former policy would be in the way
	for _, id := range p.cfg.Pool {
		_, busy := p.m.busy[id]
		if e := p.seen.elastic(id); e != nil && e.Association == "" && !taken[id] && !busy {
			taken[id] = true
			p.actions = append(p.actions, Action{Verb: Associate, ENI: eni, Addrs: []netip.Addr{a}, Allocation: id})
			return
		}
	}
	p.find(a, PoolEmpty, "no Elastic IP of the pool is free for %s", a)
}
