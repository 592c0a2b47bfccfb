package registrar

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/model"
)

// planner builds a plan. It asks nobody and changes nothing it is given.
type planner struct {
	cfg    Config
	wanted map[netip.Addr]Want
	order  []netip.Addr // the wanted addresses
	own    []ENI        // this node's interfaces, in the order of their device indices
	seen   *Seen
	now    time.Time
	m      *memory

	target   map[netip.Addr]string // the ENI of each address of this node, now or after the plan
	moving   map[netip.Addr]bool   // those that come from another interface
	tried    bool                  // whether an Elastic IP is to be allocated
	actions  []Action
	findings []model.Finding
}

// plan returns what it takes to make what is seen into what is wanted, in the
// order in which it is to be done, and what cannot be done.
func plan(cfg Config, wanted map[netip.Addr]Want, seen Seen, now time.Time, m *memory) ([]Action, []model.Finding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &planner{cfg: cfg, wanted: wanted, seen: &seen, now: now, m: m,
		target: map[netip.Addr]string{}, moving: map[netip.Addr]bool{},
		order: slices.SortedFunc(maps.Keys(wanted), netip.Addr.Compare),
		own:   slices.DeleteFunc(slices.Clone(seen.ENIs), func(e ENI) bool { return !cfg.mine(e) })}
	p.unassign()
	need := p.assign()
	p.elastic()
	p.held()
	p.actions = append(p.actions, need...)
	return p.actions, sortFindings(p.findings)
}

func (p *planner) find(a netip.Addr, c model.Code, format string, args ...any) {
	p.findings = append(p.findings, finding(a, c, fmt.Sprintf(format, args...)))
}

// unassign takes away what Neutron has let go of for long enough. Where the
// Elastic IPs are made with the cloud, its addresses stay with them.
func (p *planner) unassign() {
	if !p.cfg.allocates() {
		return
	}
	for _, e := range p.own {
		for _, list := range [][]netip.Addr{e.Addresses, e.IPv6} {
			var gone []netip.Addr
			for _, a := range list {
				since, idle := p.m.idle[a]
				if idle && p.now.Sub(since) >= p.cfg.Grace {
					gone = append(gone, a)
				}
			}
			if len(gone) > 0 {
				slices.SortFunc(gone, netip.Addr.Compare)
				p.actions = append(p.actions, Action{Verb: Unassign, ENI: e.ID, Addrs: gone})
			}
		}
	}
}

// assign puts the addresses of this node on its interfaces: each stays where it
// is, and a new one goes to the first interface that has room. It returns the
// step that makes room for what does not fit.
func (p *planner) assign() (need []Action) {
	places := p.places()
	type call struct {
		eni              string
		ipv6, move, once bool
	}
	batches := map[call][]netip.Addr{}
	var order []call
	var homeless []netip.Addr
	for _, a := range p.order {
		holder := p.seen.on(a)
		switch {
		case !p.wanted[a].Here:
			continue
		case !p.cfg.inRange(a):
			p.find(a, OutOfRange, "%s is not one of the cloud's addresses", a)
			continue
		case holder != nil && p.cfg.mine(*holder) && holder.Instance == p.cfg.Instance:
			p.target[a] = holder.ID
			continue
		case holder != nil && holder.Primary == a:
			p.find(a, AddressInUse, "%s is the primary address of %s, which cannot be moved", a, holder.ID)
			continue
		}
		once := false
		if r, was := p.m.refused[a]; was && holder == nil {
			if other, known := p.seen.Holders[a]; known {
				p.find(a, AddressInUse, "%s is on network interface %s of %s, which is not the cloud's", a, other.ENI, orUnknown(other.Instance))
				continue
			}
			if recent(r.at, p.now, again) {
				p.find(a, r.code, "%s", r.text)
				continue
			}
			once = true // alone: it would spoil the others' call
		}
		to := p.roomFor(a, places)
		if to == "" {
			homeless = append(homeless, a)
			continue
		}
		p.target[a] = to
		if holder != nil {
			p.moving[a] = true
			if !a.Is4() {
				p.actions = append(p.actions, Action{Verb: Unassign, ENI: holder.ID, Addrs: []netip.Addr{a}})
			}
		}
		c := call{to, !a.Is4(), holder != nil && a.Is4(), once}
		if _, is := batches[c]; !is {
			order = append(order, c)
		}
		batches[c] = append(batches[c], a)
	}
	for _, move := range []bool{true, false} { // who has moved here has users who wait
		for _, c := range order {
			switch {
			case c.move != move:
			case c.once:
				for _, a := range batches[c] {
					p.actions = append(p.actions, Action{Verb: Assign, ENI: c.eni, Addrs: []netip.Addr{a}, Move: c.move})
				}
			default:
				p.actions = append(p.actions, Action{Verb: Assign, ENI: c.eni, Addrs: batches[c], Move: c.move})
			}
		}
	}
	return p.needENI(homeless)
}

func orUnknown(instance string) string {
	if instance == "" {
		return "no instance"
	}
	return instance
}

// places is the room on each interface for each family.
type place struct {
	eni  string
	ipv6 bool
}

func (p *planner) places() map[place]int {
	free := map[place]int{}
	for _, e := range p.own {
		if _, full := p.m.full[e.ID]; full || e.Instance != p.cfg.Instance {
			continue
		}
		free[place{e.ID, false}], free[place{e.ID, true}] = e.room(false), e.room(true)
	}
	for _, a := range p.actions {
		if _, is := free[place{a.ENI, a.ipv6()}]; is && a.Verb == Unassign {
			free[place{a.ENI, a.ipv6()}] += len(a.Addrs)
		}
	}
	return free
}

func (p *planner) roomFor(a netip.Addr, free map[place]int) string {
	for _, e := range p.own {
		if at := (place{e.ID, !a.Is4()}); free[at] > 0 {
			free[at]--
			return e.ID
		}
	}
	return ""
}

// needENI asks for another interface, unless what is idle now makes room soon.
func (p *planner) needENI(homeless []netip.Addr) []Action {
	for _, a := range homeless {
		p.find(a, ENIFull, "no provider interface of %s has room for %s", p.cfg.Node, a)
	}
	short := map[bool]int{} // of places, by family
	for _, a := range homeless {
		short[a.Is4()]++
	}
	if p.cfg.allocates() {
		for a := range p.m.idle {
			short[a.Is4()]--
		}
	}
	if short[true] <= 0 && short[false] <= 0 {
		return nil
	}
	if no := p.m.noENI; recent(no.at, p.now, again) {
		p.find(netip.Addr{}, no.code, "%s", no.text)
		return nil
	}
	need := Action{Verb: NeedENI}
	for _, e := range p.own {
		if e.Instance == "" {
			need.ENI = e.ID // a former process was killed before it could attach it
			break
		}
	}
	return []Action{need}
}
