// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"

	"golang.org/x/sync/errgroup"
)

// Provider is one external network of a cloud.
type Provider struct {
	Client  *Client
	Network string // name

	// Distributed means that floating IPs leave from the guests' own chassis under their own MACs
	// (ml2_conf.ini, [ovn] enable_distributed_floating_ip). The API does not show this setting.
	Distributed bool
}

// Router is a router with a gateway on the external network.
type Router struct {
	ID        string
	PortID    string
	MAC       net.HardwareAddr
	Addresses []netip.Addr
	Up        bool // the gateway port is administratively up
}

// FloatingIP is a floating IP of the external network.
type FloatingIP struct {
	ID      string
	Addr    netip.Addr
	FixedIP netip.Addr       // zero if not associated, and with port forwarding
	Port    string           // the guest's; empty if not associated, and with port forwarding
	Router  string           // empty if idle
	MAC     net.HardwareAddr // of the floating IP's own port; nil while that is being made
	Status  string           // ACTIVE, DOWN or ERROR
	Project string           // ID
	Tags    []string
}

// Routers returns the routers with a gateway on the external network.
func (p Provider) Routers(ctx context.Context) ([]Router, error) {
	network, err := p.Client.external(ctx, p.Network)
	if err != nil {
		return nil, err
	}
	all, _, err := p.ports(ctx, url.Values{"network_id": {network.ID}, "device_owner": {ownerGateway}})
	if err != nil {
		return nil, err
	}
	var routers []Router
	for _, port := range all {
		routers = append(routers, Router{ID: port.Device, PortID: port.ID, MAC: port.mac, Addresses: port.addrs, Up: port.Up})
	}
	return routers, nil
}

// FloatingIPs returns the external network's floating IPs.
func (p Provider) FloatingIPs(ctx context.Context) ([]FloatingIP, error) {
	s, err := p.snapshot(ctx)
	return s.floating, err
}

// snapshot is the state of an external network in Neutron.
type snapshot struct {
	network  string // ID
	ports    []port // without those of floating IPs
	floating []FloatingIP
}

// snapshot queries the network, its ports and its floating IPs in parallel, with the network's last
// known ID, and repeats the queries if the ID has changed. The delay of new floating IPs depends on
// its duration.
func (p Provider) snapshot(ctx context.Context) (snapshot, error) {
	known, _ := p.Client.ids.Load(p.Network)
	guess, _ := known.(string)
	var network string
	var s snapshot
	g, together := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		network, err = p.checkAdmin(together)
		return err
	})
	if guess != "" {
		g.Go(func() (err error) {
			s, err = p.listOn(together, guess)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return snapshot{}, err
	}
	if network == guess {
		return s, nil
	}
	p.Client.ids.Store(p.Network, network)
	return p.listOn(ctx, network)
}

// checkAdmin returns the ID of the external network, if this user sees all of it.
func (p Provider) checkAdmin(ctx context.Context) (string, error) {
	network, err := p.Client.external(ctx, p.Network)
	if err != nil {
		return "", err
	}
	if !network.External {
		return "", fmt.Errorf("finding %s: %w", p.Network, ErrNoNetwork)
	}
	// Non-admins see only ports of their own project, and no network type (neutron/conf/policies),
	// so most addresses would seem to be released.
	if network.NetworkType == "" {
		return "", fmt.Errorf("reading %s: this user does not see all of it; it needs the role admin", p.Network)
	}
	return network.ID, nil
}

// listOn returns the ports and floating IPs on the network with an ID.
func (p Provider) listOn(ctx context.Context, network string) (snapshot, error) {
	s := snapshot{network: network}
	var own map[string]net.HardwareAddr
	g, together := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s.ports, own, err = p.ports(together, url.Values{"network_id": {network}})
		return err
	})
	g.Go(func() (err error) {
		s.floating, err = p.floating(together, network)
		return err
	})
	if err := g.Wait(); err != nil {
		return snapshot{}, err
	}
	for i, f := range s.floating {
		s.floating[i].MAC = own[f.ID]
	}
	return s, nil
}

// Values of device_owner.
const (
	ownerGateway     = "network:router_gateway"
	ownerFloating    = "network:floatingip"
	ownerDistributed = "network:distributed" // metadata; sends nothing to the wire
)

// port is a port of the external network.
type port struct {
	portFields
	mac   net.HardwareAddr
	addrs []netip.Addr
	pairs []allowed
}

type portFields struct {
	ID       string    `json:"id"`
	MAC      string    `json:"mac_address"`
	Up       bool      `json:"admin_state_up"`
	Owner    string    `json:"device_owner"`
	Device   string    `json:"device_id"`
	Host     string    `json:"binding:host_id"`
	VIF      string    `json:"binding:vif_type"`
	Project  string    `json:"project_id"`
	Tenant   string    `json:"tenant_id"` // requesting only one of the two fields may return neither
	Tags     []string  `json:"tags"`
	FixedIPs []fixedIP `json:"fixed_ips"`
	Pairs    []pair    `json:"allowed_address_pairs"`
}

type fixedIP struct {
	Subnet string `json:"subnet_id"`
	Addr   string `json:"ip_address"`
}

func (p portFields) project() string { return cmp.Or(p.Project, p.Tenant) }

// ports returns the ports that send to the wire and, by floating IP ID, the MACs of floating IPs'
// own ports.
func (p Provider) ports(ctx context.Context, query url.Values) (all []port, own map[string]net.HardwareAddr,
	err error) {
	own = make(map[string]net.HardwareAddr)
	err = list(ctx, p.Client.api, "ports", query, func(f portFields) error {
		if f.Owner == ownerDistributed {
			return nil
		}
		mac, err := net.ParseMAC(f.MAC)
		if err != nil {
			return fmt.Errorf("reading port %s: %w", f.ID, err)
		}
		if f.Owner == ownerFloating {
			own[f.Device] = mac
			return nil
		}
		one := port{portFields: f, mac: mac}
		for _, ip := range f.FixedIPs {
			addr, err := netip.ParseAddr(ip.Addr)
			if err != nil {
				return fmt.Errorf("reading port %s: %w", f.ID, err)
			}
			one.addrs = append(one.addrs, addr)
		}
		for _, p := range f.Pairs {
			if a, ok := p.read(); ok {
				one.pairs = append(one.pairs, a)
			}
		}
		all = append(all, one)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("listing ports of %s: %w", p.Network, err)
	}
	return all, own, nil
}

type floatingFields struct {
	ID      string   `json:"id"`
	Addr    string   `json:"floating_ip_address"`
	FixedIP string   `json:"fixed_ip_address"`
	Port    string   `json:"port_id"`
	Router  string   `json:"router_id"`
	Status  string   `json:"status"`
	Project string   `json:"project_id"`
	Tenant  string   `json:"tenant_id"`
	Tags    []string `json:"tags"`
}

// floating returns the network's floating IPs, without MACs.
func (p Provider) floating(ctx context.Context, network string) ([]FloatingIP, error) {
	var out []FloatingIP
	// Thousands share some routers and projects.
	known := make(map[string]string)
	share := func(text string) string {
		if _, ok := known[text]; !ok {
			known[text] = text
		}
		return known[text]
	}
	err := list(ctx, p.Client.api, "floatingips", url.Values{"floating_network_id": {network}},
		func(r floatingFields) error {
			f := FloatingIP{
				ID: r.ID, Port: r.Port, Router: share(r.Router), Status: r.Status,
				Project: share(cmp.Or(r.Project, r.Tenant)), Tags: r.Tags,
			}
			var err error
			if f.Addr, err = netip.ParseAddr(r.Addr); err != nil {
				return fmt.Errorf("reading floating IP %s: %w", r.ID, err)
			}
			if r.FixedIP != "" {
				if f.FixedIP, err = netip.ParseAddr(r.FixedIP); err != nil {
					return fmt.Errorf("reading floating IP %s: %w", r.ID, err)
				}
			}
			out = append(out, f)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("listing floating IPs of %s: %w", p.Network, err)
	}
	return out, nil
}
