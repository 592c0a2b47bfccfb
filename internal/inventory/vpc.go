// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

func (s *Seen) seeVPCs(ctx context.Context, c clients, mine types.Filter) error {
	found, err := FindVPCs(ctx, c.EC2, mine)
	if err != nil {
		return err
	}
	for _, v := range found {
		vpc := VPC{ID: aws.ToString(v.VpcId), Part: awsapi.Part(v.Tags), CIDR: aws.ToString(v.CidrBlock)}
		if vpc.IPv6, err = VPCBlocks(v); err != nil {
			return err
		}
		s.VPCs = append(s.VPCs, vpc)
	}
	return nil
}

// vpcs make one call for each attribute of a VPC (EC2 API Reference, DescribeVpcAttribute).
func (d *details) vpcs() (all []look) {
	for n := range d.VPCs {
		v := &d.VPCs[n]
		for attribute, use := range map[types.VpcAttributeName]func(*ec2.DescribeVpcAttributeOutput){
			types.VpcAttributeNameEnableDnsSupport: func(out *ec2.DescribeVpcAttributeOutput) {
				v.DNSSupport = attributeTrue(out.EnableDnsSupport)
			},
			types.VpcAttributeNameEnableDnsHostnames: func(out *ec2.DescribeVpcAttributeOutput) {
				v.DNSHostname = attributeTrue(out.EnableDnsHostnames)
			},
		} {
			all = append(all, look{"vpc attributes", func(ctx context.Context, c clients, _ types.Filter) error {
				in := &ec2.DescribeVpcAttributeInput{VpcId: aws.String(v.ID), Attribute: attribute}
				out, err := c.EC2.DescribeVpcAttribute(ctx, in)
				switch {
				case awsapi.IsNotFound(err):
					d.isGone(v.ID)
				case err != nil:
					return err
				default:
					use(out)
				}
				return nil
			}})
		}
	}
	return all
}

func (s *Seen) seeInternetGateways(ctx context.Context, c clients, mine types.Filter) error {
	found, err := FindInternetGateways(ctx, c.EC2, mine)
	for _, g := range found {
		gateway := InternetGateway{ID: aws.ToString(g.InternetGatewayId), Part: awsapi.Part(g.Tags)}
		for _, a := range g.Attachments {
			gateway.VPC = aws.ToString(a.VpcId)
		}
		s.InternetGateways = append(s.InternetGateways, gateway)
	}
	return err
}

func (s *Seen) seeSubnets(ctx context.Context, c clients, mine types.Filter) error {
	found, err := FindSubnets(ctx, c.EC2, mine)
	if err != nil {
		return err
	}
	for _, n := range found {
		subnet := Subnet{
			ID: aws.ToString(n.SubnetId), Part: awsapi.Part(n.Tags), VPC: aws.ToString(n.VpcId),
			CIDR: aws.ToString(n.CidrBlock), Zone: aws.ToString(n.AvailabilityZone),
			MapPublic: aws.ToBool(n.MapPublicIpOnLaunch), AssignIPv6: aws.ToBool(n.AssignIpv6AddressOnCreation),
		}
		if subnet.IPv6, err = SubnetBlock(n); err != nil {
			return err
		}
		s.Subnets = append(s.Subnets, subnet)
	}
	return nil
}

func (s *Seen) seeRouteTables(ctx context.Context, c clients, mine types.Filter) error {
	found, err := FindRouteTables(ctx, c.EC2, mine)
	for _, t := range found {
		s.RouteTables = append(s.RouteTables, routeTableOf(t))
	}
	return err
}

func routeTableOf(t types.RouteTable) RouteTable {
	table := RouteTable{ID: aws.ToString(t.RouteTableId), Part: awsapi.Part(t.Tags), VPC: aws.ToString(t.VpcId)}
	for _, r := range t.Routes {
		target := cmp.Or(aws.ToString(r.GatewayId), aws.ToString(r.NatGatewayId), aws.ToString(r.NetworkInterfaceId),
			"another target")
		switch {
		case aws.ToString(r.DestinationCidrBlock) == Everywhere:
			table.Default, table.Blackhole = target, r.State == types.RouteStateBlackhole
		case aws.ToString(r.DestinationIpv6CidrBlock) == Everywhere6:
			table.Default6, table.Blackhole6 = target, r.State == types.RouteStateBlackhole
		case target != "local": // the VPC's own route, which is always there
			table.Others = append(table.Others, otherRoute(r))
		}
	}
	for _, a := range t.Associations {
		if a.SubnetId != nil {
			table.Subnets = append(table.Subnets, *a.SubnetId)
		}
		table.Main = table.Main || aws.ToBool(a.Main)
	}
	return table
}

// otherRoute describes a route for display. A route has one destination and one target of many
// kinds (EC2 API Reference, Route).
func otherRoute(r types.Route) string {
	first := func(values ...*string) string {
		for _, v := range values {
			if aws.ToString(v) != "" {
				return *v
			}
		}
		return "an unknown target"
	}
	return first(r.DestinationCidrBlock, r.DestinationIpv6CidrBlock, r.DestinationPrefixListId) + " to " +
		first(r.NetworkInterfaceId, r.InstanceId, r.NatGatewayId, r.VpcPeeringConnectionId, r.TransitGatewayId,
			r.EgressOnlyInternetGatewayId, r.LocalGatewayId, r.CarrierGatewayId, r.CoreNetworkArn, r.GatewayId)
}
