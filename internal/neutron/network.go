package neutron

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/mtu"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/provider"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// ErrNoNetwork is returned where the cloud has no external network of the name.
var ErrNoNetwork = errors.New("no such external network")

// External is an external network as it should be: flat, with one IPv4 subnet
// whose allocation pools are exactly the addresses that AWS knows.
type External struct {
	Name            string
	PhysicalNetwork string // as in ovn-bridge-mappings
	MTU             int    // octets; zero: 1500
	CIDR            netip.Prefix
	Gateway         netip.Addr
	Addresses       []netip.Addr // what Neutron may give out
}

// Seen is an external network as it is.
type Seen struct {
	ID       string
	SubnetID string
	Changed  []string // what EnsureExternal made or corrected, for people; empty: nothing
}

// network is one as the API gives it, with the extensions that we set.
type network struct {
	networks.Network
	external.NetworkExternalExt
	mtu.NetworkMTUExt
	provider.NetworkProviderExt
}

// EnsureExternal makes the external network and its subnet, or corrects what
// differs and can be corrected. Neutron can change neither a network's type or
// physical network nor a subnet's CIDR; those are errors.
func (c *Client) EnsureExternal(ctx context.Context, want External) (Seen, error) {
	if want.MTU == 0 {
		want.MTU = 1500
	}
	var seen Seen
	net, err := c.external(ctx, want.Name)
	switch {
	case errors.Is(err, ErrNoNetwork):
		net, err = c.createNetwork(ctx, want)
		seen.Changed = append(seen.Changed, "network made")
	case err == nil:
		var changed []string
		changed, err = c.correctNetwork(ctx, net, want)
		seen.Changed = append(seen.Changed, changed...)
	}
	if err != nil {
		return seen, err
	}
	seen.ID = net.ID

	subnet, err := c.subnet(ctx, net.ID, want)
	if err != nil {
		return seen, err
	}
	if subnet == nil {
		if subnet, err = c.createSubnet(ctx, net.ID, want); err != nil {
			return seen, err
		}
		seen.SubnetID = subnet.ID
		seen.Changed = append(seen.Changed, "subnet made")
		return seen, nil
	}
	seen.SubnetID = subnet.ID
	changed, err := c.correctSubnet(ctx, subnet, want)
	seen.Changed = append(seen.Changed, changed...)
	return seen, err
}

// external finds a network by name, whether external yet or not.
func (c *Client) external(ctx context.Context, name string) (*network, error) {
	pages, err := networks.List(c.api, networks.ListOpts{Name: name}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing networks named %s: %w", name, err)
	}
	var found []network
	if err := networks.ExtractNetworksInto(pages, &found); err != nil {
		return nil, fmt.Errorf("reading networks named %s: %w", name, err)
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("finding %s: %w", name, ErrNoNetwork)
	case 1:
		return &found[0], nil
	}
	return nil, fmt.Errorf("finding %s: %d networks have that name", name, len(found))
}

func (c *Client) createNetwork(ctx context.Context, want External) (*network, error) {
	yes := true
	options := mtu.CreateOptsExt{
		MTU: want.MTU,
		CreateOptsBuilder: external.CreateOptsExt{
			External: &yes,
			CreateOptsBuilder: flat{
				CreateOptsBuilder: networks.CreateOpts{Name: want.Name, AdminStateUp: &yes},
				physicalNetwork:   want.PhysicalNetwork,
			},
		},
	}
	var made network
	if err := networks.Create(ctx, c.api, options).ExtractInto(&made); err != nil {
		return nil, fmt.Errorf("making network %s: %w", want.Name, err)
	}
	return &made, nil
}

// flat adds the provider attributes. The library knows only their other form, a
// list of segments, which needs an extension that not every cloud has.
type flat struct {
	networks.CreateOptsBuilder
	physicalNetwork string
}

// ToNetworkCreateMap returns the request's body.
func (f flat) ToNetworkCreateMap() (map[string]any, error) {
	body, err := f.CreateOptsBuilder.ToNetworkCreateMap()
	if err != nil {
		return nil, err
	}
	attributes := body["network"].(map[string]any)
	attributes["provider:network_type"] = "flat"
	attributes["provider:physical_network"] = f.physicalNetwork
	return body, nil
}

func (c *Client) correctNetwork(ctx context.Context, seen *network, want External) ([]string, error) {
	if seen.NetworkType != "flat" || seen.PhysicalNetwork != want.PhysicalNetwork {
		return nil, fmt.Errorf("network %s is %s on physical network %q, not flat on %q, and Neutron cannot change that",
			want.Name, seen.NetworkType, seen.PhysicalNetwork, want.PhysicalNetwork)
	}
	yes := true
	var changed []string
	var options networks.UpdateOptsBuilder = networks.UpdateOpts{}
	if !seen.AdminStateUp {
		options = networks.UpdateOpts{AdminStateUp: &yes}
		changed = append(changed, "network set up")
	}
	if !seen.External {
		options = external.UpdateOptsExt{UpdateOptsBuilder: options, External: &yes}
		changed = append(changed, "network made external")
	}
	if seen.MTU != want.MTU {
		options = mtu.UpdateOptsExt{UpdateOptsBuilder: options, MTU: want.MTU}
		changed = append(changed, fmt.Sprintf("MTU %d to %d", seen.MTU, want.MTU))
	}
	if len(changed) == 0 {
		return nil, nil
	}
	if _, err := networks.Update(ctx, c.api, seen.ID, options).Extract(); err != nil {
		return nil, fmt.Errorf("correcting network %s: %w", want.Name, err)
	}
	return changed, nil
}

// subnet returns the network's IPv4 subnet, nil if there is none.
func (c *Client) subnet(ctx context.Context, networkID string, want External) (*subnets.Subnet, error) {
	pages, err := subnets.List(c.api, subnets.ListOpts{NetworkID: networkID, IPVersion: 4}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing subnets of %s: %w", want.Name, err)
	}
	found, err := subnets.ExtractSubnets(pages)
	if err != nil {
		return nil, fmt.Errorf("reading subnets of %s: %w", want.Name, err)
	}
	for i := range found {
		if found[i].CIDR == want.CIDR.Masked().String() {
			return &found[i], nil
		}
	}
	if len(found) > 0 {
		return nil, fmt.Errorf("network %s has subnet %s, not %s, and Neutron cannot change that", want.Name, found[0].CIDR, want.CIDR.Masked())
	}
	return nil, nil
}

func (c *Client) createSubnet(ctx context.Context, networkID string, want External) (*subnets.Subnet, error) {
	no, gateway := false, want.Gateway.String()
	subnet, err := subnets.Create(ctx, c.api, subnets.CreateOpts{
		NetworkID:       networkID,
		Name:            want.Name,
		CIDR:            want.CIDR.Masked().String(),
		IPVersion:       4,
		GatewayIP:       &gateway,
		EnableDHCP:      &no,
		AllocationPools: pools(want.Addresses),
	}).Extract()
	if err != nil {
		return nil, fmt.Errorf("making subnet %s of %s: %w", want.CIDR, want.Name, err)
	}
	return subnet, nil
}

func (c *Client) correctSubnet(ctx context.Context, seen *subnets.Subnet, want External) ([]string, error) {
	var changed []string
	var options subnets.UpdateOpts
	if gateway := want.Gateway.String(); seen.GatewayIP != gateway {
		options.GatewayIP = &gateway
		changed = append(changed, fmt.Sprintf("gateway %q to %s", seen.GatewayIP, gateway))
	}
	if seen.EnableDHCP {
		no := false
		options.EnableDHCP = &no
		changed = append(changed, "DHCP off")
	}
	if wanted := pools(want.Addresses); !samePools(seen.AllocationPools, wanted) {
		options.AllocationPools = wanted
		changed = append(changed, fmt.Sprintf("allocation pools to %v", wanted))
	}
	if len(changed) == 0 {
		return nil, nil
	}
	if _, err := subnets.Update(ctx, c.api, seen.ID, options).Extract(); err != nil {
		return nil, fmt.Errorf("correcting subnet %s of %s: %w", want.CIDR, want.Name, err)
	}
	return changed, nil
}

// pools returns addresses as allocation pools, each run of consecutive
// addresses one pool.
func pools(addresses []netip.Addr) []subnets.AllocationPool {
	sorted := slices.Clone(addresses)
	slices.SortFunc(sorted, netip.Addr.Compare)
	sorted = slices.Compact(sorted)
	var out []subnets.AllocationPool
	for i := 0; i < len(sorted); {
		j := i
		for j+1 < len(sorted) && sorted[j].Next() == sorted[j+1] {
			j++
		}
		out = append(out, subnets.AllocationPool{Start: sorted[i].String(), End: sorted[j].String()})
		i = j + 1
	}
	return out
}

// samePools compares without regard to order.
func samePools(a, b []subnets.AllocationPool) bool {
	if len(a) != len(b) {
		return false
	}
	for _, p := range a {
		if !slices.Contains(b, p) {
			return false
		}
	}
	return true
}
