// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"

	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// routes gives the management and the provider subnet one route table with the Internet gateway as the
// default route. AWS adds the VPC's local route.
func (b *up) routes() {
	var table *inventory.RouteTable
	for i, t := range b.s.RouteTables {
		if b.inVPC(t.VPC) && t.Part != partPrivateRoutes && (table == nil || len(t.Subnets) > len(table.Subnets)) {
			table = &b.s.RouteTables[i]
		}
	}
	have := b.routeTable(partRouteTable, "", table)
	needs := []string{partRouteTable, partInternetGateway, partAttachment}
	b.route("route", partRouteTable, inventory.Everywhere, partInternetGateway, have.Default, have.Blackhole, needs)
	if b.c.Provider.IPv6 {
		b.route("route/ipv6", partRouteTable, inventory.Everywhere6, partInternetGateway, have.Default6, have.Blackhole6,
			append(needs, partVPCIPv6))
	}
	for _, network := range []string{partManagement, partProvider} {
		b.associate(partRouteTable, "the route table", network, have)
	}
}

// privateRoute is the action that gives the private subnets their way to the Internet.
const privateRoute = "route/private"

// privateRoutes gives the private subnets a route table of their own. Its default route leads to a NAT gateway, or
// to the first gateway, which forwards and masquerades: a NAT instance (VPC User Guide, VPC_NAT_Instance). The
// route may come before that instance, and is then a black hole (EC2 API Reference, Route).
func (b *up) privateRoutes() {
	var table *inventory.RouteTable
	for i, t := range b.s.RouteTables {
		if b.inVPC(t.VPC) && t.Part == partPrivateRoutes && table == nil {
			table = &b.s.RouteTables[i]
		}
	}
	surplus := b.surplusSubnets()
	gateway, ok := b.gateway()
	if len(b.privates) == 0 || !ok {
		if table != nil {
			b.remove(table.ID, "route table", "private "+table.ID, deleteRouteTable(table.ID), surplus...)
		}
		return
	}
	have := b.routeTable(partPrivateRoutes, "private", table)
	target := awsapi.InterfacePart(gateway.Name, partManagement)
	needs := []string{partPrivateRoutes, target, target + "/forward", partGroup(string(model.Gateway)) + "/allow"}
	if b.usesNAT() {
		target = partNATGateway
		needs = []string{partPrivateRoutes, target}
	}
	// A black hole is no reason to replace it: the instance may be stopped.
	b.route(privateRoute, partPrivateRoutes, inventory.Everywhere, target, have.Default, false, needs)
	for _, p := range b.privates {
		b.associate(partPrivateRoutes, "the private route table", p.network, have)
	}
}

// surplusSubnets plans the removal of private subnets that no node is in any more.
func (b *up) surplusSubnets() (removed []string) {
	for _, n := range b.s.Subnets {
		network, ok := strings.CutPrefix(n.Part, partSubnet(""))
		if !ok || !isPrivate(network) || !b.inVPC(n.VPC) ||
			slices.ContainsFunc(b.privates, func(p privateSubnet) bool { return p.network == network }) {
			continue
		}
		removed = append(removed, n.ID)
		b.remove(n.ID, "subnet", name(n.Part)+" "+n.ID, deleteSubnet(n.ID), b.gone...)
	}
	return removed
}

// routeTable plans a route table, unless it exists, and returns it as seen.
func (b *up) routeTable(part, label string, table *inventory.RouteTable) inventory.RouteTable {
	if table == nil {
		b.create(part, "route table", label, createRouteTable(part), partVPC)
		return inventory.RouteTable{}
	}
	b.ids[part] = table.ID
	b.routesDrift(*table)
	return *table
}

// associate plans that a subnet uses a route table.
func (b *up) associate(part, label, network string, have inventory.RouteTable) {
	subnet := partSubnet(network)
	if id := b.ids[subnet]; id != "" && slices.Contains(have.Subnets, id) {
		return
	}
	b.change("route/"+subnet, "subnet", networkName(network)+" uses "+label, associateRouteTable(part, subnet),
		part, subnet)
}

// route plans that the target of a destination, currently seen, is a part: the Internet gateway, the NAT gateway,
// or a network interface.
func (b *up) route(id, table, to, target, seen string, blackhole bool, needs []string) {
	detail := to + " to the internet gateway"
	switch target {
	case partInternetGateway:
	case partNATGateway:
		detail = to + " of private subnets to the nat gateway"
	default:
		detail = to + " of private subnets to " + nodeOf(target)
	}
	switch {
	case seen == "":
		b.create(id, "route", detail, createRoute(table, to, target), needs...)
	case seen != b.ids[target] || blackhole:
		b.change(id, "route", detail, replaceRoute(table, to, target), needs...)
	}
}
