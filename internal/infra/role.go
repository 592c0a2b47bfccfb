// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"errors"
	"slices"

	"macaw.example/internal/cloud"
	"macaw.example/internal/iampolicy"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// holder is who has a role.
type holder = inventory.Holder

const (
	gatewayHolder    = inventory.GatewayHolder
	controllerHolder = inventory.ControllerHolder
)

// partOf returns a part of a holder's.
func partOf(h holder, kind string) string {
	if h == gatewayHolder {
		return kind
	}
	return kind + "/" + string(h)
}

func isGateway(n cloud.Node) bool { return n.Has(model.Gateway) }

// holderOf returns whose role a node has; empty: none.
func holderOf(c *cloud.Cloud, n cloud.Node) holder {
	switch {
	case isGateway(n):
		return gatewayHolder
	case n.Has(model.Controller) && c.Evacuate:
		return controllerHolder
	}
	return ""
}

// roles plans the rights of nodes.
func (b *up) roles() error {
	has := func(h holder) bool {
		return slices.ContainsFunc(b.c.Nodes, func(n cloud.Node) bool { return holderOf(b.c, n) == h })
	}
	gateways, controller := has(gatewayHolder), has(controllerHolder)
	if b.s.Region == "" && (gateways || controller) {
		return errors.New("planning the nodes' roles: the region is unknown")
	}
	if gateways {
		b.role(gatewayHolder, iampolicy.OfGateways(b.c, b.s.Region), b.s.Role, b.s.Profile)
	}
	switch {
	case controller:
		b.role(controllerHolder, iampolicy.OfController(b.s.Region), b.s.ControllerRole, b.s.ControllerProfile)
	case b.s.ControllerRole != nil: // the instance keeps its profile, without rights
		b.rights(controllerHolder, iampolicy.None(), b.s.ControllerRole)
	}
	return nil
}

// role plans a holder's rights: a role with an embedded policy, in the instance profile that
// gives it to instances.
func (b *up) role(h holder, rights iampolicy.Document, r *inventory.Role, p *inventory.InstanceProfile) {
	name, trusted := h.RoleName(b.c.Name, b.s.Region), iampolicy.Trust(b.s.Region).Text()
	role, profile := partOf(h, partRole), partOf(h, partProfile)
	switch {
	case r == nil:
		b.create(role, "iam role", name, createRole(h, name, trusted))
	case !iampolicy.Same(r.Trust, trusted):
		b.change(role+"/trust", "iam role", name+" is for instances", putTrust(name, trusted))
	}
	b.rights(h, rights, r)
	if p == nil {
		b.create(profile, "instance profile", name, createProfile(h, name))
	} else {
		b.ids[profile] = p.ID
	}
	if p == nil || p.Role != name {
		b.change(profile+"/role", "instance profile", name+" has the role", fillProfile(name), role, profile)
	}
}

// rights plans what a holder's role may do.
func (b *up) rights(h holder, rights iampolicy.Document, r *inventory.Role) {
	name, text, role := h.RoleName(b.c.Name, b.s.Region), rights.Text(), partOf(h, partRole)
	if r != nil && iampolicy.Same(r.Rights, text) {
		return
	}
	what := name + " has the rights of a " + string(h)
	if iampolicy.Same(text, iampolicy.None().Text()) {
		what = name + " has no rights"
	}
	b.change(role+"/rights", "iam role", what, putRights(h, name, text), role)
}

// profile plans that a node's existing instance has its instance profile.
func (b *up) profile(n cloud.Node, in inventory.Instance) {
	h := holderOf(b.c, n)
	name, other := h.RoleName(b.c.Name, b.s.Region), controllerHolder.RoleName(b.c.Name, b.s.Region)
	part, profile := partInstance(n.Name), partOf(h, partProfile)
	switch {
	case h == "" || in.Profile.ID != "" && in.Profile.ID == b.ids[profile]:
		return
	case in.Profile.ID != "" && in.Profile.Name != name && in.Profile.Name != other:
		b.drift("instance "+n.Name,
			"put the rights of role "+name+" into its role, or take its instance profile away and run macaw up",
			"its instance profile is %s, not %s", in.Profile.Name, name)
		return
	}
	// A profile of the same name that was made anew has another ID.
	b.change(part+"/profile", "instance", n.Name+" has the instance profile "+name, attachProfile(part, profile, name),
		part, profile, profile+"/role")
}
