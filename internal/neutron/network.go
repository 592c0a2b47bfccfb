// SPDX-License-Identifier: Apache-2.0

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
)

// ErrNoNetwork is returned if the cloud has no external network of the name.
var ErrNoNetwork = errors.New("no such external network")

// External is a wanted external network: flat, with one IPv4 subnet whose allocation pools are
// exactly the addresses registered on AWS, and optionally one IPv6 subnet of the same kind.
type External struct {
	Name            string
	PhysicalNetwork string // as in ovn-bridge-mappings
	MTU             int    // octets; zero: 1500
	CIDR            netip.Prefix
	Gateway         netip.Addr
	Addresses       []netip.Addr // what Neutron may give out

	CIDR6      netip.Prefix // zero: no IPv6
	Gateway6   netip.Addr
	Addresses6 []netip.Addr
}

// Seen is an existing external network.
type Seen struct {
	ID        string
	SubnetID  string
	SubnetID6 string   // empty: no IPv6
	Changed   []string // what EnsureExternal made or corrected, for display; empty: nothing
}

// network is the API's form, with the extensions that Macaw sets.
type network struct {
	networks.Network
	external.NetworkExternalExt
	mtu.NetworkMTUExt
	provider.NetworkProviderExt
}

// EnsureExternal makes the external network and its subnets, or corrects differences. Neutron can
// change neither a network's type or physical network nor a subnet's CIDR: those are errors. The
// exception is the CIDR of an IPv6 subnet made here, since AWS chooses it: a subnet with an
// outdated CIDR is removed, with its addresses on ports.
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

	all, err := c.subnets(ctx, net.ID, want.Name)
	if err != nil {
		return seen, err
	}
	var changed []string
	seen.SubnetID, changed, err = c.ensureSubnet(ctx, net.ID, want.ipv4(), all)
	seen.Changed = append(seen.Changed, changed...)
	if err != nil {
		return seen, err
	}
	all, changed, err = c.removeOldIPv6(ctx, want, all)
	seen.Changed = append(seen.Changed, changed...)
	if err != nil || !want.CIDR6.IsValid() {
		return seen, err
	}
	seen.SubnetID6, changed, err = c.ensureSubnet(ctx, net.ID, want.ipv6(), all)
	seen.Changed = append(seen.Changed, changed...)
	return seen, err
}

// external finds a network by name, even if it is not external yet.
func (c *Client) external(ctx context.Context, name string) (*network, error) {
	pages, err := networks.List(c.api, networks.ListOpts{Name: name}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing networks named %s: %w", name, err)
	}
	var found []network
	if err := networks.ExtractNetworksInto(pages, &found); err != nil {
		return nil, fmt.Errorf("reading networks named %s: %w", name, err)
	}
	// A project may have a network of its own with the same name.
	if e := slices.DeleteFunc(slices.Clone(found), func(n network) bool { return !n.External }); len(e) > 0 {
		found = e
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

// flat adds the provider attributes. The library supports only their other form, a list of
// segments, which needs an extension that not every cloud has.
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
