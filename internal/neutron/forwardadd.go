// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/portforwarding"

	"macaw.example/internal/hint"
)

// WantForward is a wanted port forwarding.
type WantForward struct {
	External PortRange
	Protocol string // "tcp" or "udp"
	Guest    string // name or ID of a server, or its address
	Internal PortRange
	Project  string // name or ID; empty: the guest's

	// FloatingIP is the floating IP to use, or its public address. Zero: one of the guest's project
	// that already carries forwards of the guest's router, or else a new one.
	FloatingIP netip.Addr
}

// aboutForwards is the description of floating IPs made for forwards: Neutron cannot set tags when
// it makes one, and this finds one that was made but not tagged.
const aboutForwards = "made by macaw forward"

// AddForward makes a port forwarding, and a floating IP for it if needed. If the forwarding exists
// already, it returns it and false.
func (p Provider) AddForward(ctx context.Context, want WantForward) (Forward, bool, error) {
	if want.External.Len() != want.Internal.Len() {
		return Forward{}, false, fmt.Errorf("ports %s and %s: want as many outside as inside", want.External, want.Internal)
	}
	network, err := p.Client.external(ctx, p.Network)
	if err != nil {
		return Forward{}, false, err
	}
	projects, err := p.Client.projects(ctx)
	if err != nil {
		return Forward{}, false, err
	}
	var project string
	if want.Project != "" {
		if project, err = projectNamed(projects, want.Project); err != nil {
			return Forward{}, false, err
		}
	}
	to, err := p.target(ctx, want.Guest, project)
	if err != nil {
		return Forward{}, false, err
	}
	carriers, err := p.carriers(ctx, network.ID)
	if err != nil {
		return Forward{}, false, err
	}
	present, err := inside(carriers, want, to)
	if err != nil {
		return Forward{}, false, err
	}
	if present != nil {
		present.Guest, present.Project = to.name, cmp.Or(projects[present.Project], present.Project)
		return *present, false, nil
	}
	c, err := choose(carriers, want, to)
	if err != nil {
		return Forward{}, false, err
	}
	if c == nil {
		if c, err = p.makeCarrier(ctx, network.ID, to); err != nil {
			return Forward{}, false, err
		}
	}
	if err := p.tagCarrier(ctx, c); err != nil {
		return Forward{}, false, err
	}
	f, err := p.createForward(ctx, c, want, to)
	f.Project = cmp.Or(projects[f.Project], f.Project)
	return f, err == nil, err
}

// inside checks for existing forwards to the guest's ports. It returns the wanted forward if it
// exists. Neutron refuses a second forward to the same port, and any to a port of a guest that has
// a floating IP of its own.
func inside(carriers []carrier, want WantForward, to target) (*Forward, error) {
	for _, c := range carriers {
		if c.Port == to.port {
			return nil, hint.With(fmt.Errorf("guest %s has its own floating IP %s, and Neutron then forwards no ports",
				to.name, c.addr),
				"%s leads to all of the guest's ports: allow port %s in its security group", c.addr,
				want.Internal)
		}
		for _, f := range c.forwards {
			if f.PortID != to.port || f.GuestAddr != to.addr || f.Protocol != want.Protocol ||
				!f.Internal.overlaps(want.Internal) {
				continue
			}
			chosen := !want.FloatingIP.IsValid() || c.has(want.FloatingIP)
			if chosen && f.Internal == want.Internal && f.External == want.External {
				return &f, nil
			}
			return nil, hint.With(fmt.Errorf("port %s/%s of guest %s is already forwarded from %s", f.Internal, f.Protocol,
				to.name, f),
				"Neutron forwards to a port once: remove the other with macaw forward rm, if it is not wanted")
		}
	}
	return nil, nil
}

// choose returns the floating IP to use, or nil if one has to be made.
func choose(carriers []carrier, want WantForward, to target) (*carrier, error) {
	var chosen *carrier
	if want.FloatingIP.IsValid() {
		i := slices.IndexFunc(carriers, func(c carrier) bool { return c.has(want.FloatingIP) })
		if i < 0 {
			return nil, hint.With(fmt.Errorf("there is no floating IP %s", want.FloatingIP),
				"openstack floating ip list")
		}
		chosen = &carriers[i]
		switch {
		case chosen.Port != "":
			return nil, hint.With(fmt.Errorf("floating IP %s is associated with a port and cannot carry forwards",
				chosen.addr),
				"take another, or openstack floating ip unset --port")
		case chosen.Router != "" && chosen.Router != to.router:
			return nil, hint.With(fmt.Errorf("floating IP %s is on router %s, and guest %s is behind router %s", chosen.addr,
				chosen.Router, to.name, to.router),
				"take another floating IP")
		}
	} else {
		// Those in use come before idle ones, and those made for forwards before the project's own,
		// which may have another purpose. Idle ones must have been made for forwards.
		for _, match := range []func(carrier) bool{
			func(c carrier) bool { return c.Router == to.router && len(c.forwards) > 0 && c.ours() },
			func(c carrier) bool { return c.Router == to.router && len(c.forwards) > 0 },
			func(c carrier) bool { return c.idle() && (c.ours() || c.Description == aboutForwards) },
		} {
			i := slices.IndexFunc(carriers, func(c carrier) bool { return c.project() == to.project && match(c) })
			if i >= 0 {
				chosen = &carriers[i]
				break
			}
		}
	}
	if chosen == nil {
		return nil, nil
	}
	for _, f := range chosen.forwards {
		if f.Protocol == want.Protocol && f.External.overlaps(want.External) {
			return nil, hint.With(fmt.Errorf("port %s/%s of floating IP %s is already forwarded to %s", f.External, f.Protocol,
				chosen.addr, f.guest()),
				"take another port, or another floating IP by --floating-ip")
		}
	}
	return chosen, nil
}

// ours reports whether the floating IP was made for forwards.
func (c carrier) ours() bool { return slices.Contains(c.Tags, tagForwards) }

func (p Provider) makeCarrier(ctx context.Context, network string, to target) (*carrier, error) {
	made, err := floatingips.Create(ctx, p.Client.api, floatingips.CreateOpts{
		FloatingNetworkID: network, ProjectID: to.project, Description: aboutForwards,
	}).Extract()
	if err != nil {
		return nil, fmt.Errorf("making a floating IP on %s: %w", p.Network, neutronMessage(err))
	}
	addr, err := netip.ParseAddr(made.FloatingIP)
	if err != nil {
		return nil, fmt.Errorf("reading floating IP %s: %w", made.ID, err)
	}
	return &carrier{
		carrierFields: carrierFields{ID: made.ID, Project: to.project, Description: aboutForwards},
		addr:          addr,
	}, nil
}

// tagCarrier tags a floating IP that was made for forwards but not tagged yet.
func (p Provider) tagCarrier(ctx context.Context, c *carrier) error {
	if c.ours() || !c.idle() || c.Description != aboutForwards {
		return nil
	}
	if err := attributestags.Add(ctx, p.Client.api, "floatingips", c.ID, tagForwards).ExtractErr(); err != nil {
		return fmt.Errorf("tagging floating IP %s: %w", c.addr, neutronMessage(err))
	}
	return nil
}

func (p Provider) createForward(ctx context.Context, c *carrier, want WantForward, to target) (Forward, error) {
	options := portforwarding.CreateOpts{InternalPortID: to.port, InternalIPAddress: to.addr.String(),
		Protocol: want.Protocol}
	if want.External.Len() == 1 {
		options.ExternalPort, options.InternalPort = int(want.External.First), int(want.Internal.First)
	} else {
		options.ExternalPortRange, options.InternalPortRange = want.External.api(), want.Internal.api()
	}
	made, err := portforwarding.Create(ctx, p.Client.api, c.ID, options).Extract()
	public, _ := PublicOf(c.Tags)
	f := Forward{
		Addr: c.addr, Public: public, External: want.External, Protocol: want.Protocol,
		Guest: to.name, GuestAddr: to.addr, Internal: want.Internal, Project: c.project(), FloatingID: c.ID, PortID: to.port,
	}
	if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		return Forward{}, fmt.Errorf("forwarding %s to guest %s: the floating IP or Neutron's port forwarding is not "+
			"there: %w", f, to.name, neutronMessage(err))
	}
	if err != nil {
		return Forward{}, fmt.Errorf("forwarding %s to guest %s: %w", f, to.name, neutronMessage(err))
	}
	f.ID = made.ID
	return f, nil
}
