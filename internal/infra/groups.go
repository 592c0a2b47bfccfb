// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"cmp"
	"slices"
	"strings"

	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
	"macaw.example/internal/securitygroups"
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
		b.group(g.Name, g.Rules)
		if !b.several() {
			b.allowAll()
		}
	}
	b.allowAll()
}

// wantedGroups are the security groups of the cloud.
func (b *up) wantedGroups() []securitygroups.Group {
	var forwarded []string
	for _, p := range b.privates {
		if !b.usesNAT() {
			forwarded = append(forwarded, p.cidr.String())
		}
	}
	return securitygroups.Of(b.c, forwarded)
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
			b.change(part+"/allow", "security group", network+" allows "+securitygroups.Describe(add, "from"),
				authorize(part, add), needs...)
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
			b.change(part+"/revoke", "security group", network+" no longer allows "+securitygroups.Describe(extra, "from"),
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
			!slices.ContainsFunc(wanted, func(w securitygroups.Group) bool { return w.Name == name }) {
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

// missing returns the elements of want that are not in have.
func missing[T comparable](want, have []T) []T {
	var out []T
	for _, w := range want {
		if !slices.Contains(have, w) && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}
