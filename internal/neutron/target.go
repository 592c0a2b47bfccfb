// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"macaw.example/internal/hint"
)

// target is an address of a guest's port, with the router that connects it to the outside.
type target struct {
	port    string // ID
	device  string // the server's ID
	name    string // for display
	addr    netip.Addr
	subnet  string // ID
	router  string // ID
	project string // ID
}

// uuid matches an ID.
var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// target finds the one address of a guest that can be reached from the external network. The guest
// is given by the name or ID of its server, or by one of its addresses; the project's ID may be
// empty.
func (p Provider) target(ctx context.Context, guest, project string) (target, error) {
	targets, err := p.targets(ctx, guest, project)
	if err != nil {
		return target{}, err
	}
	if len(targets) == 0 {
		return target{}, hint.With(fmt.Errorf("there is no guest %q with an IPv4 address", guest),
			"openstack server list --all-projects")
	}
	if targets, err = p.routed(ctx, targets); err != nil {
		return target{}, err
	}
	switch len(targets) {
	case 0:
		return target{}, hint.With(fmt.Errorf("no router connects network %s and guest %s", p.Network, guest),
			"give the router of its network a gateway on %s: openstack router set --external-gateway", p.Network)
	case 1:
		return targets[0], nil
	}
	var which []string
	for _, s := range targets {
		if s.device != targets[0].device {
			return target{}, hint.With(fmt.Errorf("there are several guests %q: %s and %s", guest, targets[0].device, s.device),
				"give its ID instead, or --project")
		}
		which = append(which, s.addr.String())
	}
	return target{}, hint.With(fmt.Errorf("guest %s has several addresses that can be reached: %s", guest,
		strings.Join(which, ", ")),
		"give one of them instead of the name")
}

// targets returns the IPv4 addresses of a guest, without their routers.
func (p Provider) targets(ctx context.Context, guest, project string) ([]target, error) {
	query := url.Values{}
	addr, err := netip.ParseAddr(guest)
	isAddr := err == nil
	names := map[string]string{}
	if isAddr {
		query.Set("fixed_ips", "ip_address="+addr.String())
	} else {
		if names, err = p.Client.servers(ctx, guest); err != nil {
			return nil, err
		}
		if uuid.MatchString(guest) {
			names[guest] = guest
		}
		for id := range names {
			query.Add("device_id", id)
		}
		if len(names) == 0 {
			return nil, nil
		}
	}
	type guestPort struct {
		ID       string    `json:"id"`
		Device   string    `json:"device_id"`
		Owner    string    `json:"device_owner"`
		Project  string    `json:"project_id"`
		Tenant   string    `json:"tenant_id"`
		FixedIPs []fixedIP `json:"fixed_ips"`
	}
	var targets []target
	err = list(ctx, p.Client.api, "ports", query, func(g guestPort) error {
		of := cmp.Or(g.Project, g.Tenant)
		if strings.HasPrefix(g.Owner, "network:") || project != "" && of != project {
			return nil
		}
		for _, ip := range g.FixedIPs {
			a, err := netip.ParseAddr(ip.Addr)
			if err != nil {
				return fmt.Errorf("reading port %s: %w", g.ID, err)
			}
			if a.Is4() && (!isAddr || a == addr) {
				targets = append(targets, target{port: g.ID, device: g.Device, name: cmp.Or(names[g.Device], guest), addr: a,
					subnet: ip.Subnet, project: of})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing ports of guest %s: %w", guest, err)
	}
	slices.SortFunc(targets, func(a,
		b target) int {
		return cmp.Or(cmp.Compare(a.device, b.device), a.addr.Compare(b.addr))
	})
	return targets, nil
}

// Routers' internal ports, of plain, distributed and highly available ones.
var ownersInterface = []string{"network:router_interface", "network:router_interface_distributed",
	"network:ha_router_replicated_interface"}

// routed returns the targets that a router connects to the external network. Of several routers on
// a subnet it takes the subnet's gateway, as Neutron does for floating IPs.
func (p Provider) routed(ctx context.Context, targets []target) ([]target, error) {
	routers, err := p.Routers(ctx)
	if err != nil {
		return nil, err
	}
	var subnets []string
	query := url.Values{"device_owner": ownersInterface}
	for _, s := range targets {
		if !slices.Contains(subnets, s.subnet) {
			subnets = append(subnets, s.subnet)
			query.Add("fixed_ips", "subnet_id="+s.subnet)
		}
	}
	type subnet struct {
		ID      string `json:"id"`
		Gateway string `json:"gateway_ip"`
	}
	gateways := make(map[string]string)
	err = list(ctx, p.Client.api, "subnets", url.Values{"id": subnets}, func(s subnet) error {
		gateways[s.ID] = s.Gateway
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing subnets: %w", err)
	}
	type inside struct {
		Router   string    `json:"device_id"`
		FixedIPs []fixedIP `json:"fixed_ips"`
	}
	of := make(map[string]string) // router by subnet
	err = list(ctx, p.Client.api, "ports", query, func(i inside) error {
		if !slices.ContainsFunc(routers, func(r Router) bool { return r.ID == i.Router }) {
			return nil
		}
		for _, ip := range i.FixedIPs {
			if of[ip.Subnet] == "" || ip.Addr == gateways[ip.Subnet] {
				of[ip.Subnet] = i.Router
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing ports of routers: %w", err)
	}
	var out []target
	for _, s := range targets {
		if s.router = of[s.subnet]; s.router != "" {
			out = append(out, s)
		}
	}
	return out, nil
}
