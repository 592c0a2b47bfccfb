package neutron

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// Kind says what has an address on an external network.
type Kind string

const (
	KindRouter   Kind = "router"   // a router's gateway port
	KindFloating Kind = "floating" // a floating IP, with or without port forwarding
	KindPort     Kind = "port"     // anything else, such as a guest right on the network
)

// Address is an address on an external network and the MAC that its frames
// carry.
type Address struct {
	Addr   netip.Addr       `json:"addr"`
	MAC    net.HardwareAddr `json:"mac"` // nil if nobody sends from it now
	Kind   Kind             `json:"kind"`
	ID     string           `json:"id"`     // of the port or floating IP
	Router string           `json:"router"` // ID; empty for KindPort and an idle floating IP
	Active bool             `json:"active"` // somebody may send from it now
}

// Router is a router with a gateway on the external network.
type Router struct {
	ID        string
	PortID    string
	MAC       net.HardwareAddr
	Addresses []netip.Addr
	Up        bool // the gateway port is administratively up
}

// FloatingIP is one of the external network's floating IPs.
type FloatingIP struct {
	ID      string
	Addr    netip.Addr
	FixedIP netip.Addr       // zero if not associated, and with port forwarding
	Port    string           // the guest's; empty if not associated, and with port forwarding
	Router  string           // empty if idle
	MAC     net.HardwareAddr // of the floating IP's own port; nil while that is being made
	Status  string           // ACTIVE, DOWN or ERROR
}

// Provider is one external network of a cloud.
type Provider struct {
	Client  *Client
	Network string // name

	// Distributed tells that floating IPs leave from the guests' own chassis
	// under their own MACs (ml2_conf.ini, [ovn] enable_distributed_floating_ip).
	// The API does not tell.
	Distributed bool
}

// ProviderAddresses returns every address that Neutron has given out on the
// external network, in order. The error is ErrNoNetwork if there is no such
// network.
func (p Provider) ProviderAddresses(ctx context.Context) ([]Address, error) {
	network, all, err := p.ports(ctx)
	if err != nil {
		return nil, err
	}
	floating, err := p.floating(ctx, network, all)
	if err != nil {
		return nil, err
	}
	return addresses(all, floating, p.Distributed)
}

// Routers returns the routers with a gateway on the external network.
func (p Provider) Routers(ctx context.Context) ([]Router, error) {
	_, all, err := p.ports(ctx)
	if err != nil {
		return nil, err
	}
	var routers []Router
	for _, port := range all {
		if port.DeviceOwner != ownerGateway {
			continue
		}
		r := Router{ID: port.DeviceID, PortID: port.ID, Up: port.AdminStateUp}
		if r.MAC, err = net.ParseMAC(port.MACAddress); err != nil {
			return nil, fmt.Errorf("reading port %s: %w", port.ID, err)
		}
		for _, ip := range port.FixedIPs {
			addr, err := netip.ParseAddr(ip.IPAddress)
			if err != nil {
				return nil, fmt.Errorf("reading port %s: %w", port.ID, err)
			}
			r.Addresses = append(r.Addresses, addr)
		}
		routers = append(routers, r)
	}
	return routers, nil
}

// FloatingIPs returns the external network's floating IPs.
func (p Provider) FloatingIPs(ctx context.Context) ([]FloatingIP, error) {
	network, all, err := p.ports(ctx)
	if err != nil {
		return nil, err
	}
	return p.floating(ctx, network, all)
}

// Values of device_owner.
const (
	ownerGateway     = "network:router_gateway"
	ownerFloating    = "network:floatingip"
	ownerDistributed = "network:distributed" // metadata; sends nothing to the wire
)

// ports returns the external network's ID and its ports.
func (p Provider) ports(ctx context.Context) (string, []ports.Port, error) {
	network, err := p.Client.external(ctx, p.Network)
	if err != nil {
		return "", nil, err
	}
	pages, err := ports.List(p.Client.api, ports.ListOpts{NetworkID: network.ID}).AllPages(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("listing ports of %s: %w", p.Network, err)
	}
	all, err := ports.ExtractPorts(pages)
	if err != nil {
		return "", nil, fmt.Errorf("reading ports of %s: %w", p.Network, err)
	}
	return network.ID, all, nil
}

// floating returns the floating IPs, with the MACs of their own ports.
func (p Provider) floating(ctx context.Context, network string, all []ports.Port) ([]FloatingIP, error) {
	pages, err := floatingips.List(p.Client.api, floatingips.ListOpts{FloatingNetworkID: network}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing floating IPs of %s: %w", p.Network, err)
	}
	raw, err := floatingips.ExtractFloatingIPs(pages)
	if err != nil {
		return nil, fmt.Errorf("reading floating IPs of %s: %w", p.Network, err)
	}
	own := make(map[string]ports.Port)
	for _, port := range all {
		if port.DeviceOwner == ownerFloating {
			own[port.DeviceID] = port
		}
	}
	var out []FloatingIP
	for _, r := range raw {
		f := FloatingIP{ID: r.ID, Port: r.PortID, Router: r.RouterID, Status: r.Status}
		if f.Addr, err = netip.ParseAddr(r.FloatingIP); err != nil {
			return nil, fmt.Errorf("reading floating IP %s: %w", r.ID, err)
		}
		if r.FixedIP != "" {
			if f.FixedIP, err = netip.ParseAddr(r.FixedIP); err != nil {
				return nil, fmt.Errorf("reading floating IP %s: %w", r.ID, err)
			}
		}
		if port, ok := own[r.ID]; ok {
			if f.MAC, err = net.ParseMAC(port.MACAddress); err != nil {
				return nil, fmt.Errorf("reading port %s: %w", port.ID, err)
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// addresses tells who sends from what. A centralized floating IP, and one with
// port forwarding always, is an address of its router and leaves under the MAC
// of the router's gateway port.
func addresses(all []ports.Port, floating []FloatingIP, distributed bool) ([]Address, error) {
	var out []Address
	gateways := make(map[string]net.HardwareAddr)
	for _, port := range all {
		if port.DeviceOwner == ownerFloating || port.DeviceOwner == ownerDistributed {
			continue
		}
		mac, err := net.ParseMAC(port.MACAddress)
		if err != nil {
			return nil, fmt.Errorf("reading port %s: %w", port.ID, err)
		}
		a := Address{MAC: mac, Kind: KindPort, ID: port.ID, Active: port.AdminStateUp}
		if port.DeviceOwner == ownerGateway {
			a.Kind, a.Router = KindRouter, port.DeviceID
			gateways[port.DeviceID] = mac
		}
		for _, ip := range port.FixedIPs {
			if a.Addr, err = netip.ParseAddr(ip.IPAddress); err != nil {
				return nil, fmt.Errorf("reading port %s: %w", port.ID, err)
			}
			out = append(out, a)
		}
	}
	for _, f := range floating {
		a := Address{Addr: f.Addr, Kind: KindFloating, ID: f.ID, Router: f.Router}
		if f.Router != "" {
			a.MAC = gateways[f.Router]
			if distributed && f.Port != "" {
				a.MAC = f.MAC
			}
			a.Active = a.MAC != nil
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Address) int { return a.Addr.Compare(b.Addr) })
	return out, nil
}
