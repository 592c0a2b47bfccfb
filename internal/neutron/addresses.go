// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
)

// Kind is what has an address on an external network.
type Kind string

const (
	KindRouter   Kind = "router"   // a router's gateway port
	KindFloating Kind = "floating" // a floating IP, with or without port forwarding
	KindPort     Kind = "port"     // anything else, such as a guest right on the network
)

// Address is an address on an external network and the MAC that its frames carry.
type Address struct {
	Addr   netip.Addr       `json:"addr"`
	MAC    net.HardwareAddr `json:"mac"` // nil if nobody sends from it now
	Kind   Kind             `json:"kind"`
	ID     string           `json:"id"`     // of the port or floating IP
	Router string           `json:"router"` // ID; empty for KindPort and an idle floating IP
	Active bool             `json:"active"` // somebody may send from it now

	// Claimants are the MACs that may use a reserved address: it goes to the one that announces it.
	// Only reserved addresses have any; their MAC is nil.
	Claimants []net.HardwareAddr `json:"claimants,omitempty"`

	// Host is the host name of the node that its traffic goes through: Neutron's binding:host_id,
	// which follows OVN's claims of gateways. When a claim ends without a new one, the old value
	// stays. Empty: none.
	Host    string   `json:"host"`
	Project string   `json:"project"` // ID; a router's gateway port has none
	Tags    []string `json:"tags"`    // of the floating IP or the port
}

// ProviderAddresses returns all of Neutron's addresses on the external network, in order. The error
// is ErrNoNetwork if there is no such network. It makes three requests to Neutron, and one more if
// floating IPs are distributed and in use, however many addresses there are.
func (p Provider) ProviderAddresses(ctx context.Context) ([]Address, error) {
	s, err := p.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var hosts map[string]string
	if p.Distributed {
		if hosts, err = p.guestHosts(ctx, s.floating); err != nil {
			return nil, err
		}
	}
	return addresses(s, hosts, p.Distributed), nil
}

// fewGuests is how many ports are requested by ID. More would make the request longer than web
// servers accept (uWSGI: 4 KiB of headers by default).
const fewGuests = 50

// guestHosts returns the hosts of floating IPs' ports, by port ID.
func (p Provider) guestHosts(ctx context.Context, floating []FloatingIP) (map[string]string, error) {
	hosts := associated(floating)
	type bound struct {
		ID   string `json:"id"`
		Host string `json:"binding:host_id"`
	}
	err := listPorts(ctx, p.Client, hosts, func(b bound) error {
		if _, ok := hosts[b.ID]; ok {
			hosts[b.ID] = b.Host
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the ports of floating IPs of %s: %w", p.Network, err)
	}
	return hosts, nil
}

// associated returns a map whose keys are the IDs of the ports that floating IPs are associated with.
func associated(floating []FloatingIP) map[string]string {
	ports := make(map[string]string)
	for _, f := range floating {
		if f.Port != "" {
			ports[f.Port] = ""
		}
	}
	return ports
}

// listPorts calls each with the ports whose IDs are the keys, and, if there are many, with all others too.
func listPorts[T any](ctx context.Context, c *Client, of map[string]string, each func(T) error) error {
	if len(of) == 0 {
		return nil
	}
	query := url.Values{}
	if len(of) <= fewGuests {
		for id := range of {
			query.Add("id", id)
		}
	}
	return list(ctx, c.api, "ports", query, each)
}

// addresses determines the MAC and the node of each address. A centralized floating IP, and any
// with port forwarding, is an address of its router: it uses the MAC and the node of the router's
// gateway port. An address of a port that only reserves it is used by guests that are allowed to.
func addresses(s snapshot, hosts map[string]string, distributed bool) []Address {
	out := make([]Address, 0, len(s.ports)+len(s.floating))
	gateways := make(map[string]Address)
	for _, port := range s.ports {
		a := Address{
			MAC: port.mac, Kind: KindPort, ID: port.ID, Active: port.Up,
			Host: port.Host, Project: port.project(), Tags: port.Tags,
		}
		if port.Owner == ownerGateway {
			a.Kind, a.Router = KindRouter, port.Device
			gateways[port.Device] = a
		}
		for _, a.Addr = range port.addrs {
			if port.reserves() {
				a.MAC, a.Claimants = nil, claimants(port, a.Addr, s.ports)
			}
			out = append(out, a)
		}
	}
	for _, f := range s.floating {
		a := Address{
			Addr: f.Addr, Kind: KindFloating, ID: f.ID, Router: f.Router,
			Project: f.Project, Tags: f.Tags,
		}
		if gateway, ok := gateways[f.Router]; ok {
			a.MAC, a.Host = gateway.MAC, gateway.Host
			if distributed && f.Port != "" {
				a.MAC, a.Host = f.MAC, hosts[f.Port]
			}
			a.Active = a.MAC != nil
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Address) int { return a.Addr.Compare(b.Addr) })
	return out
}

// Owner describes the address's owner for display, such as "router 3f2c...".
func (a Address) Owner() string {
	switch a.Kind {
	case KindRouter:
		return "router " + a.Router
	case KindFloating:
		return "floating IP " + a.ID
	}
	return "port " + a.ID
}
