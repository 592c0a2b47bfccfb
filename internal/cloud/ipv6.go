// SPDX-License-Identifier: Apache-2.0

package cloud

import "net/netip"

// ipv6Bits and ipv6Host say where in the provider subnet's IPv6 block Neutron's
// addresses lie: in the /112 whose last 32 bits begin with 1, such as
// 2001:db8::1:0/112. AWS chooses the block, so only the place in it is fixed.
// The first four addresses and the last one are AWS's own (VPC User Guide,
// subnet-sizing); a low place would also be the first that AWS gives to others.
// The /112 holds as many as the largest IPv4 subnet does, so one reservation
// covers the range and stays when the number of addresses changes.
const (
	ipv6Bits = 112
	ipv6Host = 13 // the byte of the address that is 1
)

// IPv6Block returns the block of the provider subnet that Neutron's IPv6
// addresses are taken from, where subnet is the subnet's IPv6 block, a /64. No
// other address of it is used.
func IPv6Block(subnet netip.Prefix) netip.Prefix {
	b := subnet.Masked().Addr().As16()
	b[ipv6Host] = 1
	return netip.PrefixFrom(netip.AddrFrom16(b), ipv6Bits)
}

// VPCIPv6Block returns the VPC's IPv6 block that a subnet's is a part of: Amazon
// gives a VPC a /56 (VPC User Guide, vpc-cidr-blocks).
func VPCIPv6Block(subnet netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(subnet.Addr(), 56).Masked()
}

// IPv6Gateway returns the address by which the VPC's router is reached in a
// subnet whose IPv6 block is subnet. The router has two link-local addresses
// besides (VPC User Guide, subnet-sizing), but OVN looks for a default route's
// port by the network that the next hop is in, and Neutron names no port: a
// link-local next hop would be in none, or in every one.
func IPv6Gateway(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }

// ProviderIPv6Addresses returns Neutron's IPv6 addresses in ascending order, as
// many as of IPv4, or none if the cloud has no IPv6. The argument is the
// provider subnet's IPv6 block.
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
