package ec2

import (
	"net/netip"
	"slices"
	"strings"

	"macaw/internal/lab/vpc"
)

// targetLocal is the target of the route inside the VPC, as EC2 spells it.
const targetLocal = "local"

// maxRoutes is the quota of routes in a table (VPC User Guide, amazon-vpc-limits).
const maxRoutes = 500

// unroutable carries the instance's link-local services; no route may take it
// (VPC User Guide, subnet-route-tables).
var unroutable = netip.MustParsePrefix("169.254.168.0/22")

type routeRecord struct {
	Dest   netip.Prefix
	Target string // "local", igw-... or eni-...
}

// target says where a route of a table leads now. A route whose gateway is
// detached, or whose interface is attached to nothing, is a black hole (EC2
// API Reference, Route).
func (t *tx) target(table *routeTableRecord, r routeRecord) vpc.TargetKind {
	switch {
	case r.Target == targetLocal:
		return vpc.TargetLocal
	case t.Gateways[r.Target] != nil && t.Gateways[r.Target].VPC == table.VPC:
		return vpc.TargetInternetGateway
	case t.ENIs[r.Target] != nil && t.ENIs[r.Target].Attachment != nil:
		return vpc.TargetENI
	}
	return vpc.TargetBlackhole
}

type routeXML struct {
	Dest          string `xml:"destinationCidrBlock"`
	Gateway       string `xml:"gatewayId,omitempty"`
	Instance      string `xml:"instanceId,omitempty"`
	InstanceOwner string `xml:"instanceOwnerId,omitempty"`
	ENI           string `xml:"networkInterfaceId,omitempty"`
	State         string `xml:"state"`
	Origin        string `xml:"origin"`
}

func (t *tx) routeXML(table *routeTableRecord, r routeRecord) routeXML {
	x := routeXML{Dest: r.Dest.String(), State: "active", Origin: "CreateRoute"}
	if t.target(table, r) == vpc.TargetBlackhole {
		x.State = "blackhole"
	}
	switch {
	case r.Target == targetLocal:
		x.Gateway, x.Origin = targetLocal, "CreateRouteTable"
	case strings.HasPrefix(r.Target, kindGateway.prefix+"-"):
		x.Gateway = r.Target
	default:
		x.ENI = r.Target
		if e := t.ENIs[r.Target]; e != nil && e.Attachment != nil {
			x.Instance, x.InstanceOwner = e.Attachment.Instance, t.cfg.Account
		}
	}
	return x
}

// routeInput is what CreateRoute and ReplaceRoute share.
type routeInput struct {
	dryRun
	RouteTableId         string `form:",required"`
	DestinationCidrBlock string `form:",required"`
	GatewayId            string
	NetworkInterfaceId   string
	InstanceId           string
	LocalTarget          bool
}

// resolve checks a route and finds its table.
func (in routeInput) resolve(t *tx) (*routeTableRecord, routeRecord, error) {
	var r routeRecord
	table, err := find(kindRouteTable, t.RouteTables, in.RouteTableId)
	if err != nil {
		return nil, r, err
	}
	if r.Dest, err = parseBlock(in.DestinationCidrBlock, "destinationCidrBlock"); err != nil {
		return nil, r, err
	}
	if r.Dest.Overlaps(unroutable) && r.Dest.Bits() >= unroutable.Bits() {
		return nil, r, invalidParameter("The destination CIDR block %s is not allowed.", r.Dest)
	}
	if r.Target, err = in.target(t, table); err != nil {
		return nil, r, err
	}
	inside := t.VPCs[table.VPC].CIDR
	if inside.Bits() <= r.Dest.Bits() && inside.Contains(r.Dest.Addr()) && r.Target != targetLocal {
		if !strings.HasPrefix(r.Target, kindENI.prefix+"-") {
			return nil, r, invalidParameter("The destination CIDR block %s is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance.", r.Dest)
		}
		if r.Dest != inside && !t.isSubnet(table.VPC, r.Dest) {
			return nil, r, invalidParameter("The destination CIDR block %s does not match any subnet CIDR blocks.", r.Dest)
		}
	}
	return table, r, nil
}

// isSubnet says whether a prefix is the whole of a subnet: inside the VPC only
// such a route may be more specific than the local one (VPC User Guide,
// subnet-route-tables).
func (t *tx) isSubnet(vpcID string, p netip.Prefix) bool {
	for _, s := range t.Subnets {
		if s.VPC == vpcID && s.CIDR == p {
			return true
		}
	}
	return false
}

func (in routeInput) target(t *tx, table *routeTableRecord) (string, error) {
	given := 0
	for _, set := range []bool{in.GatewayId != "", in.NetworkInterfaceId != "", in.InstanceId != "", in.LocalTarget} {
		if set {
			given++
		}
	}
	if given != 1 {
		return "", badCombination("The request must contain exactly one of gatewayId, networkInterfaceId, instanceId")
	}
	switch {
	case in.LocalTarget || in.GatewayId == targetLocal:
		return targetLocal, nil
	case in.GatewayId != "":
		if _, known := t.Gateways[in.GatewayId]; !known && kindGateway.check(in.GatewayId) != nil {
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
	}
	eni := in.NetworkInterfaceId
	if in.InstanceId != "" {
		i, err := find(kindInstance, t.Instances, in.InstanceId)
		if err != nil {
			return "", err
		}
		nics := t.enisOf(i.ID)
		if len(nics) != 1 {
			return "", fail("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", i.ID)
		}
		eni = nics[0].ID
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

func (r *routeTableRecord) route(dest netip.Prefix) int {
	return slices.IndexFunc(r.Routes, func(have routeRecord) bool { return have.Dest == dest })
}

func createRoute(t *tx, in routeInput) (*done, error) {
	table, r, err := in.resolve(t)
	if err != nil {
		return nil, err
	}
	if i := table.route(r.Dest); i >= 0 {
		if table.Routes[i] == r {
			return ok()
		}
		return nil, fail("RouteAlreadyExists", "The route identified by %s already exists.", r.Dest)
	}
	if r.Target == targetLocal {
		return nil, invalidParameter("cannot create a local route to %s", r.Dest)
	}
	if len(table.Routes) >= maxRoutes {
		return nil, fail("RouteLimitExceeded", "The maximum number of routes has been reached.")
	}
	table.Routes = append(table.Routes, r)
	return ok()
}

func replaceRoute(t *tx, in routeInput) (*done, error) {
	table, r, err := in.resolve(t)
	if err != nil {
		return nil, err
	}
	i := table.route(r.Dest)
	if i < 0 {
		return nil, invalidParameter("There is no route defined for '%s' in the route table. Use CreateRoute instead.", r.Dest)
	}
	if r.Target == targetLocal && r.Dest != t.VPCs[table.VPC].CIDR {
		return nil, invalidParameter("only the local route can have the local target")
	}
	table.Routes[i] = r
	return ok()
}

type deleteRouteInput struct {
	dryRun
	RouteTableId         string `form:",required"`
	DestinationCidrBlock string `form:",required"`
}

func deleteRoute(t *tx, in deleteRouteInput) (*done, error) {
	table, err := find(kindRouteTable, t.RouteTables, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	dest, err := parseBlock(in.DestinationCidrBlock, "destinationCidrBlock")
	if err != nil {
		return nil, err
	}
	i := table.route(dest)
	if i < 0 {
		return nil, fail("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", dest, table.ID)
	}
	if dest == t.VPCs[table.VPC].CIDR {
		return nil, invalidParameter("cannot remove local route %s in route table %s", dest, table.ID)
	}
	table.Routes = slices.Delete(table.Routes, i, i+1)
	return ok()
}
