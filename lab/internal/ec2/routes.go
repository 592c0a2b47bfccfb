// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"
	"strings"

	"macaw.example/lab/internal/vpc"
)

// targetLocal is the target of the route inside the VPC, as EC2 spells it.
const targetLocal = "local"

// unroutable is the range of link-local services; no route may lead into it (VPC
// User Guide, subnet-route-tables).
var unroutable = netip.MustParsePrefix("169.254.168.0/22")

type routeRecord struct {
	Dest   netip.Prefix
	Target string // "local", igw-..., nat-... or eni-...
}

// to reports whether the target is of a kind.
func (r routeRecord) to(k kind) bool { return strings.HasPrefix(r.Target, k.prefix+"-") }

// target returns where a route currently leads. A route is a black hole if its gateway
// is detached or its interface is not attached (EC2 API Reference, Route).
func (t *tx) target(table *routeTableRecord, r routeRecord) vpc.TargetKind {
	nat := t.NATGateways[r.Target]
	switch {
	case r.Target == targetLocal:
		return vpc.TargetLocal
	case t.Gateways[r.Target] != nil && t.Gateways[r.Target].VPC == table.VPC:
		return vpc.TargetInternetGateway
	case nat != nil && (nat.State == natPending || nat.State == natAvailable):
		return vpc.TargetNATGateway
	case t.ENIs[r.Target] != nil && t.ENIs[r.Target].Attachment != nil:
		return vpc.TargetENI
	}
	return vpc.TargetBlackhole
}

type routeXML struct {
	Dest          string `xml:"destinationCidrBlock,omitempty" filter:"destination-cidr-block"`
	Dest6         string `xml:"destinationIpv6CidrBlock,omitempty" filter:"destination-ipv6-cidr-block"`
	Gateway       string `xml:"gatewayId,omitempty" filter:"gateway-id"`
	NATGateway    string `xml:"natGatewayId,omitempty" filter:"nat-gateway-id"`
	Instance      string `xml:"instanceId,omitempty" filter:"instance-id"`
	InstanceOwner string `xml:"instanceOwnerId,omitempty"`
	ENI           string `xml:"networkInterfaceId,omitempty"`
	State         string `xml:"state" filter:"state"`
	Origin        string `xml:"origin" filter:"origin"`
}

func (t *tx) routeXML(table *routeTableRecord, r routeRecord) routeXML {
	x := routeXML{State: "active", Origin: "CreateRoute"}
	if x.Dest = r.Dest.String(); r.Dest.Addr().Is6() {
		x.Dest, x.Dest6 = "", x.Dest
	}
	if t.target(table, r) == vpc.TargetBlackhole {
		x.State = "blackhole"
	}
	switch {
	case r.Target == targetLocal:
		x.Gateway, x.Origin = targetLocal, "CreateRouteTable"
	case r.to(kindGateway):
		x.Gateway = r.Target
	case r.to(kindNATGateway):
		x.NATGateway = r.Target
	default:
		x.ENI = r.Target
		if e := t.ENIs[r.Target]; e != nil && e.Attachment != nil {
			x.Instance, x.InstanceOwner = e.Attachment.Instance, t.cfg.Account
		}
	}
	return x
}

// routeID is the identity of a route in its table.
type routeID struct {
	Table                    *routeTableRecord `form:"RouteTableId,required"`
	DestinationCidrBlock     string
	DestinationIpv6CidrBlock string
}

// destination parses a route's destination.
func (in routeID) destination() (netip.Prefix, error) {
	err := exactlyOne([]string{"destinationCidrBlock", "destinationIpv6CidrBlock"},
		in.DestinationCidrBlock != "", in.DestinationIpv6CidrBlock != "")
	if err != nil {
		return netip.Prefix{}, err
	}
	if in.DestinationCidrBlock != "" {
		return parseBlock(in.DestinationCidrBlock, "destinationCidrBlock")
	}
	return parseBlock6(in.DestinationIpv6CidrBlock, "destinationIpv6CidrBlock")
}

// routeInput holds the parameters common to CreateRoute and ReplaceRoute.
type routeInput struct {
	dryRun
	routeID
	GatewayId          string
	NatGatewayId       string
	NetworkInterfaceId string
	InstanceId         string
}

type replaceRouteInput struct {
	routeInput
	LocalTarget bool
}

// route checks the requested route.
func (in replaceRouteInput) route(t *tx) (r routeRecord, err error) {
	if r.Dest, err = in.destination(); err != nil {
		return r, err
	}
	if within(r.Dest, unroutable) {
		return r, invalidParameter("The destination CIDR block %s is not allowed.", r.Dest)
	}
	if r.Target, err = in.target(t); err != nil {
		return r, err
	}
	if r.to(kindNATGateway) && r.Dest.Addr().Is6() { // except 64:ff9b::/96, which the lab does not translate
		return r, invalidParameter("The destination CIDR block %s cannot be routed to a NAT gateway.", r.Dest)
	}
	v := t.VPCs[in.Table.VPC]
	blocks := slices.Concat(v.blocks(), v.blocks6())
	inside := slices.ContainsFunc(blocks, func(b netip.Prefix) bool { return within(r.Dest, b) })
	if !inside || r.Target == targetLocal {
		return r, nil
	}
	if r.to(kindGateway) {
		return r, invalidParameter("The destination CIDR block %s is equal to or more specific than one of this VPC's "+
			"CIDR blocks. This route can target only an interface or an instance.", r.Dest)
	}
	if !t.isLocal(v, r.Dest) && !t.isSubnet(v.ID, r.Dest) {
		return r, invalidParameter("The destination CIDR block %s does not match any subnet CIDR blocks.", r.Dest)
	}
	return r, nil
}

// isLocal reports whether a prefix is one of a VPC's CIDRs.
func (t *tx) isLocal(v *vpcRecord, p netip.Prefix) bool {
	return slices.Contains(v.blocks(), p) || slices.Contains(v.blocks6(), p)
}

// isSubnet reports whether a prefix is a subnet's full CIDR. Within the VPC, only such
// a route may be more specific than the local one (VPC User Guide,
// subnet-route-tables).
func (t *tx) isSubnet(vpcID string, p netip.Prefix) bool {
	for _, s := range t.Subnets {
		if s.VPC == vpcID && (s.CIDR == p || s.IPv6 == p) {
			return true
		}
	}
	return false
}

func (in replaceRouteInput) target(t *tx) (string, error) {
	table := in.Table
	err := exactlyOne([]string{"gatewayId", "natGatewayId", "networkInterfaceId", "instanceId", "localTarget"},
		in.GatewayId != "", in.NatGatewayId != "", in.NetworkInterfaceId != "", in.InstanceId != "", in.LocalTarget)
	if err != nil {
		return "", err
	}
	switch {
	case in.LocalTarget || in.GatewayId == targetLocal:
		return targetLocal, nil
	case in.GatewayId != "":
		if _, ok := t.Gateways[in.GatewayId]; !ok && kindGateway.check(in.GatewayId) != nil {
			return "", fail("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", in.GatewayId)
		}
		g, err := find(kindGateway, t.Gateways, in.GatewayId)
		if err != nil {
			return "", err
		}
		if g.VPC != table.VPC {
			return "", invalidParameter("route table %s and network gateway %s belong to different networks", table.ID, g.ID)
		}
		return g.ID, nil
	case in.NatGatewayId != "":
		n, err := find(kindNATGateway, t.NATGateways, in.NatGatewayId)
		if err != nil {
			return "", err
		}
		if n.VPC != table.VPC {
			return "", invalidParameter("route table %s and NAT gateway %s belong to different networks", table.ID, n.ID)
		}
		return n.ID, nil
	}
	eni := in.NetworkInterfaceId
	if in.InstanceId != "" {
		only, err := t.onlyENI(in.InstanceId)
		if err != nil {
			return "", err
		}
		eni = only.ID
	}
	e, err := find(kindENI, t.ENIs, eni)
	if err != nil {
		return "", err
	}
	if e.VPC != table.VPC {
		return "", invalidParameter("route table %s and interface %s belong to different networks", table.ID, e.ID)
	}
	return e.ID, nil
}

// onlyENI returns an instance's only interface, which the instance's ID may denote.
func (t *tx) onlyENI(instance string) (*eniRecord, error) {
	i, err := find(kindInstance, t.Instances, instance)
	if err != nil {
		return nil, err
	}
	enis := t.enisOf(i.ID)
	switch len(enis) {
	case 0:
		return nil, fail("InvalidInstanceID",
			"The %s instance '%s' is not in a valid state for this operation.", i.State, i.ID)
	case 1:
		return enis[0], nil
	}
	return nil, fail("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. "+
		"Please specify an interface ID for the operation instead.", i.ID)
}

func (r *routeTableRecord) find(dest netip.Prefix) int {
	return slices.IndexFunc(r.Routes, func(have routeRecord) bool { return have.Dest == dest })
}

func createRoute(t *tx, in routeInput) (*done, error) {
	r, err := replaceRouteInput{routeInput: in}.route(t)
	if err != nil {
		return nil, err
	}
	table := in.Table
	if i := table.find(r.Dest); i >= 0 {
		if table.Routes[i] == r {
			return ok()
		}
		return nil, fail("RouteAlreadyExists", "The route identified by %s already exists.", r.Dest)
	}
	if r.Target == targetLocal {
		return nil, invalidParameter("cannot create a local route to %s", r.Dest)
	}
	family := 0
	for _, have := range table.Routes {
		if have.Dest.Addr().Is6() == r.Dest.Addr().Is6() {
			family++
		}
	}
	if family >= maxRoutes {
		return nil, fail("RouteLimitExceeded", "The maximum number of routes has been reached.")
	}
	table.Routes = append(table.Routes, r)
	return ok()
}

// replaceRoute changes a route's target. The local route may be pointed at an
// interface, and back (VPC User Guide, subnet-route-tables).
func replaceRoute(t *tx, in replaceRouteInput) (*done, error) {
	r, err := in.route(t)
	if err != nil {
		return nil, err
	}
	table := in.Table
	i := table.find(r.Dest)
	if i < 0 {
		return nil, invalidParameter("There is no route defined for '%s' in the route table. "+
			"Use CreateRoute instead.", r.Dest)
	}
	if r.Target == targetLocal && !t.isLocal(t.VPCs[table.VPC], r.Dest) {
		return nil, invalidParameter("only the local route can have the local target")
	}
	table.Routes[i] = r
	return ok()
}

type deleteRouteInput struct {
	dryRun
	routeID
}

func deleteRoute(t *tx, in deleteRouteInput) (*done, error) {
	dest, err := in.destination()
	if err != nil {
		return nil, err
	}
	table := in.Table
	i := table.find(dest)
	if i < 0 {
		return nil, fail("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", dest, table.ID)
	}
	if t.isLocal(t.VPCs[table.VPC], dest) {
		return nil, invalidParameter("cannot remove local route %s in route table %s", dest, table.ID)
	}
	table.Routes = slices.Delete(table.Routes, i, i+1)
	return ok()
}
