package infra

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (f *fake) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput, _ ...options) (*ec2.CreateVpcOutput, error) {
	return do(ctx, f, "CreateVpc", func() (*ec2.CreateVpcOutput, error) {
		v := &types.Vpc{VpcId: f.newID("vpc"), CidrBlock: in.CidrBlock, Tags: tagsIn(in.TagSpecifications)}
		f.vpcs[*v.VpcId] = v
		return &ec2.CreateVpcOutput{Vpc: v}, nil
	})
}

func (f *fake) ModifyVpcAttribute(ctx context.Context, in *ec2.ModifyVpcAttributeInput, _ ...options) (*ec2.ModifyVpcAttributeOutput, error) {
	return do(ctx, f, "ModifyVpcAttribute", func() (*ec2.ModifyVpcAttributeOutput, error) {
		if in.EnableDnsHostnames != nil && in.EnableDnsSupport != nil {
			return nil, apiError("InvalidParameterCombination")
		}
		if in.EnableDnsHostnames != nil {
			f.dns[*in.VpcId] = true
		}
		return &ec2.ModifyVpcAttributeOutput{}, nil
	})
}

func (f *fake) CreateInternetGateway(ctx context.Context, in *ec2.CreateInternetGatewayInput, _ ...options) (*ec2.CreateInternetGatewayOutput, error) {
	return do(ctx, f, "CreateInternetGateway", func() (*ec2.CreateInternetGatewayOutput, error) {
		g := &types.InternetGateway{InternetGatewayId: f.newID("igw"), Tags: tagsIn(in.TagSpecifications)}
		f.gateways[*g.InternetGatewayId] = g
		return &ec2.CreateInternetGatewayOutput{InternetGateway: g}, nil
	})
}

func (f *fake) AttachInternetGateway(ctx context.Context, in *ec2.AttachInternetGatewayInput, _ ...options) (*ec2.AttachInternetGatewayOutput, error) {
	return do(ctx, f, "AttachInternetGateway", func() (*ec2.AttachInternetGatewayOutput, error) {
		g := f.gateways[*in.InternetGatewayId]
		if len(g.Attachments) > 0 {
			return nil, apiError("Resource.AlreadyAssigned")
		}
		g.Attachments = []types.InternetGatewayAttachment{{VpcId: in.VpcId}}
		return &ec2.AttachInternetGatewayOutput{}, nil
	})
}

func (f *fake) CreateSubnet(ctx context.Context, in *ec2.CreateSubnetInput, _ ...options) (*ec2.CreateSubnetOutput, error) {
	return do(ctx, f, "CreateSubnet", func() (*ec2.CreateSubnetOutput, error) {
		for _, s := range f.subnets {
			if *s.VpcId == *in.VpcId && *s.CidrBlock == *in.CidrBlock {
				return nil, apiError("InvalidSubnet.Conflict")
			}
		}
		s := &types.Subnet{SubnetId: f.newID("subnet"), VpcId: in.VpcId, CidrBlock: in.CidrBlock, AvailabilityZone: in.AvailabilityZone, Tags: tagsIn(in.TagSpecifications)}
		f.subnets[*s.SubnetId] = s
		return &ec2.CreateSubnetOutput{Subnet: s}, nil
	})
}

func (f *fake) CreateRouteTable(ctx context.Context, in *ec2.CreateRouteTableInput, _ ...options) (*ec2.CreateRouteTableOutput, error) {
	return do(ctx, f, "CreateRouteTable", func() (*ec2.CreateRouteTableOutput, error) {
		t := &types.RouteTable{RouteTableId: f.newID("rtb"), VpcId: in.VpcId, Tags: tagsIn(in.TagSpecifications)}
		f.tables[*t.RouteTableId] = t
		return &ec2.CreateRouteTableOutput{RouteTable: t}, nil
	})
}

func (f *fake) CreateRoute(ctx context.Context, in *ec2.CreateRouteInput, _ ...options) (*ec2.CreateRouteOutput, error) {
	return do(ctx, f, "CreateRoute", func() (*ec2.CreateRouteOutput, error) {
		t := f.tables[*in.RouteTableId]
		if slices.ContainsFunc(t.Routes, sameRoute(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock)) {
			return nil, apiError("RouteAlreadyExists")
		}
		t.Routes = append(slices.Clone(t.Routes), types.Route{DestinationCidrBlock: in.DestinationCidrBlock, DestinationIpv6CidrBlock: in.DestinationIpv6CidrBlock,
			GatewayId: in.GatewayId, State: types.RouteStateActive})
		return &ec2.CreateRouteOutput{}, nil
	})
}

func (f *fake) ReplaceRoute(ctx context.Context, in *ec2.ReplaceRouteInput, _ ...options) (*ec2.ReplaceRouteOutput, error) {
	return do(ctx, f, "ReplaceRoute", func() (*ec2.ReplaceRouteOutput, error) {
		t := f.tables[*in.RouteTableId]
		t.Routes = slices.Clone(t.Routes)
		i := slices.IndexFunc(t.Routes, sameRoute(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock))
		if i < 0 {
			return nil, apiError("InvalidParameterValue")
		}
		t.Routes[i].GatewayId, t.Routes[i].State = in.GatewayId, types.RouteStateActive
		return &ec2.ReplaceRouteOutput{}, nil
	})
}

func (f *fake) AssociateRouteTable(ctx context.Context, in *ec2.AssociateRouteTableInput, _ ...options) (*ec2.AssociateRouteTableOutput, error) {
	return do(ctx, f, "AssociateRouteTable", func() (*ec2.AssociateRouteTableOutput, error) {
		t := f.tables[*in.RouteTableId]
		t.Associations = append(t.Associations, types.RouteTableAssociation{SubnetId: in.SubnetId})
		return &ec2.AssociateRouteTableOutput{}, nil
	})
}

func (f *fake) CreateSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput, _ ...options) (*ec2.CreateSecurityGroupOutput, error) {
	return do(ctx, f, "CreateSecurityGroup", func() (*ec2.CreateSecurityGroupOutput, error) {
		g := &types.SecurityGroup{GroupId: f.newID("sg"), GroupName: in.GroupName, VpcId: in.VpcId, Tags: tagsIn(in.TagSpecifications),
			IpPermissionsEgress: []types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String(everywhere)}},
				Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: aws.String(everywhere6)}}}}}
		f.groups[*g.GroupId] = g
		return &ec2.CreateSecurityGroupOutput{GroupId: g.GroupId}, nil
	})
}

func (f *fake) AuthorizeSecurityGroupIngress(ctx context.Context, in *ec2.AuthorizeSecurityGroupIngressInput, _ ...options) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	return do(ctx, f, "AuthorizeSecurityGroupIngress", func() (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
		g := f.groups[*in.GroupId]
		for _, p := range in.IpPermissions {
			if slices.ContainsFunc(g.IpPermissions, func(h types.IpPermission) bool { return reflect.DeepEqual(p, h) }) {
				return nil, apiError("InvalidPermission.Duplicate")
			}
		}
		g.IpPermissions = append(g.IpPermissions, in.IpPermissions...)
		return &ec2.AuthorizeSecurityGroupIngressOutput{}, nil
	})
}

func (f *fake) RevokeSecurityGroupIngress(ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput, _ ...options) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	return do(ctx, f, "RevokeSecurityGroupIngress", func() (*ec2.RevokeSecurityGroupIngressOutput, error) {
		g := f.groups[*in.GroupId]
		g.IpPermissions = slices.DeleteFunc(g.IpPermissions, func(h types.IpPermission) bool { return reflect.DeepEqual(in.IpPermissions[0], h) })
		return &ec2.RevokeSecurityGroupIngressOutput{}, nil
	})
}

func (f *fake) ImportKeyPair(ctx context.Context, in *ec2.ImportKeyPairInput, _ ...options) (*ec2.ImportKeyPairOutput, error) {
	return do(ctx, f, "ImportKeyPair", func() (*ec2.ImportKeyPairOutput, error) {
		for _, k := range f.keys {
			if *k.KeyName == *in.KeyName {
				return nil, apiError("InvalidKeyPair.Duplicate")
			}
		}
		k := &types.KeyPairInfo{KeyPairId: f.newID("key"), KeyName: in.KeyName, PublicKey: aws.String(string(in.PublicKeyMaterial)), Tags: tagsIn(in.TagSpecifications)}
		f.keys[*k.KeyPairId] = k
		return &ec2.ImportKeyPairOutput{KeyPairId: k.KeyPairId}, nil
	})
}

func (f *fake) CreateNetworkInterface(ctx context.Context, in *ec2.CreateNetworkInterfaceInput, _ ...options) (*ec2.CreateNetworkInterfaceOutput, error) {
	return do(ctx, f, "CreateNetworkInterface", func() (*ec2.CreateNetworkInterfaceOutput, error) {
		if id, again := f.tokens[*in.ClientToken]; again {
			return &ec2.CreateNetworkInterfaceOutput{NetworkInterface: &types.NetworkInterface{NetworkInterfaceId: aws.String(id)}}, nil
		}
		n := &types.NetworkInterface{NetworkInterfaceId: f.newID("eni"), SubnetId: in.SubnetId, VpcId: f.subnets[*in.SubnetId].VpcId, TagSet: tagsIn(in.TagSpecifications), SourceDestCheck: aws.Bool(true)}
		for _, g := range in.Groups {
			n.Groups = append(n.Groups, types.GroupIdentifier{GroupId: aws.String(g)})
		}
		n.MacAddress = aws.String(fmt.Sprintf("02:00:00:00:00:%02x", f.next))
		for _, a := range in.PrivateIpAddresses {
			for _, other := range f.enis {
				for _, b := range other.PrivateIpAddresses {
					if *b.PrivateIpAddress == *a.PrivateIpAddress && *other.SubnetId == *in.SubnetId {
						return nil, apiError("InvalidIPAddress.InUse")
					}
				}
			}
			n.PrivateIpAddresses = append(n.PrivateIpAddresses, types.NetworkInterfacePrivateIpAddress{PrivateIpAddress: a.PrivateIpAddress, Primary: a.Primary})
			if *a.Primary {
				n.PrivateIpAddress = a.PrivateIpAddress
			}
		}
		f.enis[*n.NetworkInterfaceId] = n
		f.tokens[*in.ClientToken] = *n.NetworkInterfaceId
		return &ec2.CreateNetworkInterfaceOutput{NetworkInterface: n}, nil
	})
}

func (f *fake) AssignPrivateIpAddresses(ctx context.Context, in *ec2.AssignPrivateIpAddressesInput, _ ...options) (*ec2.AssignPrivateIpAddressesOutput, error) {
	return do(ctx, f, "AssignPrivateIpAddresses", func() (*ec2.AssignPrivateIpAddressesOutput, error) {
		n := f.enis[*in.NetworkInterfaceId]
		for _, a := range in.PrivateIpAddresses {
			n.PrivateIpAddresses = append(n.PrivateIpAddresses, types.NetworkInterfacePrivateIpAddress{PrivateIpAddress: aws.String(a), Primary: aws.Bool(false)})
		}
		return &ec2.AssignPrivateIpAddressesOutput{}, nil
	})
}

func (f *fake) UnassignPrivateIpAddresses(ctx context.Context, in *ec2.UnassignPrivateIpAddressesInput, _ ...options) (*ec2.UnassignPrivateIpAddressesOutput, error) {
	return do(ctx, f, "UnassignPrivateIpAddresses", func() (*ec2.UnassignPrivateIpAddressesOutput, error) {
		n := f.enis[*in.NetworkInterfaceId]
		n.PrivateIpAddresses = slices.DeleteFunc(n.PrivateIpAddresses, func(a types.NetworkInterfacePrivateIpAddress) bool {
			return slices.Contains(in.PrivateIpAddresses, *a.PrivateIpAddress)
		})
		return &ec2.UnassignPrivateIpAddressesOutput{}, nil
	})
}

func (f *fake) RunInstances(ctx context.Context, in *ec2.RunInstancesInput, _ ...options) (*ec2.RunInstancesOutput, error) {
	return do(ctx, f, "RunInstances", func() (*ec2.RunInstancesOutput, error) {
		if id, again := f.tokens[*in.ClientToken]; again {
			return &ec2.RunInstancesOutput{Instances: []types.Instance{{InstanceId: aws.String(id)}}}, nil
		}
		i := &types.Instance{InstanceId: f.newID("i"), InstanceType: in.InstanceType, ImageId: in.ImageId, Tags: tagsIn(in.TagSpecifications),
			State: &types.InstanceState{Name: types.InstanceStateNamePending}}
		var err error
		if i.IamInstanceProfile, err = f.profileOf(in.IamInstanceProfile); err != nil {
			return nil, err
		}
		for _, n := range in.NetworkInterfaces {
			if f.enis[*n.NetworkInterfaceId].Attachment != nil {
				return nil, apiError("InvalidNetworkInterface.InUse")
			}
		}
		for _, n := range in.NetworkInterfaces {
			f.enis[*n.NetworkInterfaceId].Attachment = &types.NetworkInterfaceAttachment{InstanceId: i.InstanceId, DeviceIndex: n.DeviceIndex}
		}
		f.instances[*i.InstanceId] = i
		f.made(in, i)
		f.tokens[*in.ClientToken] = *i.InstanceId
		return &ec2.RunInstancesOutput{Instances: []types.Instance{*i}}, nil
	})
}

func (f *fake) StartInstances(ctx context.Context, in *ec2.StartInstancesInput, _ ...options) (*ec2.StartInstancesOutput, error) {
	return do(ctx, f, "StartInstances", func() (*ec2.StartInstancesOutput, error) {
		i := f.instances[in.InstanceIds[0]]
		if i.State.Name == types.InstanceStateNameStopping {
			i.State.Name = types.InstanceStateNameStopped
			return nil, apiError("IncorrectInstanceState")
		}
		i.State.Name = types.InstanceStateNamePending
		return &ec2.StartInstancesOutput{}, nil
	})
}

func (f *fake) AllocateAddress(ctx context.Context, in *ec2.AllocateAddressInput, _ ...options) (*ec2.AllocateAddressOutput, error) {
	return do(ctx, f, "AllocateAddress", func() (*ec2.AllocateAddressOutput, error) {
		if len(f.addresses) >= f.quota {
			return nil, apiError("AddressLimitExceeded")
		}
		a := &types.Address{AllocationId: f.newID("eipalloc"), Tags: tagsIn(in.TagSpecifications)}
		a.PublicIp = aws.String(fmt.Sprintf("198.51.100.%d", f.next))
		f.addresses[*a.AllocationId] = a
		return &ec2.AllocateAddressOutput{AllocationId: a.AllocationId, PublicIp: a.PublicIp}, nil
	})
}

func (f *fake) AssociateAddress(ctx context.Context, in *ec2.AssociateAddressInput, _ ...options) (*ec2.AssociateAddressOutput, error) {
	return do(ctx, f, "AssociateAddress", func() (*ec2.AssociateAddressOutput, error) {
		n := f.enis[*in.NetworkInterfaceId]
		attached := false
		for _, g := range f.gateways {
			for _, at := range g.Attachments {
				attached = attached || *at.VpcId == *n.VpcId
			}
		}
		if !attached {
			return nil, apiError("Gateway.NotAttached")
		}
		if n.Attachment != nil && f.instances[*n.Attachment.InstanceId].State.Name == types.InstanceStateNamePending {
			f.instances[*n.Attachment.InstanceId].State.Name = types.InstanceStateNameRunning
			return nil, apiError("InvalidInstanceID")
		}
		a := f.addresses[*in.AllocationId]
		a.AssociationId, a.NetworkInterfaceId, a.PrivateIpAddress = f.newID("eipassoc"), in.NetworkInterfaceId, in.PrivateIpAddress
		return &ec2.AssociateAddressOutput{AssociationId: a.AssociationId}, nil
	})
}
