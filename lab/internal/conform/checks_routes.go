// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const sourceRoutes = "VPC User Guide, subnet-route-tables"

// route makes a route to an interface or a gateway.
func (b *bench) route(table, dest, target string) error {
	in := &ec2.CreateRouteInput{RouteTableId: &table, DestinationCidrBlock: &dest}
	if len(target) > 4 && target[:4] == "igw-" {
		in.GatewayId = &target
	} else {
		in.NetworkInterfaceId = &target
	}
	_, err := b.CreateRoute(b.ctx, in)
	return err
}

// seeRoute returns a route of a table, or nil.
func (b *bench) seeRoute(table, dest string) *types.Route {
	routes := must(b.DescribeRouteTables(b.ctx,
		&ec2.DescribeRouteTablesInput{RouteTableIds: []string{table}}))(b).RouteTables[0].Routes
	if i := slices.IndexFunc(routes,
		func(r types.Route) bool { return aws.ToString(r.DestinationCidrBlock) == dest }); i >= 0 {
		return &routes[i]
	}
	return nil
}

func (b *bench) hasRoute(table, dest, target string, state types.RouteState) {
	b.eventually(fmt.Sprintf("%s to %s, %s", dest, target, state), func() (string, bool) {
		r := b.seeRoute(table, dest)
		if r == nil {
			return "there is no such route", false
		}
		to := aws.ToString(r.NetworkInterfaceId) + aws.ToString(r.GatewayId)
		return fmt.Sprintf("to %s, %s", to, r.State), to == target && r.State == state
	})
}

var routeChecks = []Check{
	{
		ID: "route-local", Title: "The local route", Confidence: Documented, Source: sourceRoutes,
		Rule: "Every route table has the local route, which cannot be deleted",
		run: func(b *bench) {
			table, dest := b.routeTable(b.sites.main.vpc), mainCIDR.String()
			b.hasRoute(table, dest, "local", types.RouteStateActive)
			_, err := b.DeleteRoute(b.ctx, &ec2.DeleteRouteInput{RouteTableId: &table, DestinationCidrBlock: &dest})
			b.wantCode(err, "deleting it", "InvalidParameterValue")
		},
	},
	{
		ID: "route-exists", Title: "One route for a destination", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview: RouteAlreadyExists",
		Rule: "A second route to the same destination with another target is RouteAlreadyExists; ReplaceRoute changes " +
			"the target", Needs: []string{"route-local"},
		run: func(b *bench) {
			p, table, dest := b.place(28), b.routeTable(b.sites.main.vpc), "192.0.2.0/24"
			e := *b.eni(p).NetworkInterfaceId
			b.need(b.route(table, dest, b.sites.main.gateway))
			b.hasRoute(table, dest, b.sites.main.gateway, types.RouteStateActive)
			b.wantCode(b.route(table, dest, e), "another target", "RouteAlreadyExists")
			b.observe("the same target again: %s", answer(b.route(table, dest, b.sites.main.gateway)))
			must(b.ReplaceRoute(b.ctx, &ec2.ReplaceRouteInput{RouteTableId: &table, DestinationCidrBlock: &dest,
				NetworkInterfaceId: &e}))(b)
			b.eventually("the target is "+e, func() (string, bool) {
				to := aws.ToString(b.seeRoute(table, dest).NetworkInterfaceId)
				return to, to == e
			})
		},
	},
	{
		ID: "route-absent", Title: "Routes that are not there", Confidence: Reported,
		Source: "EC2 API Reference, errors-overview: InvalidRoute.NotFound; users' logs of ReplaceRoute",
		Rule:   "Deleting a route that is not there is InvalidRoute.NotFound; replacing one is InvalidParameterValue",
		run: func(b *bench) {
			table, dest := b.routeTable(b.sites.main.vpc), "192.0.2.0/24"
			_, err := b.DeleteRoute(b.ctx, &ec2.DeleteRouteInput{RouteTableId: &table, DestinationCidrBlock: &dest})
			b.wantCode(err, "deleting", "InvalidRoute.NotFound")
			_, err = b.ReplaceRoute(b.ctx,
				&ec2.ReplaceRouteInput{RouteTableId: &table, DestinationCidrBlock: &dest, GatewayId: &b.sites.main.gateway})
			b.wantCode(err, "replacing", "InvalidParameterValue", "InvalidRoute.NotFound")
			b.observe("replacing: %s", answer(err))
		},
	},
	{
		ID: "route-canonical", Title: "A destination's host bits", Confidence: Documented,
		Source: "EC2 API Reference, CreateRoute: 100.68.0.18/18 is modified to 100.68.0.0/18",
		Rule:   "A destination is brought into its canonical form", Needs: []string{"route-local"},
		run: func(b *bench) {
			table := b.routeTable(b.sites.main.vpc)
			b.need(b.route(table, "192.0.2.77/24", b.sites.main.gateway))
			b.hasRoute(table, "192.0.2.0/24", b.sites.main.gateway, types.RouteStateActive)
		},
	},
	{
		ID: "route-inside", Title: "Routes inside the VPC", Confidence: Documented, Source: sourceRoutes,
		Rule:  "A route more specific than the local one is to a whole subnet, and its target is an interface, not a gateway",
		Needs: []string{"route-local"},
		run: func(b *bench) {
			p, q, table := b.place(28), b.place(28), b.routeTable(b.sites.main.vpc)
			e := *b.eni(p).NetworkInterfaceId
			b.wantCode(b.route(table, q.cidr.String(), b.sites.main.gateway), "a subnet to the Internet gateway",
				"InvalidParameterValue")
			b.refused(b.route(table, q.at(8)+"/29", e), "half a subnet to an interface")
			b.refused(b.route(table, q.at(5)+"/32", e), "an address to an interface")
			grants(0, b.route(table, q.cidr.String(), e))(b, "a whole subnet to an interface")
			if r := b.seeRoute(table, q.cidr.String()); r != nil {
				b.observe("to an interface that is not attached, the route is %s", r.State)
			}
		},
	},
	{
		ID: "route-link-local", Title: "Link-local destinations", Confidence: Documented, Source: sourceRoutes,
		Rule: "169.254.168.0/22 is not routed", Needs: []string{"route-local"},
		run: func(b *bench) {
			table := b.routeTable(b.sites.main.vpc)
			b.refused(b.route(table, "169.254.169.254/32", b.sites.main.gateway), "the metadata service to a gateway")
		},
	},
	{
		ID: "route-blackhole", Title: "A route whose target is gone", Confidence: Documented,
		Source: "EC2 API Reference, Route: state",
		Rule:   "A route to an interface that is deleted stays, as a black hole", Needs: []string{"route-local"},
		run: func(b *bench) {
			p, table, dest := b.place(28), b.routeTable(b.sites.main.vpc), "192.0.2.0/24"
			e := *b.eni(p).NetworkInterfaceId
			b.need(b.route(table, dest, e))
			must(b.DeleteNetworkInterface(b.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &e}))(b)
			b.eventually("the route is a black hole", func() (string, bool) {
				r := b.seeRoute(table, dest)
				if r == nil {
					return "there is no route", false
				}
				return string(r.State), r.State == types.RouteStateBlackhole
			})
		},
	},
	{
		ID: "route-foreign", Title: "Routes stay in their VPC", Confidence: Documented, Source: sourceRoutes,
		Rule: "A route's target and a table's subnets are of the table's VPC", Needs: []string{"route-local"},
		run: func(b *bench) {
			table, far := b.routeTable(b.sites.main.vpc), b.placeIn(b.bare(), 28)
			e := *b.eni(far).NetworkInterfaceId
			b.wantCode(b.route(table, "192.0.2.0/24", e), "an interface of another VPC", "InvalidParameterValue")
			_, err := b.AssociateRouteTable(b.ctx, &ec2.AssociateRouteTableInput{RouteTableId: &table, SubnetId: &far.subnet})
			b.wantCode(err, "a subnet of another VPC", "InvalidParameterValue")
		},
	},
	{
		ID: "route-association", Title: "A subnet has one route table", Confidence: Documented,
		Source: "VPC User Guide, VPC_Route_Tables",
		Rule: "A subnet with a table gets no second one; a table with subnets is not deleted; the main table can " +
			"neither be disassociated nor deleted",
		run: func(b *bench) {
			p := b.place(28)
			one, two := b.routeTable(p.vpc), b.routeTable(p.vpc)
			on := must(b.AssociateRouteTable(b.ctx,
				&ec2.AssociateRouteTableInput{RouteTableId: &one, SubnetId: &p.subnet}))(b).AssociationId
			_, err := b.AssociateRouteTable(b.ctx, &ec2.AssociateRouteTableInput{RouteTableId: &two, SubnetId: &p.subnet})
			b.wantCode(err, "a second table", "Resource.AlreadyAssociated")
			_, err = b.DeleteRouteTable(b.ctx, &ec2.DeleteRouteTableInput{RouteTableId: &one})
			b.wantCode(err, "deleting a table with a subnet", "DependencyViolation")
			moved := must(b.ReplaceRouteTableAssociation(b.ctx,
				&ec2.ReplaceRouteTableAssociationInput{AssociationId: on, RouteTableId: &two}))(b).NewAssociationId
			b.holds(aws.ToString(moved) != aws.ToString(on), "a new ID of the association", "%s", aws.ToString(moved))
			must(b.DeleteRouteTable(b.ctx, &ec2.DeleteRouteTableInput{RouteTableId: &one}))(b)
			main := must(b.DescribeRouteTables(b.ctx,
				&ec2.DescribeRouteTablesInput{RouteTableIds: []string{b.sites.main.table}}))(b).RouteTables[0]
			for _, a := range main.Associations {
				if aws.ToBool(a.Main) {
					_, err = b.DisassociateRouteTable(b.ctx,
						&ec2.DisassociateRouteTableInput{AssociationId: a.RouteTableAssociationId})
					b.wantCode(err, "disassociating the main table", "InvalidParameterValue")
				}
			}
			_, err = b.DeleteRouteTable(b.ctx, &ec2.DeleteRouteTableInput{RouteTableId: &b.sites.main.table})
			b.wantCode(err, "deleting the main table", "DependencyViolation")
		},
	},
}
