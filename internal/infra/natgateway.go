// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
)

// A cloud whose file says so (management.nat: gateway) has one NAT gateway, in the management subnet, for all its
// private subnets (VPC User Guide, vpc-nat-gateway). It has an Elastic IP of its own, which it keeps for life, and
// a private address: the highest free one, since nodes take the lowest.

// usesNAT reports whether the private subnets reach the Internet through a NAT gateway.
func (b *up) usesNAT() bool { return b.c.UsesNATGateway() && len(b.privates) > 0 }

// numberNAT determines the private address of a new NAT gateway. AWS would choose one that a node may get.
func (b *up) numberNAT(taken []netip.Addr) error {
	if !b.usesNAT() {
		return nil
	}
	for a := range cloud.Usable(b.cidr(partManagement)) {
		if !slices.Contains(taken, a) {
			b.natPrivate = a
		}
	}
	if !b.natPrivate.IsValid() && b.nat() == nil {
		return fmt.Errorf("no address is free in subnet %s for the nat gateway", b.cidr(partManagement))
	}
	return nil
}

// nat returns the NAT gateway that works or is about to, or nil. Of duplicates, the first that works.
func (b *up) nat() (best *inventory.NATGateway) {
	for i, n := range b.s.NATGateways {
		if n.Live() && b.inVPC(n.VPC) && (best == nil || !best.Available() && n.Available()) {
			best = &b.s.NATGateways[i]
		}
	}
	return best
}

// ofNAT reports whether an Elastic IP was made for a NAT gateway, or is in use by one of the cloud.
func (b *up) ofNAT(a inventory.Address) bool { return ofNAT(b.s, a) }

func ofNAT(s inventory.Seen, a inventory.Address) bool {
	return a.Part == partNATAddress || slices.ContainsFunc(s.NATGateways,
		func(n inventory.NATGateway) bool { return !n.Deleted() && n.Allocation == a.ID })
}

// natName is a NAT gateway for display.
func natName(n inventory.NATGateway) string {
	if n.Reason != "" {
		return n.ID + " (" + n.Reason + ")"
	}
	return n.ID
}

// natAddress plans the Elastic IP of the NAT gateway, unless there is one.
func (b *up) natAddress(needs []string) {
	if !b.usesNAT() {
		return
	}
	if n := b.nat(); n != nil {
		b.ids[partNATAddress] = n.Allocation
		return
	}
	for _, a := range b.s.Addresses {
		if a.Part == partNATAddress && b.ids[partNATAddress] == "" {
			b.ids[partNATAddress] = a.ID
		}
	}
	if b.ids[partNATAddress] == "" {
		b.create(partNATAddress, "elastic ip", "for the nat gateway", allocateAddress(partNATAddress), needs...)
	}
}

// natGateway plans the NAT gateway. One that has failed stays so, and one that is being deleted has the Elastic IP
// until that is done: both go before another is made.
func (b *up) natGateway() {
	if !b.usesNAT() {
		return
	}
	if n := b.nat(); n != nil {
		b.ids[partNATGateway] = n.ID
		if !n.Available() {
			b.change(partNATGateway, "nat gateway", n.ID+" is available", awaitNATGateway(n.ID))
		}
		return
	}
	// Without an attached Internet gateway it would fail.
	needs, gone := []string{partNATAddress, partSubnet(partManagement), partAttachment}, []string{}
	for _, n := range b.s.NATGateways {
		gone = append(gone, n.ID)
		if !n.Deleted() {
			b.removeNAT(n)
			needs = append(needs, n.ID)
		}
	}
	b.create(partNATGateway, "nat gateway", fmt.Sprintf("with %s in %s", b.natPrivate, b.home),
		createNATGateway(b.natPrivate, gone), needs...)
}

func (b *up) removeNAT(n inventory.NATGateway, needs ...string) {
	b.remove(n.ID, "nat gateway", natName(n), deleteNATGateway(n.ID), needs...)
}

// surplusNAT plans the removal of NAT gateways that the cloud does not use, or not any more, once the private
// subnets have another way out, and then of their Elastic IPs.
func (b *up) surplusNAT() {
	var gateways []string
	for _, n := range b.s.NATGateways {
		planned := slices.ContainsFunc(b.Actions, func(a Action) bool { return a.ID == n.ID })
		if n.Deleted() || n.ID == b.ids[partNATGateway] {
			continue
		}
		gateways = append(gateways, n.ID)
		if !planned {
			b.removeNAT(n, append(b.tables(), privateRoute)...)
		}
	}
	for _, a := range b.s.Addresses {
		if b.ofNAT(a) && a.ID != b.ids[partNATAddress] {
			b.remove(a.ID, "elastic ip", strings.TrimSpace(a.Public+" "+a.Private), releaseNATAddress(a.ID), gateways...)
		}
	}
}

// tables returns the IDs of route tables, which are those of their removals.
func (b *up) tables() (ids []string) {
	for _, t := range b.s.RouteTables {
		ids = append(ids, t.ID)
	}
	return ids
}
