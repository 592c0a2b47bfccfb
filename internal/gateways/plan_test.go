// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/hint"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/ovn"
)

// nodesOf reads nodes: a name alone is fit, with ! it does not answer, with ~ it is unfit, with ^ it is isolated,
// with - it is drained. After a colon are the nodes whose tunnels it has up; without a colon that is not known.
func nodesOf(text string) (all []state) {
	for _, word := range strings.Fields(text) {
		word, tunnels, known := strings.Cut(word, ":")
		n := state{}
		n.Name, n.Reachable = strings.Trim(word, "!~^-"), !strings.Contains(word, "!")
		n.isolated = strings.Contains(word, "^")
		if known {
			n.tunnels = strings.FieldsFunc(tunnels, func(r rune) bool { return r == ',' })
		}
		if strings.Contains(word, "~") {
			n.Unfit = "the provider NIC is not there"
		}
		n.Drained = strings.Contains(word, "-")
		all = append(all, n)
	}
	return all
}

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		name, nodes, order, active, want string // want: empty if the order stays
		chassis                          string // empty: those of nodes
		wish                             ovn.Wish
	}{
		{name: "all is well", nodes: "a b", order: "a b", active: "a"},
		{name: "no chassis has it yet", nodes: "a b", order: "a b"},
		{name: "the first has died", nodes: "a! b c", order: "a b c", active: "b", want: "b c"},
		{name: "of a pair one has died", nodes: "a! b", order: "a b", active: "a", want: "b"},
		{name: "it is back: no fail-back", nodes: "a b", order: "b", active: "b", want: "b a"},
		{name: "OVN was faster: no fail-back", nodes: "a b c", order: "a b c", active: "b", want: "b a c"},
		{name: "a dead provider side", nodes: "a~ b", order: "a b", active: "a", want: "b a"},
		{name: "it works again: no fail-back", nodes: "a b", order: "b a", active: "b"},
		{name: "all provider sides dead", nodes: "a~ b~", order: "b a", active: "b"},
		{name: "drained", nodes: "a- b", order: "a b", active: "a", want: "b a"},
		{name: "all drained", nodes: "a- b-", order: "a b", active: "a"},
		{name: "drained is better than dead", nodes: "a~ b-", order: "a b", active: "a", want: "b a"},
		{name: "nobody answers: the controller is cut off", nodes: "a! b!", order: "a b", active: "a"},
		{name: "removed from the cloud file", nodes: "b c", order: "a b c", active: "a", want: "b c", chassis: "a b c"},
		{name: "not in OVN yet", nodes: "a b", order: "a", active: "a", chassis: "a"},
		{name: "gone from OVN", nodes: "a b", order: "a b", active: "a", chassis: "a", want: "a"},
		{name: "a new gateway", nodes: "a b", order: "a", active: "a", want: "a b"},
		{name: "at most five", nodes: "a b c d e f", order: "a b c d e", active: "a"},
		{name: "all see each other", nodes: "a:b,c b:a,c c:a,b", order: "a b c", active: "a"},
		{name: "a pair without tunnel", nodes: "a: b:", order: "a b", want: "a"},
		{name: "a pair without tunnel, claimed", nodes: "a: b:", order: "a b", active: "b", want: "b"},
		{name: "the tunnel is up again", nodes: "a:b b:a", order: "b", active: "b", want: "b a"},
		{name: "a node that is back, without its tunnels yet", nodes: "a: b:c c:b", order: "b c", active: "b"},
		{name: "its side of the tunnel is up, the other is not yet", nodes: "a:b b:", order: "b", active: "b"},
		{name: "isolated from all others", nodes: "a^: b:c,x c:b,x", order: "a b c", active: "a", want: "b c"},
		{name: "one tunnel of the active", nodes: "a:c b:c c:a,b", order: "a b c", active: "a", want: "a c"},
		{name: "preferred", nodes: "a b c", order: "a b c", active: "a", wish: ovn.Wish{Prefer: "c"}, want: "c a b"},
		{name: "preferred and there", nodes: "a b c", order: "c a b", active: "c", wish: ovn.Wish{Prefer: "c"}},
		{name: "preferred and dead", nodes: "a b c!", order: "a b c", active: "a", wish: ovn.Wish{Prefer: "c"}, want: "a b"},
		{name: "preferred and unfit", nodes: "a b~", order: "a b", active: "a", wish: ovn.Wish{Prefer: "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nodes := nodesOf(tt.nodes)
			s := seen{
				nodes:    nodes,
				orders:   []ovn.Order{{Port: "p", Router: "r", Chassis: strings.Fields(tt.order)}},
				gateways: []ovn.Gateway{{Port: "p", Router: "r", Active: tt.active}},
				chassis:  strings.Fields(tt.chassis),
				wish:     tt.wish,
			}
			if tt.chassis == "" {
				for _, n := range nodes {
					s.chassis = append(s.chassis, n.Name)
				}
			}
			got := ""
			for _, o := range plan(s) {
				got += strings.Join(o.Chassis, " ")
				s.orders = []ovn.Order{o}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if again := plan(s); len(again) > 0 {
				t.Errorf("a second plan changes the first: %v", again)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	s := seen{nodes: nodesOf("a b! c"), chassis: []string{"a", "b", "c"}, wish: ovn.Wish{Spread: true}}
	for i := range 5 {
		port := fmt.Sprint("p", i)
		s.orders = append(s.orders, ovn.Order{Port: port, Chassis: []string{"a", "b", "c"}})
		s.gateways = append(s.gateways, ovn.Gateway{Port: port, Active: "a"})
	}
	if fulfilled(s) {
		t.Error("fulfilled before anything has moved")
	}
	first := make(map[string]int)
	for _, o := range plan(s) {
		first[o.Chassis[0]]++
		at := slices.IndexFunc(s.orders, func(old ovn.Order) bool { return old.Port == o.Port })
		s.orders[at] = o
	}
	if want := map[string]int{"a": 3, "c": 2}; !cmp.Equal(first, want) {
		t.Errorf("first choices: got %v, want %v", first, want)
	}
	if fulfilled(s) {
		t.Error("fulfilled while OVN still has all on a")
	}
	for i, o := range s.orders {
		s.gateways[i].Active = o.Chassis[0]
	}
	if !fulfilled(s) {
		t.Error("not fulfilled when all have moved")
	}
}

// ovnOf does what OVN does with an order: the first candidate whose tunnels are up binds the port, and of
// two candidates that do not see each other, and see no other chassis, none does (ha_chassis_group_is_active in
// controller/ha-chassis.c of OVN 25.03).
func ovnOf(order []string, active string, up map[string]bool, others bool) string {
	if len(order) == 1 {
		if up[order[0]] {
			return order[0]
		}
		return active
	}
	alive := 0
	for _, up := range up {
		if up {
			alive++
		}
	}
	for _, name := range order {
		if up[name] && (alive > 1 || others) {
			return name
		}
	}
	return active // a dead chassis does not let go
}

// Whatever happens to nodes, in any order: a router is where it works as soon as everybody has seen the last change, if
// there is such a place; and it moves only if it has to.
func TestRandomSequences(t *testing.T) {
	for run := range 2000 {
		r := rand.New(rand.NewPCG(1, uint64(run)))
		names := []string{"a", "b", "c", "d"}[:2+r.IntN(3)]
		others := r.IntN(2) == 0 // computes, whose tunnels gateways see
		up, unfit, drained := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, n := range names {
			up[n] = true
		}
		order, active := slices.Clone(names), names[0]
		var trail []string
		works := func(n string) bool { return up[n] && !unfit[n] && !drained[n] }
		for range 30 {
			n := names[r.IntN(len(names))]
			event := []string{"dies", "returns", "loses its provider side", "has it again", "is drained", "is enabled",
				"blinks"}[r.IntN(7)]
			trail = append(trail, n+" "+event)
			before, worked := active, works(active)
			switch event {
			case "dies":
				up[n] = false
			case "blinks": // OVN sees it, and the keeper what OVN does, long before the tunnels are up again
				if up[n] {
					up[n] = false
					active = ovnOf(order, active, up, others)
					up[n] = true
				}
				before, worked = active, works(active)
			case "returns":
				up[n] = true
			case "loses its provider side":
				unfit[n] = true
			case "has it again":
				delete(unfit, n)
			case "is drained":
				drained[n] = true
			case "is enabled":
				delete(drained, n)
			}
			for round := range 4 { // OVN and the keeper see each other's changes
				if r.IntN(2) == 0 && (round > 0 || event != "blinks") {
					active = ovnOf(order, active, up, others)
				}
				var nodes []state
				for _, name := range names {
					n := state{GatewayNode: nodeapi.GatewayNode{Name: name, Reachable: up[name], Drained: drained[name]}}
					if unfit[name] {
						n.Unfit = "dead"
					}
					nodes = append(nodes, n)
				}
				s := seen{nodes: nodes, chassis: names, orders: []ovn.Order{{Port: "p", Chassis: order}},
					gateways: []ovn.Gateway{{Port: "p", Active: active}}}
				for _, o := range plan(s) {
					order = o.Chassis
				}
				active = ovnOf(order, active, up, others)
			}
			if slices.ContainsFunc(names, works) && !works(active) {
				t.Fatalf("run %d: on %s, order %v, after %s", run, active, order, strings.Join(trail, ", "))
			}
			if worked && works(before) && active != before {
				t.Fatalf("run %d: moved from %s to %s without need, after %s", run, before, active, strings.Join(trail, ", "))
			}
		}
	}
}

// A gateway is drained only if another one can have its routers.
func TestRoom(t *testing.T) {
	for _, tt := range []struct {
		name, nodes, drained string
		routers              int
		want                 string // the hint; empty if it is permitted
	}{
		{"another is fit", "a b", "a", 1, ""},
		{"the other is drained", "a b", "a b", 1, "macaw node enable FILE b"},
		{"the other does not answer", "a b!", "a", 1, "macaw gateway list FILE shows the gateways' state"},
		{"the other is unfit", "a b~", "a", 1, "macaw gateway list FILE shows the gateways' state"},
		{"there is no router", "a b!", "a", 0, ""},
		{"it is not drained", "a b!", "", 1, ""},
		{"a third is fit", "a b! c", "a", 1, ""},
	} {
		var nodes []nodeapi.GatewayNode
		for _, n := range nodesOf(tt.nodes) {
			nodes = append(nodes, n.GatewayNode)
		}
		err := room("a", nodes, tt.routers, ovn.Wish{Drained: strings.Fields(tt.drained)})
		if (err == nil) != (tt.want == "") || tt.want != "" && !slices.Equal(hint.All(err), []string{tt.want}) {
			t.Errorf("%s: %v, hints %q", tt.name, err, hint.All(err))
		}
	}
}
