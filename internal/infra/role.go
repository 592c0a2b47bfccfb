// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"errors"
	"slices"

	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// rolePath separates Macaw's roles from the account's others.
const rolePath = "/macaw/"

func isGateway(n cloud.Node) bool { return n.Has(model.Gateway) }

// role plans the gateways' rights: a role with an embedded policy, in the instance profile that
// gives it to instances.
func (b *up) role() error {
	if !slices.ContainsFunc(b.c.Nodes, isGateway) {
		return nil
	}
	if b.s.Region == "" {
		return errors.New("planning the gateways' role: the region is unknown")
	}
	name := inventory.GatewayName(b.c.Name, b.s.Region)
	trusted, rights := trust(b.s.Region).text(), gatewayRights(b.c, b.s.Region).text()
	r := b.s.Role
	switch {
	case r == nil:
		b.create(partRole, "iam role", name, createRole(name, trusted))
	case !sameDocument(r.Trust, trusted):
		b.change(partRole+"/trust", "iam role", name+" is for instances", putTrust(name, trusted))
	}
	if r == nil || !sameDocument(r.Rights, rights) {
		b.change(partRights, "iam role", name+" has the rights of a gateway", putRights(name, rights), partRole)
	}
	p := b.s.Profile
	if p == nil {
		b.create(partProfile, "instance profile", name, createProfile(name))
	} else {
		b.ids[partProfile] = p.ID
	}
	if p == nil || p.Role != name {
		b.change(partProfile+"/role", "instance profile", name+" has the role", fillProfile(name),
			partRole, partProfile)
	}
	return nil
}

// profile plans that a gateway's existing instance has the instance profile.
func (b *up) profile(n cloud.Node, in inventory.Instance) {
	name, part := inventory.GatewayName(b.c.Name, b.s.Region), partInstance(n.Name)
	switch {
	case !isGateway(n) || in.Profile.ID != "" && in.Profile.ID == b.ids[partProfile]:
		return
	case in.Profile.ID != "" && in.Profile.Name != name:
		b.drift("instance "+n.Name,
			"put the rights of role "+name+" into its role, or take its instance profile away and run macaw up",
			"its instance profile is %s, not %s", in.Profile.Name, name)
		return
	}
	// A profile of the same name that was made anew has another ID.
	b.change(part+"/profile", "instance", n.Name+" has the instance profile "+name, attachProfile(part, name),
		part, partProfile, partProfile+"/role")
}
