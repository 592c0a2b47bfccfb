// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// subnet is an external network's wanted subnet of one family. Its addresses are static: no DHCP,
// and with IPv6 neither an address mode nor Neutron's router advertisements, since the router on
// the wire is AWS's.
type subnet struct {
	version   gophercloud.IPVersion
	label     string // for people: "subnet"
	network   string // name
	name      string
	cidr      netip.Prefix
	gateway   netip.Addr
	addresses []netip.Addr
}

func (e External) ipv4() subnet {
	return subnet{gophercloud.IPv4, "subnet", e.Name, e.Name, e.CIDR.Masked(), e.Gateway, e.Addresses}
}

func (e External) ipv6() subnet {
	return subnet{gophercloud.IPv6, "IPv6 subnet", e.Name, e.nameIPv6(), e.CIDR6.Masked(), e.Gateway6, e.Addresses6}
}

// nameIPv6 is the name of the IPv6 subnet that EnsureExternal makes. Subnets of other names are not
// Macaw's.
func (e External) nameIPv6() string { return e.Name + "-ipv6" }

// subnets returns all subnets of a network.
func (c *Client) subnets(ctx context.Context, networkID, name string) ([]subnets.Subnet, error) {
	pages, err := subnets.List(c.api, subnets.ListOpts{NetworkID: networkID}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing subnets of %s: %w", name, err)
	}
	found, err := subnets.ExtractSubnets(pages)
	if err != nil {
		return nil, fmt.Errorf("reading subnets of %s: %w", name, err)
	}
	return found, nil
}

// ensureSubnet makes a subnet or corrects the one in all that has its CIDR. It is an error if the
// network has another one of its family.
func (c *Client) ensureSubnet(ctx context.Context, networkID string, want subnet, all []subnets.Subnet) (id string,
	changed []string, err error) {
	var other string
	for i, s := range all {
		switch {
		case s.IPVersion != int(want.version):
		case s.CIDR == want.cidr.String():
			changed, err = c.correctSubnet(ctx, &all[i], want)
			return s.ID, changed, err
		default:
			other = s.CIDR
		}
	}
	if other != "" {
		return "", nil, fmt.Errorf("network %s has %s %s, not %s, and Neutron cannot change that", want.network, want.label,
			other, want.cidr)
	}
	made, err := c.createSubnet(ctx, networkID, want)
	if err != nil {
		return "", nil, err
	}
	return made.ID, []string{want.label + " made"}, nil
}

func (c *Client) createSubnet(ctx context.Context, networkID string, want subnet) (*subnets.Subnet, error) {
	no, gateway := false, want.gateway.String()
	made, err := subnets.Create(ctx, c.api, subnets.CreateOpts{
		NetworkID:       networkID,
		Name:            want.name,
		CIDR:            want.cidr.String(),
		IPVersion:       want.version,
		GatewayIP:       &gateway,
		EnableDHCP:      &no,
		AllocationPools: pools(want.addresses),
	}).Extract()
	if err != nil {
		return nil, fmt.Errorf("making %s %s of %s: %w", want.label, want.cidr, want.network, err)
	}
	return made, nil
}

func (c *Client) correctSubnet(ctx context.Context, seen *subnets.Subnet, want subnet) ([]string, error) {
	if seen.IPv6AddressMode != "" || seen.IPv6RAMode != "" {
		return nil, fmt.Errorf("%s %s of %s has address mode %q and router advertisements %q instead of static addresses, "+
			"and Neutron cannot change that",
			want.label, want.cidr, want.network, seen.IPv6AddressMode, seen.IPv6RAMode)
	}
	var changed []string
	var options subnets.UpdateOpts
	of := "" // which subnet, if there are several
	if want.version == gophercloud.IPv6 {
		of = "IPv6 "
	}
	if gateway := want.gateway.String(); seen.GatewayIP != gateway {
		options.GatewayIP = &gateway
		changed = append(changed, fmt.Sprintf("%sgateway %q to %s", of, seen.GatewayIP, gateway))
	}
	if seen.EnableDHCP {
		no := false
		options.EnableDHCP = &no
		changed = append(changed, of+"DHCP off")
	}
	if wanted := pools(want.addresses); !samePools(seen.AllocationPools, wanted) {
		options.AllocationPools = wanted
		changed = append(changed, fmt.Sprintf("%sallocation pools to %v", of, wanted))
	}
	if len(changed) == 0 {
		return nil, nil
	}
	if _, err := subnets.Update(ctx, c.api, seen.ID, options).Extract(); err != nil {
		return nil, fmt.Errorf("correcting %s %s of %s: %w", want.label, want.cidr, want.network, err)
	}
	return changed, nil
}

// pools returns addresses as allocation pools, one for each run of consecutive addresses.
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

// samePools compares pools in any order.
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
