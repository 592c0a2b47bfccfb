// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Forward is a port forwarding: traffic to ports of a floating IP goes to ports of a guest
// (Networking API v2.0, "Floating IPs port forwarding").
type Forward struct {
	ID         string     `json:"id"`
	Addr       netip.Addr `json:"floatingIP"`
	Public     netip.Addr `json:"elasticIP"` // from the floating IP's tag; zero without a tag
	External   PortRange  `json:"port"`
	Protocol   string     `json:"protocol"` // "tcp" or "udp", or one of Neutron's others
	Guest      string     `json:"guest"`    // the server's name; empty if the port has no server
	GuestAddr  netip.Addr `json:"guestAddr"`
	Internal   PortRange  `json:"guestPort"`
	Project    string     `json:"project"` // the floating IP's, by name if it has one
	FloatingID string     `json:"floatingIPID"`
	PortID     string     `json:"portID"` // the guest's port
}

// String returns for example "10.20.1.12:522/tcp".
func (f Forward) String() string { return fmt.Sprintf("%s:%s/%s", f.Addr, f.External, f.Protocol) }

// guest describes the guest for display.
func (f Forward) guest() string {
	return fmt.Sprintf("%s:%s", cmp.Or(f.Guest, f.GuestAddr.String()), f.Internal)
}

// Forwards returns the port forwardings of all projects, in the order of addresses and ports.
func (p Provider) Forwards(ctx context.Context) ([]Forward, error) {
	network, err := p.Client.external(ctx, p.Network)
	if err != nil {
		return nil, err
	}
	carriers, err := p.carriers(ctx, network.ID)
	if err != nil {
		return nil, err
	}
	all := []Forward{}
	for _, c := range carriers {
		all = append(all, c.forwards...)
	}
	if len(all) == 0 {
		return all, nil
	}
	return all, p.name(ctx, all)
}

// name sets the names of guests and projects.
func (p Provider) name(ctx context.Context, all []Forward) error {
	servers, err := p.Client.servers(ctx, "")
	if err != nil {
		return err
	}
	projects, err := p.Client.projects(ctx)
	if err != nil {
		return err
	}
	guests := make(map[string]string)
	for _, f := range all {
		guests[f.PortID] = ""
	}
	ports, err := p.guestPorts(ctx, guests)
	if err != nil {
		return err
	}
	for i, f := range all {
		all[i].Guest = servers[ports[f.PortID].Device]
		all[i].Project = cmp.Or(projects[f.Project], f.Project)
	}
	return nil
}

// carrier is a floating IP with its forwards, if it has any.
type carrier struct {
	carrierFields
	addr     netip.Addr
	forwards []Forward
}

type carrierFields struct {
	ID          string          `json:"id"`
	Addr        string          `json:"floating_ip_address"`
	Port        string          `json:"port_id"`
	Router      string          `json:"router_id"`
	Project     string          `json:"project_id"`
	Tenant      string          `json:"tenant_id"`
	Description string          `json:"description"`
	Tags        []string        `json:"tags"`
	Forwards    []forwardFields `json:"port_forwardings"`
}

type forwardFields struct {
	ID            string `json:"id"`
	Protocol      string `json:"protocol"`
	External      uint16 `json:"external_port"`
	ExternalRange string `json:"external_port_range"`
	Internal      uint16 `json:"internal_port"`
	InternalRange string `json:"internal_port_range"`
	Addr          string `json:"internal_ip_address"`
	Port          string `json:"internal_port_id"`
}

func (c carrierFields) project() string { return cmp.Or(c.Project, c.Tenant) }

// idle reports whether the floating IP is unused: no port, router or forward.
func (c carrier) idle() bool { return c.Port == "" && c.Router == "" && len(c.forwards) == 0 }

// has reports whether the address is the floating IP's private or public one.
func (c carrier) has(a netip.Addr) bool {
	public, ok := PublicOf(c.Tags)
	return a == c.addr || ok && a == public
}

// carriers returns the external network's floating IPs, in order.
func (p Provider) carriers(ctx context.Context, network string) ([]carrier, error) {
	var all []carrier
	err := list(ctx, p.Client.api, "floatingips", url.Values{"floating_network_id": {network}},
		func(f carrierFields) error {
			addr, err := netip.ParseAddr(f.Addr)
			all = append(all, carrier{carrierFields: f, addr: addr})
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("listing floating IPs of %s: %w", p.Network, err)
	}
	slices.SortFunc(all, func(a, b carrier) int { return a.addr.Compare(b.addr) })
	for i := range all {
		if err := p.readForwards(ctx, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readForwards reads a floating IP's forwards. The floating IP's own data lacks port ranges; if one
// seems to be a range, it queries the forwards.
func (p Provider) readForwards(ctx context.Context, c *carrier) error {
	raw := c.Forwards
	if slices.ContainsFunc(raw, func(f forwardFields) bool { return f.ID == "" || f.External == 0 || f.Internal == 0 }) {
		raw = nil
		err := list(ctx, p.Client.api, "floatingips/"+c.ID+"/port_forwardings", nil, func(f forwardFields) error {
			raw = append(raw, f)
			return nil
		})
		if err != nil {
			return fmt.Errorf("listing port forwardings of %s: %w", c.addr, err)
		}
	}
	public, _ := PublicOf(c.Tags)
	for _, r := range raw {
		f, err := r.forward()
		if err != nil {
			return fmt.Errorf("reading port forwarding %s of %s: %w", r.ID, c.addr, err)
		}
		f.Addr, f.Public, f.Project, f.FloatingID = c.addr, public, c.project(), c.ID
		c.forwards = append(c.forwards, f)
	}
	slices.SortFunc(c.forwards, func(a, b Forward) int {
		return cmp.Or(cmp.Compare(a.External.First, b.External.First), cmp.Compare(a.Protocol, b.Protocol))
	})
	return nil
}

func (r forwardFields) forward() (f Forward, err error) {
	f = Forward{ID: r.ID, Protocol: r.Protocol, PortID: r.Port}
	if f.GuestAddr, err = netip.ParseAddr(r.Addr); err != nil {
		return f, err
	}
	if f.External, err = portsOf(r.External, r.ExternalRange); err != nil {
		return f, err
	}
	f.Internal, err = portsOf(r.Internal, r.InternalRange)
	return f, err
}

// portsOf parses a port, or a range such as "8000:8010", as Neutron returns them.
func portsOf(one uint16, many string) (PortRange, error) {
	if one != 0 {
		return PortRange{one, one}, nil
	}
	return ParsePortRange(strings.Replace(many, ":", "-", 1))
}
