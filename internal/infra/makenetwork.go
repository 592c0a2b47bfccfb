// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"

	"macaw.example/internal/inventory"
	"macaw.example/internal/securitygroups"
)

// step carries out an action.
type step func(context.Context, *applier) error

func (a *applier) tags(t types.ResourceType, part string) []types.TagSpecification {
	return awsapi.Tagged(t, a.cloud, part)
}

// mine filters for the cloud's resource of a part.
func (a *applier) mine(part string) []types.Filter {
	return []types.Filter{awsapi.ByTag(awsapi.TagCloud, a.cloud), awsapi.ByTag(awsapi.TagPart, part)}
}

func createVPC(cidr netip.Prefix) step {
	return oneCreation(func(ctx context.Context, a *applier) error {
		out, err := a.api.CreateVpc(ctx, &ec2.CreateVpcInput{
			CidrBlock:         aws.String(cidr.String()),
			TagSpecifications: a.tags(types.ResourceTypeVpc, partVPC),
		}, noRetry)
		if err == nil {
			a.set(partVPC, aws.ToString(out.Vpc.VpcId))
		}
		return err
	}, func(ctx context.Context, a *applier) (bool, error) {
		found, err := inventory.FindVPCs(ctx, a.api, a.mine(partVPC)...)
		for _, v := range found {
			if aws.ToString(v.CidrBlock) == cidr.String() {
				a.set(partVPC, aws.ToString(v.VpcId))
				return true, nil
			}
		}
		return false, err
	})
}

// enableDNS makes two calls: AWS takes one attribute at a time (EC2 API Reference,
// ModifyVpcAttribute).
func enableDNS(ctx context.Context, a *applier) error {
	on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
	for _, in := range []*ec2.ModifyVpcAttributeInput{{EnableDnsSupport: on}, {EnableDnsHostnames: on}} {
		in.VpcId = aws.String(a.id(partVPC))
		if err := a.call(ctx, func(ctx context.Context) error {
			_, err := a.api.ModifyVpcAttribute(ctx, in)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func createInternetGateway(ctx context.Context, a *applier) error {
	return a.create(ctx, func(ctx context.Context) error {
		out, err := a.api.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{
			TagSpecifications: a.tags(types.ResourceTypeInternetGateway, partInternetGateway),
		}, noRetry)
		if err == nil {
			a.set(partInternetGateway, aws.ToString(out.InternetGateway.InternetGatewayId))
		}
		return err
	}, func(ctx context.Context) (bool, error) {
		found, err := inventory.FindInternetGateways(ctx, a.api, a.mine(partInternetGateway)...)
		if err != nil || len(found) == 0 {
			return false, err
		}
		a.set(partInternetGateway, aws.ToString(found[0].InternetGatewayId))
		return true, nil
	})
}

func attachInternetGateway(ctx context.Context, a *applier) error {
	return a.call(ctx, func(ctx context.Context) error {
		_, err := a.api.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{
			InternetGatewayId: aws.String(a.id(partInternetGateway)), VpcId: aws.String(a.id(partVPC)),
		})
		// The first try may have succeeded and only its response was lost.
		if errorCode(err) == "Resource.AlreadyAssociated" && a.attachedHere(ctx) {
			return nil
		}
		return err
	})
}

func (a *applier) attachedHere(ctx context.Context) bool {
	found, err := inventory.FindInternetGateways(ctx, a.api,
		awsapi.Filter("internet-gateway-id", a.id(partInternetGateway)), awsapi.Filter("attachment.vpc-id", a.id(partVPC)))
	return err == nil && len(found) > 0
}

func createSubnet(part string, cidr netip.Prefix, zone string) step {
	return oneCreation(func(ctx context.Context, a *applier) error {
		out, err := a.api.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: aws.String(a.id(partVPC)), CidrBlock: aws.String(cidr.String()),
			AvailabilityZone:  aws.String(zone),
			TagSpecifications: a.tags(types.ResourceTypeSubnet, part),
		}, noRetry)
		if err == nil {
			a.set(part, aws.ToString(out.Subnet.SubnetId))
		}
		return err
	}, func(ctx context.Context, a *applier) (bool, error) {
		found, err := inventory.FindSubnets(ctx, a.api, a.mine(part)...)
		for _, n := range found {
			if aws.ToString(n.VpcId) == a.id(partVPC) && aws.ToString(n.CidrBlock) == cidr.String() &&
				aws.ToString(n.AvailabilityZone) == zone {
				a.set(part, aws.ToString(n.SubnetId))
				return true, nil
			}
		}
		return false, err
	})
}

func createRouteTable(part string) step {
	return oneCreation(func(ctx context.Context, a *applier) error {
		out, err := a.api.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{
			VpcId: aws.String(a.id(partVPC)), TagSpecifications: a.tags(types.ResourceTypeRouteTable, part),
		}, noRetry)
		if err == nil {
			a.set(part, aws.ToString(out.RouteTable.RouteTableId))
		}
		return err
	}, func(ctx context.Context, a *applier) (bool, error) {
		found, err := inventory.FindRouteTables(ctx, a.api, a.mine(part)...)
		for _, t := range found {
			if aws.ToString(t.VpcId) == a.id(partVPC) {
				a.set(part, aws.ToString(t.RouteTableId))
				return true, nil
			}
		}
		return false, err
	})
}

// destination returns a route's destination in the API's form, by family.
func destination(to string) (ipv4, ipv6 *string) {
	if strings.Contains(to, ":") {
		return nil, &to
	}
	return &to, nil
}

// routeTarget returns a route's target in the API's form: the Internet gateway, the NAT gateway or a network
// interface.
func (a *applier) routeTarget(part string) (gateway, nat, eni *string) {
	id := aws.String(a.id(part))
	switch part {
	case partInternetGateway:
		return id, nil, nil
	case partNATGateway:
		return nil, id, nil
	}
	return nil, nil, id
}

// createRoute makes a route of a table; both are parts.
func createRoute(table, to, target string) step {
	return func(ctx context.Context, a *applier) error {
		ipv4, ipv6 := destination(to)
		gateway, nat, eni := a.routeTarget(target)
		var exists bool
		err := a.call(ctx, func(ctx context.Context) error {
			_, err := a.api.CreateRoute(ctx, &ec2.CreateRouteInput{
				RouteTableId: aws.String(a.id(table)), GatewayId: gateway, NatGatewayId: nat, NetworkInterfaceId: eni,
				DestinationCidrBlock: ipv4, DestinationIpv6CidrBlock: ipv6,
			})
			if exists = errorCode(err) == "RouteAlreadyExists"; exists {
				return nil
			}
			return err
		})
		if exists {
			return replaceRoute(table, to, target)(ctx, a)
		}
		return err
	}
}

func replaceRoute(table, to, target string) step {
	ipv4, ipv6 := destination(to)
	return oneCall(func(ctx context.Context, a *applier) error {
		gateway, nat, eni := a.routeTarget(target)
		_, err := a.api.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{
			RouteTableId: aws.String(a.id(table)), GatewayId: gateway, NatGatewayId: nat, NetworkInterfaceId: eni,
			DestinationCidrBlock: ipv4, DestinationIpv6CidrBlock: ipv6,
		})
		return err
	})
}

// associateRouteTable replaces the subnet's association with another table, if it has one.
func associateRouteTable(table, subnet string) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		_, err := a.api.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{
			RouteTableId: aws.String(a.id(table)), SubnetId: aws.String(a.id(subnet)),
		})
		if errorCode(err) == "Resource.AlreadyAssociated" {
			return a.replaceAssociation(ctx, a.id(table), a.id(subnet), err)
		}
		return err
	}, "InvalidAssociationID.NotFound")
}

// replaceAssociation moves a subnet from another table to the cloud's; refused is the error of
// associating it.
func (a *applier) replaceAssociation(ctx context.Context, table, subnet string, refused error) error {
	found, err := inventory.FindRouteTables(ctx, a.api, awsapi.Filter("association.subnet-id", subnet))
	if err != nil {
		return err
	}
	for _, t := range found {
		for _, as := range t.Associations {
			switch {
			case aws.ToString(as.SubnetId) != subnet:
			case aws.ToString(t.RouteTableId) == table:
				return nil // associated by a call whose response was lost
			default:
				_, err := a.api.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{
					AssociationId: as.RouteTableAssociationId, RouteTableId: aws.String(table),
				})
				return err
			}
		}
	}
	return refused
}

func createSecurityGroup(part, network string) step {
	return oneCreation(func(ctx context.Context, a *applier) error {
		out, err := a.api.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			GroupName:         aws.String(groupName(a.cloud, network)),
			Description:       aws.String("Macaw cloud " + a.cloud + ", " + network),
			VpcId:             aws.String(a.id(partVPC)),
			TagSpecifications: a.tags(types.ResourceTypeSecurityGroup, part),
		}, noRetry)
		if err == nil {
			a.set(part, aws.ToString(out.GroupId))
		}
		return err
	}, func(ctx context.Context, a *applier) (bool, error) {
		found, err := inventory.FindSecurityGroups(ctx, a.api, a.mine(part)...)
		for _, g := range found {
			if aws.ToString(g.VpcId) == a.id(partVPC) && aws.ToString(g.GroupName) == groupName(a.cloud, network) {
				a.set(part, aws.ToString(g.GroupId))
				return true, nil
			}
		}
		return false, err
	})
}

// ruleCall is a call that adds or removes a group's rules.
type ruleCall func(ctx context.Context, api EC2, group *string, rules []types.IpPermission) error

func authorize(part string, rules []inventory.Rule) step { return addRules(part, rules, authorizeIn) }
func authorizeEgress(part string, rules []inventory.Rule) step {
	return addRules(part, rules, authorizeOut)
}
func revoke(part string, rules []inventory.Rule) step { return removeRules(part, rules, revokeIn) }
func revokeEgress(part string, rules []inventory.Rule) step {
	return removeRules(part, rules, revokeOut)
}

func authorizeIn(ctx context.Context, api EC2, group *string, rules []types.IpPermission) error {
	in := &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group, IpPermissions: rules}
	_, err := api.AuthorizeSecurityGroupIngress(ctx, in)
	return err
}

func authorizeOut(ctx context.Context, api EC2, group *string, rules []types.IpPermission) error {
	in := &ec2.AuthorizeSecurityGroupEgressInput{GroupId: group, IpPermissions: rules}
	_, err := api.AuthorizeSecurityGroupEgress(ctx, in)
	return err
}

func revokeIn(ctx context.Context, api EC2, group *string, rules []types.IpPermission) error {
	in := &ec2.RevokeSecurityGroupIngressInput{GroupId: group, IpPermissions: rules}
	_, err := api.RevokeSecurityGroupIngress(ctx, in)
	return err
}

func revokeOut(ctx context.Context, api EC2, group *string, rules []types.IpPermission) error {
	in := &ec2.RevokeSecurityGroupEgressInput{GroupId: group, IpPermissions: rules}
	_, err := api.RevokeSecurityGroupEgress(ctx, in)
	return err
}

// addRules adds the rules in one call, which AWS accepts or refuses as a unit. If one of them
// exists already, it adds each one separately.
func addRules(part string, rules []inventory.Rule, authorize ruleCall) step {
	return func(ctx context.Context, a *applier) error {
		const duplicate = "InvalidPermission.Duplicate"
		send := func(rules []inventory.Rule) error {
			return a.call(ctx, func(ctx context.Context) error {
				return authorize(ctx, a.api, aws.String(a.id(part)), permissions(rules, a.id(part), a.id))
			})
		}
		err := send(rules)
		if errorCode(err) != duplicate {
			return err
		}
		for _, r := range rules {
			if err := send([]inventory.Rule{r}); err != nil && errorCode(err) != duplicate {
				return err
			}
		}
		return nil
	}
}

func removeRules(part string, rules []inventory.Rule, revoke ruleCall) step {
	return func(ctx context.Context, a *applier) error {
		for _, r := range rules {
			if err := a.remove(ctx, func(ctx context.Context) error {
				return revoke(ctx, a.api, aws.String(a.id(part)), permissions([]inventory.Rule{r}, a.id(part), a.id))
			}); err != nil {
				return err
			}
		}
		return nil
	}
}

// revokeOf removes ingress rules from the group with an ID.
func revokeOf(group string, rules []inventory.Rule) step {
	return func(ctx context.Context, a *applier) error {
		a.set(group, group)
		return removeRules(group, rules, revokeIn)(ctx, a)
	}
}

func permissions(rules []inventory.Rule, group string, id func(part string) string) []types.IpPermission {
	var out []types.IpPermission
	for _, r := range rules {
		out = append(out, securitygroups.Permission(r, group, id))
	}
	return out
}
