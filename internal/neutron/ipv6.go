// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// ErrOnlyIPv6 is returned for a port that has only addresses of an IPv6 subnet to be removed. Its
// owner must decide what becomes of it.
var ErrOnlyIPv6 = errors.New("a port has no other address")

// removeOldIPv6 removes the IPv6 subnet that EnsureExternal has made if its CIDR is no longer the
// wanted one. It returns the subnets that are left.
func (c *Client) removeOldIPv6(ctx context.Context, want External, all []subnets.Subnet) (left []subnets.Subnet,
	changed []string, err error) {
	for _, s := range all {
		keep := s.IPVersion != int(gophercloud.IPv6) || s.Name != want.nameIPv6() ||
			want.CIDR6.IsValid() && s.CIDR == want.CIDR6.Masked().String()
		if keep {
			left = append(left, s)
			continue
		}
		if err := c.clearSubnet(ctx, s.ID); err != nil {
			return all, changed, fmt.Errorf("removing IPv6 subnet %s of %s: %w", s.CIDR, want.Name, err)
		}
		if err := subnets.Delete(ctx, c.api, s.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return all, changed, fmt.Errorf("removing IPv6 subnet %s of %s: %w", s.CIDR, want.Name, err)
		}
		changed = append(changed, "IPv6 subnet "+s.CIDR+" removed")
	}
	return left, changed, nil
}

// clearSubnet removes a subnet's addresses from all ports. Neutron gives one to each port of the
// network, including floating IPs' ports, and removes no subnet whose addresses are on ports.
func (c *Client) clearSubnet(ctx context.Context, id string) error {
	pages, err := ports.List(c.api, ports.ListOpts{FixedIPs: []ports.FixedIPOpts{{SubnetID: id}}}).AllPages(ctx)
	if err != nil {
		return fmt.Errorf("listing ports: %w", err)
	}
	all, err := ports.ExtractPorts(pages)
	if err != nil {
		return fmt.Errorf("reading ports: %w", err)
	}
	rest := func(p ports.Port) []ports.IP {
		return slices.DeleteFunc(slices.Clone(p.FixedIPs), func(ip ports.IP) bool { return ip.SubnetID == id })
	}
	// Check all ports before changing any.
	for _, p := range all {
		if len(rest(p)) == 0 {
			return fmt.Errorf("port %s of %s %s: %w", p.ID, p.DeviceOwner, p.DeviceID, ErrOnlyIPv6)
		}
	}
	for _, p := range all {
		if p.DeviceOwner == ownerGateway {
			err = c.keepExternal(ctx, p.DeviceID, rest(p))
		} else {
			_, err = ports.Update(ctx, c.api, p.ID, ports.UpdateOpts{FixedIPs: rest(p)}).Extract()
		}
		if err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return fmt.Errorf("taking the address of port %s: %w", p.ID, err)
		}
	}
	return nil
}

// keepExternal leaves a router only these addresses on the external network. It updates the router,
// not its port, because only then its routes follow.
func (c *Client) keepExternal(ctx context.Context, router string, addresses []ports.IP) error {
	r, err := routers.Get(ctx, c.api, router).Extract()
	if err != nil {
		return err
	}
	gateway := r.GatewayInfo
	gateway.ExternalFixedIPs = nil
	for _, ip := range addresses {
		gateway.ExternalFixedIPs = append(gateway.ExternalFixedIPs,
			routers.ExternalFixedIP{IPAddress: ip.IPAddress, SubnetID: ip.SubnetID})
	}
	_, err = routers.Update(ctx, c.api, router, routers.UpdateOpts{GatewayInfo: &gateway}).Extract()
	return err
}
