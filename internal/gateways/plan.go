// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"cmp"
	"slices"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/ovn"
)

// state is what is known of a gateway node, and what the node knows.
type state struct {
	nodeapi.GatewayNode
	// tunnels are the nodes whose tunnels it has up; nil: not known.
	tunnels []string
	// isolated: it has had no tunnel up for a while, and others have some.
	isolated bool
}

// sees tells whether a node has the tunnel to another one up, as far as is known.
func (s state) sees(other string) bool { return s.tunnels == nil || slices.Contains(s.tunnels, other) }

// seen is what plan works from.
type seen struct {
	nodes    []state
	orders   []ovn.Order   // northbound
	gateways []ovn.Gateway // southbound
	chassis  []string      // nodes that are in OVN
	wish     ovn.Wish
}

// known is what operators see of the nodes.
func (s seen) known() (all []nodeapi.GatewayNode) {
	for _, n := range s.nodes {
		if n.Unfit == "" && n.isolated {
			n.Unfit = "its tunnels to other nodes are dead"
		}
		all = append(all, n.GatewayNode)
	}
	return all
}

// classes of nodes for a router, the best first.
const (
	fit = iota
	drained
	unfit
	gone // no candidate
)

func (s seen) class(name string) int {
	at := slices.IndexFunc(s.nodes, func(n state) bool { return n.Name == name })
	switch {
	case at < 0, !s.nodes[at].Reachable:
		return gone
	case s.nodes[at].Unfit != "" || s.nodes[at].isolated:
		return unfit
	case s.nodes[at].Drained:
		return drained
	}
	return fit
}

// blind tells whether a node has no tunnel up while another one has.
func blind(nodes []state, at int) bool {
	return nodes[at].Reachable && nodes[at].tunnels != nil && len(nodes[at].tunnels) == 0 &&
		slices.ContainsFunc(nodes, func(n state) bool { return n.Reachable && len(n.tunnels) > 0 })
}

// maxCandidates is how many chassis Neutron gives a router (MAX_GW_CHASSIS in neutron/common/ovn/constants.py).
const maxCandidates = 5

// plan returns the orders that differ from what OVN has.
func plan(s seen) (changes []ovn.Order) {
	for turn, o := range s.orders { // spreading takes the fit nodes in turns
		wanted := s.candidates(o, turn)
		if len(wanted) > 0 && !slices.Equal(wanted, o.Chassis) {
			o.Chassis = wanted
			changes = append(changes, o)
		}
	}
	return changes
}

// candidates are the chassis that may have a router, the first choice first. If no node can be reached there
// is none: more likely the controller is cut off, and then it is better to change nothing.
func (s seen) candidates(o ovn.Order, turn int) []string {
	active := s.activeOf(o.Port)
	all := slices.Clone(o.Chassis)
	for _, n := range s.nodes {
		if !slices.Contains(all, n.Name) && len(all) < maxCandidates {
			all = append(all, n.Name)
		}
	}
	all = slices.DeleteFunc(all, func(name string) bool { return s.class(name) == gone || !s.inOVN(name) })
	first := s.first(all, active, turn)
	slices.SortStableFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.class(a), s.class(b)), compareFirst(a, b, first))
	})
	if len(all) == 0 {
		return nil
	}
	// Of candidates that do not see each other's tunnels each takes itself for the isolated one, and lets go.
	best := all[0]
	return slices.DeleteFunc(all, func(name string) bool { return name != best && !s.tunnel(best, name) })
}

// tunnel tells whether the tunnel between two nodes is up on both sides, as far as is known.
func (s seen) tunnel(a, b string) bool {
	return !slices.ContainsFunc(s.nodes, func(n state) bool {
		return n.Name == a && !n.sees(b) || n.Name == b && !n.sees(a)
	})
}

// first is the node that a router should be on, if it is of the best class.
func (s seen) first(all []string, active string, turn int) string {
	switch {
	case s.wish.Prefer != "":
		return s.wish.Prefer
	case s.wish.Spread:
		on := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return s.class(name) != fit })
		slices.Sort(on)
		if len(on) > 0 {
			return on[turn%len(on)]
		}
	}
	return active
}

func compareFirst(a, b, first string) int {
	switch first {
	case a:
		return -1
	case b:
		return 1
	}
	return 0
}

func (s seen) activeOf(port string) string {
	for _, g := range s.gateways {
		if g.Port == port {
			return g.Active
		}
	}
	return ""
}

// inOVN tells whether a node is a chassis. One that is not yet would be a candidate that nobody sees.
func (s seen) inOVN(name string) bool { return slices.Contains(s.chassis, name) }

// meshOf are the gateways that should watch each other's tunnels: all that are in OVN, also while they are dead.
func meshOf(s seen) (names []string) {
	for _, n := range s.nodes {
		if s.inOVN(n.Name) {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names
}

// fulfilled tells whether routers are where a wish to move them wants them, as far as they can be.
func fulfilled(s seen) bool {
	if len(plan(s)) > 0 {
		return false
	}
	for _, o := range s.orders {
		if active := s.activeOf(o.Port); len(o.Chassis) > 0 && active != o.Chassis[0] {
			return false
		}
	}
	return true
}
