// SPDX-License-Identifier: Apache-2.0

package cloud

import "net/netip"

// ipv6Bits and ipv6Host place Neutron's addresses in the provider subnet's IPv6 block: in the /112
// whose last 32 bits begin with 1, such as 2001:db8::1:0/112. AWS chooses the block, so only the
// place in it is fixed. AWS reserves the first four addresses and the last one (VPC User Guide,
// subnet-sizing), and would assign low addresses to others first. The /112 holds as many addresses
// as the largest IPv4 subnet, so one reservation covers the range and stays when the number of
// addresses changes.
const (
	ipv6Bits = 112
	ipv6Host = 13 // index of the byte that is 1
)

// IPv6Block returns the block for Neutron's IPv6 addresses in the provider subnet, whose IPv6
// block, a /64, is subnet. Neutron uses no other address of it.
func IPv6Block(subnet netip.Prefix) netip.Prefix {
	b := subnet.Masked().Addr().As16()
	b[ipv6Host] = 1
	return netip.PrefixFrom(netip.AddrFrom16(b), ipv6Bits)
}

// VPCIPv6Block returns the VPC's IPv6 block that contains a subnet's: Amazon gives a VPC a /56 (VPC
// User Guide, vpc-cidr-blocks).
func VPCIPv6Block(subnet netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(subnet.Addr(), 56).Masked()
}

// IPv6Gateway returns the address of the VPC's router in a subnet whose IPv6 block is subnet. The
// router also has two link-local addresses (VPC User Guide, subnet-sizing). They do not work as a
// next hop: OVN finds a default route's port by the network that contains the next hop, and Neutron
// names no port; a link-local next hop would be in none, or in every one.
func IPv6Gateway(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }

// ProviderIPv6Addresses returns Neutron's IPv6 addresses in ascending order, as many as of IPv4, or
// none if the cloud has no IPv6. The argument is the provider subnet's IPv6 block.
func (c *Cloud) ProviderIPv6Addresses(subnet netip.Prefix) []netip.Addr {
	if !c.Provider.IPv6 {
		return nil
	}
	addrs := make([]netip.Addr, 0, c.Provider.Addresses)
	for a := IPv6Block(subnet).Addr(); len(addrs) < c.Provider.Addresses; a = a.Next() {
		addrs = append(addrs, a)
	}
	return addrs
}
