package openstack

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
)

// externalName is the name of the external network and of its subnet.
const externalName = "public"

// pool is a range of addresses that Neutron may give away.
type pool struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

type network struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name"`
	External bool   `json:"router:external"`
	Type     string `json:"provider:network_type"`
	Physical string `json:"provider:physical_network"`
	MTU      int    `json:"mtu"`
}

type subnet struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name,omitempty"`
	Network string `json:"network_id,omitempty"`
	Version int    `json:"ip_version,omitempty"`
	CIDR    string `json:"cidr,omitempty"`
	Gateway string `json:"gateway_ip,omitempty"`
	DHCP    *bool  `json:"enable_dhcp,omitempty"`
	Pools   []pool `json:"allocation_pools"`
}

// ensureExternal makes the external network, or gives it the addresses that AWS has registered since.
func ensureExternal(ctx context.Context, c *client, s Spec) error {
	if len(s.Provider.Addresses) == 0 {
		return errNothingToDo
	}
	call := func(method, path string, in, out any) error {
		return c.do(ctx, method, 9696, "/v2.0/"+path, in, out)
	}
	var networks struct{ Networks []network }
	if err := call("GET", "networks?name="+url.QueryEscape(externalName)+"&router:external=true", nil, &networks); err != nil {
		return fmt.Errorf("looking for the external network: %w", err)
	}
	if len(networks.Networks) == 0 {
		var made struct{ Network network }
		if err := call("POST", "networks", map[string]network{"network": {
			Name: externalName, External: true, Type: "flat", Physical: s.PhysicalNetwork, MTU: 1500,
		}}, &made); err != nil {
			return fmt.Errorf("making the external network: %w", err)
		}
		networks.Networks = []network{made.Network}
	}
	id := networks.Networks[0].ID
	var subnets struct{ Subnets []subnet }
	if err := call("GET", "subnets?network_id="+id+"&cidr="+url.QueryEscape(s.Provider.Subnet.String()), nil, &subnets); err != nil {
		return fmt.Errorf("looking for the external subnet: %w", err)
	}
	pools := allocationPools(s.Provider.Addresses)
	if len(subnets.Subnets) == 0 {
		dhcp := false
		if err := call("POST", "subnets", map[string]subnet{"subnet": {
			Name: externalName, Network: id, Version: 4, CIDR: s.Provider.Subnet.String(),
			Gateway: s.Provider.Gateway.String(), DHCP: &dhcp, Pools: pools,
		}}, nil); err != nil {
			return fmt.Errorf("making the external subnet: %w", err)
		}
		return nil
	}
	if samePools(subnets.Subnets[0].Pools, pools) {
		return errNothingToDo
	}
	if err := call("PUT", "subnets/"+subnets.Subnets[0].ID, map[string]subnet{"subnet": {Pools: pools}}, nil); err != nil {
		return fmt.Errorf("changing the addresses of the external subnet: %w", err)
	}
	return nil
}

// allocationPools are the addresses as the fewest ranges, in order.
func allocationPools(addresses []netip.Addr) []pool {
	sorted := slices.Compact(slices.SortedFunc(slices.Values(addresses), netip.Addr.Compare))
	var pools []pool
	var last netip.Addr
	for _, a := range sorted {
		if last.IsValid() && last.Next() == a {
			pools[len(pools)-1].End = a.String()
		} else {
			pools = append(pools, pool{a.String(), a.String()})
		}
		last = a
	}
	return pools
}

// samePools compares without regard to order.
func samePools(a, b []pool) bool {
	order := func(x, y pool) int { return cmp.Compare(x.Start, y.Start) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}
