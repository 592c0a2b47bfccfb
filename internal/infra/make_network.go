package infra

import (
	"context"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// step is what an action does.
type step func(context.Context, *applier) error

func (a *applier) tags(t types.ResourceType, part string) []types.TagSpecification {
	return []types.TagSpecification{tagged(t, a.cloud, part)}
}

func createVPC(cidr netip.Prefix) step {
	return func(ctx context.Context, a *applier) error {
		return a.call(ctx, func(ctx context.Context) error {
			out, err := a.api.CreateVpc(ctx, &ec2.CreateVpcInput{
				CidrBlock:         aws.String(cidr.String()),
				TagSpecifications: a.tags(types.ResourceTypeVpc, partVPC),
			})
			if err == nil {
				a.set(partVPC, aws.ToString(out.Vpc.VpcId))
			}
			return err
		})
	}
}

// enableDNS makes two calls: AWS takes one attribute at a time (EC2 API
// Reference, ModifyVpcAttribute).
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
	return a.call(ctx, func(ctx context.Context) error {
		out, err := a.api.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{
			TagSpecifications: a.tags(types.ResourceTypeInternetGateway, partInternetGateway),
		})
		if err == nil {
			a.set(partInternetGateway, aws.ToString(out.InternetGateway.InternetGatewayId))
		}
		return err
	})
}

func attachInternetGateway(ctx context.Context, a *applier) error {
	return a.call(ctx, func(ctx context.Context) error {
		_, err := a.api.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{
			InternetGatewayId: aws.String(a.id(partInternetGateway)), VpcId: aws.String(a.id(partVPC)),
		})
		// The first try may have arrived and only its answer got lost.
		if errorCode(err) == "Resource.AlreadyAssociated" && a.attachedHere(ctx) {
			return nil
		}
		return err
	})
}

func (a *applier) attachedHere(ctx context.Context) bool {
	out, err := a.api.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{a.id(partInternetGateway)}})
	if err != nil {
		return false
	}
	for _, g := range out.InternetGateways {
		for _, at := range g.Attachments {
			if aws.ToString(at.VpcId) == a.id(partVPC) {
				return true
			}
		}
	}
	return false
}

func createSubnet(part string, cidr netip.Prefix, zone string) step {
	return func(ctx context.Context, a *applier) error {
		return a.call(ctx, func(ctx context.Context) error {
			out, err := a.api.CreateSubnet(ctx, &ec2.CreateSubnetInput{
				VpcId: aws.String(a.id(partVPC)), CidrBlock: aws.String(cidr.String()), AvailabilityZone: aws.String(zone),
				TagSpecifications: a.tags(types.ResourceTypeSubnet, part),
			})
			if err == nil {
				a.set(part, aws.ToString(out.Subnet.SubnetId))
			}
			return err
		})
	}
}

func createRouteTable(ctx context.Context, a *applier) error {
	return a.call(ctx, func(ctx context.Context) error {
		out, err := a.api.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{
			VpcId: aws.String(a.id(partVPC)), TagSpecifications: a.tags(types.ResourceTypeRouteTable, partRouteTable),
		})
		if err == nil {
			a.set(partRouteTable, aws.ToString(out.RouteTable.RouteTableId))
		}
		return err
	})
}

// destination returns a route's destination as the API wants it, by family.
func destination(to string) (ipv4, ipv6 *string) {
	if strings.Contains(to, ":") {
		return nil, &to
	}
	return &to, nil
}

func createRoute(to string) step {
	return func(ctx context.Context, a *applier) error {
		ipv4, ipv6 := destination(to)
		var exists bool
		err := a.call(ctx, func(ctx context.Context) error {
			_, err := a.api.CreateRoute(ctx, &ec2.CreateRouteInput{
				RouteTableId: aws.String(a.id(partRouteTable)), DestinationCidrBlock: ipv4, DestinationIpv6CidrBlock: ipv6,
				GatewayId: aws.String(a.id(partInternetGateway)),
			})
			if exists = errorCode(err) == "RouteAlreadyExists"; exists {
				return nil
			}
			return err
		})
		if exists {
			return replaceRoute(to)(ctx, a)
		}
		return err
	}
}

func replaceRoute(to string) step {
	return func(ctx context.Context, a *applier) error {
		ipv4, ipv6 := destination(to)
		return a.call(ctx, func(ctx context.Context) error {
			_, err := a.api.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{
				RouteTableId: aws.String(a.id(partRouteTable)), DestinationCidrBlock: ipv4, DestinationIpv6CidrBlock: ipv6,
				GatewayId: aws.String(a.id(partInternetGateway)),
			})
			return err
		})
	}
}

func associateRouteTable(subnet string) step {
	return func(ctx context.Context, a *applier) error {
		return a.call(ctx, func(ctx context.Context) error {
			_, err := a.api.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{
				RouteTableId: aws.String(a.id(partRouteTable)), SubnetId: aws.String(a.id(subnet)),
			})
			return err
		})
	}
}

func createSecurityGroup(part, network string) step {
	return func(ctx context.Context, a *applier) error {
		return a.call(ctx, func(ctx context.Context) error {
			out, err := a.api.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
				GroupName: aws.String(a.cloud + "-" + network), Description: aws.String("Macaw cloud " + a.cloud + ", " + network),
				VpcId: aws.String(a.id(partVPC)), TagSpecifications: a.tags(types.ResourceTypeSecurityGroup, part),
			})
			if err == nil {
				a.set(part, aws.ToString(out.GroupId))
			}
			return err
		})
	}
}

// authorize adds the rules in one call, which AWS takes or refuses as a whole.
// If one of them is there already, each goes by itself.
func authorize(part string, rules []Rule) step {
	return func(ctx context.Context, a *applier) error {
		const duplicate = "InvalidPermission.Duplicate"
		send := func(rules []Rule) error {
			return a.call(ctx, func(ctx context.Context) error {
				_, err := a.api.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
					GroupId: aws.String(a.id(part)), IpPermissions: permissions(rules, a.id(part)),
				})
				return err
			})
		}
		err := send(rules)
		if errorCode(err) != duplicate {
			return err
		}
		for _, r := range rules {
			if err := send([]Rule{r}); err != nil && errorCode(err) != duplicate {
				return err
			}
		}
		return nil
	}
}

func revoke(part string, rules []Rule) step {
	return func(ctx context.Context, a *applier) error {
		for _, r := range rules {
			if err := a.remove(ctx, func(ctx context.Context) error {
				_, err := a.api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
					GroupId: aws.String(a.id(part)), IpPermissions: permissions([]Rule{r}, a.id(part)),
				})
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	}
}

func permissions(rules []Rule, group string) []types.IpPermission {
	var out []types.IpPermission
	for _, r := range rules {
		out = append(out, r.permission(group))
	}
	return out
}
