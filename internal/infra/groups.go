// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// groupsOf returns the security groups of a node's management interface, by name.
func (b *up) groupsOf(n cloud.Node) []string {
	names := []string{partManagement}
	if b.several() {
		for _, r := range n.Roles {
			names = append(names, string(r))
		}
	}
	return names
}

// several reports whether there are other nodes to tell apart. A cloud with one node needs no groups by role.
func (b *up) several() bool { return len(b.c.Nodes) > 1 }

func (b *up) groups() {
	for _, g := range b.s.SecurityGroups {
		if b.inVPC(g.VPC) && strings.HasPrefix(g.Part, partGroup("")) {
			b.ids[g.Part] = g.ID
		}
	}
	for _, g := range b.wantedGroups() {
		b.group(g.name, g.rules)
		if !b.several() {
			b.allowAll()
		}
	}
	b.allowAll()
}

// securityGroup is a group with its ingress rules.
type securityGroup struct {
	name  string
	rules []inventory.Rule
}

func (b *up) wantedGroups() []securityGroup {
	provider := securityGroup{partProvider, providerRules(b.c.Provider)}
	if !b.several() {
		return []securityGroup{{partManagement, managementRules(b.c.Management)}, provider}
	}
	all := []securityGroup{{partManagement, nodeRules()}}
	var forwarded []string
	for _, p := range b.privates {
		if !b.usesNAT() {
			forwarded = append(forwarded, p.cidr.String())
		}
	}
	for _, role := range model.Roles() {
		if len(b.c.With(role)) > 0 {
			all = append(all, securityGroup{string(role), roleRules(b.c.Management, role, forwarded)})
		}
	}
	return append(all, provider)
}

func (b *up) group(network string, want []inventory.Rule) {
	part := partGroup(network)
	var have []inventory.Rule
	for _, g := range b.s.SecurityGroups {
		if g.Part == part && b.inVPC(g.VPC) {
			have = b.named(g.Ingress)
			b.egress(network, g.Egress)
		}
	}
	if b.ids[part] == "" {
		b.create(part, "security group", network, createSecurityGroup(part, network), partVPC)
	}
	if add := missing(want, have); len(add) > 0 {
		b.allows = append(b.allows, func() {
			needs := []string{part}
			for _, r := range add {
				needs = append(needs, r.Source)
			}
			b.change(part+"/allow", "security group", network+" allows "+describeRules(add, "from"), authorize(part, add),
				needs...)
		})
	}
	// A rule that the file does not have is a hole, so it is removed.
	if extra := missing(have, want); len(extra) > 0 {
		slices.SortFunc(extra, func(a, b inventory.Rule) int { // AWS's order is none
			return cmp.Or(
				strings.Compare(a.Source, b.Source),
				strings.Compare(a.Protocol, b.Protocol),
				cmp.Compare(a.From, b.From),
			)
		})
		b.revokes = append(b.revokes, func(needs []string) {
			b.change(part+"/revoke", "security group", network+" no longer allows "+describeRules(extra, "from"),
				revoke(part, extra), needs...)
		})
	}
}

// revokeAll plans the removal of rules, after interfaces have their groups, and the private subnets another way out:
// what the rules allow is not interrupted.
func (b *up) revokeAll() {
	needs := []string{privateRoute}
	for _, a := range b.Actions {
		if strings.HasSuffix(a.ID, "/groups") || strings.HasPrefix(a.ID, partGroup("")) {
			needs = append(needs, a.ID)
		}
	}
	for _, revoke := range b.revokes {
		revoke(needs)
	}
}

// allowAll plans the rules of the groups planned so far, which may name one another.
func (b *up) allowAll() {
	for _, allow := range b.allows {
		allow()
	}
	b.allows = nil
}

// named returns rules with the parts of the cloud's groups in place of their IDs.
func (b *up) named(rules []inventory.Rule) []inventory.Rule {
	rules = slices.Clone(rules)
	for i, r := range rules {
		for _, g := range b.s.SecurityGroups {
			if r.Source == g.ID && b.ids[g.Part] == g.ID {
				rules[i].Source = g.Part
			}
		}
	}
	return rules
}

// surplusGroups plans the removal of groups that the cloud no longer needs. AWS deletes none that an
// interface has or another group's rule names (EC2 API Reference, DeleteSecurityGroup).
func (b *up) surplusGroups() {
	wanted := b.wantedGroups()
	var needs []string
	for _, a := range b.Actions {
		if strings.HasSuffix(a.ID, "/groups") || strings.HasSuffix(a.ID, "/revoke") || slices.Contains(b.gone, a.ID) {
			needs = append(needs, a.ID)
		}
	}
	var surplus []inventory.SecurityGroup
	for _, g := range b.s.SecurityGroups {
		name := strings.TrimPrefix(g.Part, partGroup(""))
		known := slices.ContainsFunc(model.Roles(), func(r model.Role) bool { return string(r) == name })
		if known && b.inVPC(g.VPC) &&
			!slices.ContainsFunc(wanted, func(w securityGroup) bool { return w.name == name }) {
			surplus = append(surplus, g)
		}
	}
	for _, g := range surplus {
		needs = append(needs, b.unlink(g)...)
	}
	for _, g := range surplus {
		b.remove(g.ID, "security group", name(g.Part)+" "+g.ID, deleteSecurityGroup(g.ID), needs...)
	}
}

// unlink plans that a group's rules no longer name other groups, so that those can be deleted, and returns
// the action's ID.
func (p *Plan) unlink(g inventory.SecurityGroup) []string {
	var links []inventory.Rule
	for _, r := range g.Ingress {
		if strings.HasPrefix(r.Source, "sg-") {
			links = append(links, r)
		}
	}
	if len(links) == 0 {
		return nil
	}
	id := g.ID + "/unlink"
	p.change(id, "security group", name(g.Part)+" no longer names other groups", revokeOf(g.ID, links))
	return []string{id}
}

// describeRules formats the rules for display: ports grouped by source; way is "from" or "to".
func describeRules(rules []inventory.Rule, way string) string {
	var order []string
	ports := map[string][]string{}
	for _, r := range rules {
		source := cmp.Or(sourceNames[r.Source], r.Source)
		if ports[source] == nil {
			order = append(order, source)
		}
		port := fmt.Sprintf("%s %d", r.Protocol, r.From)
		switch {
		case r.Protocol == "-1":
			port = "everything"
		case r.Protocol == "icmp" && r.From == -1:
			port = r.Protocol
		case r.From != r.To && r.Protocol == "tcp":
			port = fmt.Sprintf("%d-%d", r.From, r.To)
		case r.From != r.To:
			port = fmt.Sprintf("%s %d-%d", r.Protocol, r.From, r.To)
		case r.Protocol == "tcp":
			port = fmt.Sprint(r.From)
		}
		ports[source] = append(ports[source], port)
	}
	var out []string
	for _, source := range order {
		out = append(out, strings.Join(ports[source], ",")+" "+way+" "+source)
	}
	return strings.Join(out, "; ")
}

// sourceNames are the sources of rules for display.
var sourceNames = map[string]string{
	inventory.SourceSelf:                "its own members",
	partGroup(partManagement):           "all nodes",
	partGroup(string(model.Controller)): "the controller",
	partGroup(string(model.Gateway)):    "gateways",
	partGroup(string(model.Compute)):    "computes",
}
