// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// ipv6Blocks plans the VPC's IPv6 block and the provider subnet's part of it. AWS chooses the
// block: it is unknown until it exists.
func (b *up) ipv6Blocks() {
	if !b.c.Provider.IPv6 {
		return
	}
	if v := b.vpc(); v == nil || len(v.IPv6) == 0 {
		b.change(partVPCIPv6, "vpc", "has an IPv6 block of Amazon's", giveVPCBlock, partVPC)
	}
	subnet := partSubnet(partProvider)
	if block, ok := inventory.IPv6Of(b.s.Subnets, b.ids[subnet]); ok {
		b.ids[partSubnetIPv6] = block.String()
		return
	}
	b.change(partSubnetIPv6, "subnet", "provider has a /64 of the vpc's IPv6 block", giveSubnetBlock,
		subnet, partVPCIPv6)
}

// ipv6Subnet returns the provider subnet's IPv6 block, if it is known and wanted.
func (b *up) ipv6Subnet() (netip.Prefix, bool) {
	if b.ids[partSubnetIPv6] == "" {
		return netip.Prefix{}, false
	}
	return netip.MustParsePrefix(b.ids[partSubnetIPv6]), true
}

// ipv6Addresses plans the IPv6 addresses of a node's provider ENI. As with IPv4, addresses of the range are
// made with the cloud or left to the agents, and all others are unassigned.
func (b *up) ipv6Addresses(n cloud.Node) {
	if !b.c.Provider.IPv6 || !isGateway(n) {
		return
	}
	node := n.Name
	part := awsapi.InterfacePart(node, partProvider)
	var have, elsewhere []string
	for _, n := range b.s.Interfaces {
		switch {
		case n.ID == b.ids[part]:
			have = n.IPv6
		case slices.Contains(b.gone, n.ID):
		case n.Subnet == b.ids[partSubnet(partProvider)]:
			// Registered by an agent before addresses were made with the cloud. AWS cannot move an
			// IPv6 address between ENIs, so it stays.
			elsewhere = append(elsewhere, n.IPv6...)
		}
	}
	made := b.c.Provider.ElasticIPs == model.ElasticIPsAll && b.first(n)
	label := partProvider + " of " + node
	assign := func(what string) {
		b.change(part+"/assign-ipv6", "network interface", label+" gets "+what, assignIPv6(part, elsewhere),
			part, partSubnetIPv6, part+"/unassign-ipv6")
	}
	subnet, ok := b.ipv6Subnet()
	if !ok {
		if made {
			assign(fmt.Sprintf("%d IPv6 addresses", b.c.Provider.Addresses))
		}
		return
	}
	var all []string
	for _, a := range b.c.ProviderIPv6Addresses(subnet) {
		all = append(all, a.String())
	}
	if extra := missing(have, all); len(extra) > 0 {
		b.change(part+"/unassign-ipv6", "network interface", label+" gives up "+strings.Join(extra, " "),
			unassignIPv6(b.ids[part], extra...))
	}
	if want := missing(all, slices.Concat(have, elsewhere)); made && len(want) > 0 {
		assign(strings.Join(want, " "))
	}
}

// releaseIPv6 plans the removal of the IPv6 blocks from a cloud that no longer uses IPv6. If other
// subnets of the VPC use IPv6, the VPC's block and its route stay for them.
func (b *up) releaseIPv6() {
	v, subnet := b.vpc(), b.ids[partSubnet(partProvider)]
	if b.c.Provider.IPv6 || v == nil {
		return
	}
	// An agent would register again what Neutron still has in use, so its rights are reduced first.
	needs := []string{partRights}
	var enis []string
	for _, n := range b.s.Interfaces {
		if n.Subnet != subnet || subnet == "" {
			continue
		}
		enis = append(enis, n.ID)
		if len(n.IPv6) > 0 {
			b.change(n.ID+"/unassign-ipv6", "network interface", name(n.Part)+" gives up "+strings.Join(n.IPv6, " "),
				unassignIPv6(n.ID), partRights)
			needs = append(needs, n.ID+"/unassign-ipv6")
		}
	}
	for _, r := range b.s.Reservations { // reservations plans their removal
		needs = append(needs, r.ID)
	}
	var others []netip.Prefix
	for _, n := range b.s.Subnets {
		switch {
		case n.VPC != v.ID || !n.IPv6.CIDR.IsValid():
		case n.ID != subnet:
			others = append(others, n.IPv6.CIDR)
		default:
			b.remove(n.IPv6.Association, "ipv6 block", fmt.Sprintf("%s of subnet provider", n.IPv6.CIDR),
				takeSubnetBlock(n.IPv6.Association, enis), needs...)
			needs = append(needs, n.IPv6.Association)
		}
	}
	free := slices.DeleteFunc(slices.Clone(v.IPv6), func(block inventory.Block) bool {
		return slices.ContainsFunc(others, block.CIDR.Overlaps)
	})
	if len(free) > 0 && len(free) == len(v.IPv6) {
		for _, t := range b.s.RouteTables {
			if t.ID == b.ids[partRouteTable] && t.Default6 != "" && t.Default6 == b.ids[partInternetGateway] {
				b.remove("route/ipv6", "route", inventory.Everywhere6, deleteRoute(t.ID, inventory.Everywhere6))
				needs = append(needs, "route/ipv6")
			}
		}
	}
	for _, block := range free {
		b.remove(block.Association, "ipv6 block", fmt.Sprintf("%s of the vpc", block.CIDR),
			takeVPCBlock(block.Association), needs...)
	}
}

// free64 returns the first /64 of the blocks that does not overlap any of those taken.
func free64(blocks, taken []netip.Prefix) (netip.Prefix, bool) {
	for _, block := range blocks {
		p := netip.PrefixFrom(block.Masked().Addr(), 64)
		for block.Bits() <= 64 && block.Contains(p.Addr()) {
			i := slices.IndexFunc(taken, p.Overlaps)
			if i < 0 {
				return p, true
			}
			p = netip.PrefixFrom(lastOf(netip.PrefixFrom(p.Addr(), min(64, taken[i].Bits()))).Next(), 64)
		}
	}
	return netip.Prefix{}, false
}

// lastOf returns the last address of an IPv6 prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As16()
	for i := p.Bits(); i < 128; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom16(b)
}
