package infra

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (f *fake) TerminateInstances(ctx context.Context, in *ec2.TerminateInstancesInput, _ ...options) (*ec2.TerminateInstancesOutput, error) {
	return do(ctx, f, "TerminateInstances", func() (*ec2.TerminateInstancesOutput, error) {
		if i := f.instances[in.InstanceIds[0]]; i.State.Name != types.InstanceStateNameTerminated {
			i.State.Name = types.InstanceStateNameShuttingDown
		}
		return &ec2.TerminateInstancesOutput{}, nil
	})
}

func (f *fake) DisassociateAddress(ctx context.Context, in *ec2.DisassociateAddressInput, _ ...options) (*ec2.DisassociateAddressOutput, error) {
	return do(ctx, f, "DisassociateAddress", func() (*ec2.DisassociateAddressOutput, error) {
		for _, a := range f.addresses {
			if aws.ToString(a.AssociationId) == *in.AssociationId {
				a.AssociationId, a.NetworkInterfaceId, a.PrivateIpAddress = nil, nil, nil
				return &ec2.DisassociateAddressOutput{}, nil
			}
		}
		return nil, apiError("InvalidAssociationID.NotFound")
	})
}

func (f *fake) ReleaseAddress(ctx context.Context, in *ec2.ReleaseAddressInput, _ ...options) (*ec2.ReleaseAddressOutput, error) {
	return do(ctx, f, "ReleaseAddress", func() (*ec2.ReleaseAddressOutput, error) {
		a := f.addresses[*in.AllocationId]
		if a == nil {
			return nil, apiError("InvalidAllocationID.NotFound")
		}
		if a.AssociationId != nil {
			return nil, apiError("InvalidIPAddress.InUse")
		}
		delete(f.addresses, *in.AllocationId)
		return &ec2.ReleaseAddressOutput{}, nil
	})
}

func (f *fake) DeleteNetworkInterface(ctx context.Context, in *ec2.DeleteNetworkInterfaceInput, _ ...options) (*ec2.DeleteNetworkInterfaceOutput, error) {
	return do(ctx, f, "DeleteNetworkInterface", func() (*ec2.DeleteNetworkInterfaceOutput, error) {
		n := f.enis[*in.NetworkInterfaceId]
		if n == nil {
			return nil, apiError("InvalidNetworkInterfaceID.NotFound")
		}
		if n.Attachment != nil {
			return nil, apiError("InvalidNetworkInterface.InUse")
		}
		for _, a := range f.addresses {
			if aws.ToString(a.NetworkInterfaceId) == *in.NetworkInterfaceId {
				a.AssociationId, a.NetworkInterfaceId, a.PrivateIpAddress = nil, nil, nil
			}
		}
		delete(f.enis, *in.NetworkInterfaceId)
		return &ec2.DeleteNetworkInterfaceOutput{}, nil
	})
}

func (f *fake) DeleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput, _ ...options) (*ec2.DeleteSecurityGroupOutput, error) {
	return do(ctx, f, "DeleteSecurityGroup", func() (*ec2.DeleteSecurityGroupOutput, error) {
		if len(f.enis) > 0 {
			return nil, apiError("DependencyViolation")
		}
		if f.groups[*in.GroupId] == nil {
			return nil, apiError("InvalidGroup.NotFound")
		}
		delete(f.groups, *in.GroupId)
		return &ec2.DeleteSecurityGroupOutput{}, nil
	})
}

func (f *fake) DeleteSubnet(ctx context.Context, in *ec2.DeleteSubnetInput, _ ...options) (*ec2.DeleteSubnetOutput, error) {
	return do(ctx, f, "DeleteSubnet", func() (*ec2.DeleteSubnetOutput, error) {
		for _, n := range f.enis {
			if *n.SubnetId == *in.SubnetId {
				return nil, apiError("DependencyViolation")
			}
		}
		if f.subnets[*in.SubnetId] == nil {
			return nil, apiError("InvalidSubnetID.NotFound")
		}
		for _, r := range f.reservations {
			if *r.SubnetId == *in.SubnetId {
				return nil, apiError("DependencyViolation")
			}
		}
		delete(f.subnets, *in.SubnetId)
		for _, t := range f.tables {
			t.Associations = nil
		}
		return &ec2.DeleteSubnetOutput{}, nil
	})
}

func (f *fake) DeleteRouteTable(ctx context.Context, in *ec2.DeleteRouteTableInput, _ ...options) (*ec2.DeleteRouteTableOutput, error) {
	return do(ctx, f, "DeleteRouteTable", func() (*ec2.DeleteRouteTableOutput, error) {
		t := f.tables[*in.RouteTableId]
		if t == nil {
			return nil, apiError("InvalidRouteTableID.NotFound")
		}
		if len(t.Associations) > 0 {
			return nil, apiError("DependencyViolation")
		}
		delete(f.tables, *in.RouteTableId)
		return &ec2.DeleteRouteTableOutput{}, nil
	})
}

func (f *fake) DetachInternetGateway(ctx context.Context, in *ec2.DetachInternetGatewayInput, _ ...options) (*ec2.DetachInternetGatewayOutput, error) {
	return do(ctx, f, "DetachInternetGateway", func() (*ec2.DetachInternetGatewayOutput, error) {
		g := f.gateways[*in.InternetGatewayId]
		if g == nil {
			return nil, apiError("InvalidInternetGatewayID.NotFound")
		}
		for _, a := range f.addresses {
			if a.AssociationId != nil {
				return nil, apiError("DependencyViolation")
			}
		}
		if len(g.Attachments) == 0 {
			return nil, apiError("Gateway.NotAttached")
		}
		g.Attachments = nil
		return &ec2.DetachInternetGatewayOutput{}, nil
	})
}

func (f *fake) DeleteInternetGateway(ctx context.Context, in *ec2.DeleteInternetGatewayInput, _ ...options) (*ec2.DeleteInternetGatewayOutput, error) {
	return do(ctx, f, "DeleteInternetGateway", func() (*ec2.DeleteInternetGatewayOutput, error) {
		if g := f.gateways[*in.InternetGatewayId]; g != nil && len(g.Attachments) > 0 {
			return nil, apiError("DependencyViolation")
		}
		delete(f.gateways, *in.InternetGatewayId)
		return &ec2.DeleteInternetGatewayOutput{}, nil
	})
}

func (f *fake) DeleteVpc(ctx context.Context, in *ec2.DeleteVpcInput, _ ...options) (*ec2.DeleteVpcOutput, error) {
	return do(ctx, f, "DeleteVpc", func() (*ec2.DeleteVpcOutput, error) {
		if f.vpcs[*in.VpcId] == nil {
			return nil, apiError("InvalidVpcID.NotFound")
		}
		for _, s := range f.subnets {
			if *s.VpcId == *in.VpcId {
				return nil, apiError("DependencyViolation")
			}
		}
		for _, s := range f.groups {
			if *s.VpcId == *in.VpcId {
				return nil, apiError("DependencyViolation")
			}
		}
		for _, s := range f.tables {
			if *s.VpcId == *in.VpcId {
				return nil, apiError("DependencyViolation")
			}
		}
		for _, g := range f.gateways {
			for _, at := range g.Attachments {
				if *at.VpcId == *in.VpcId {
					return nil, apiError("DependencyViolation")
				}
			}
		}
		delete(f.vpcs, *in.VpcId)
		return &ec2.DeleteVpcOutput{}, nil
	})
}

func (f *fake) DeleteKeyPair(ctx context.Context, in *ec2.DeleteKeyPairInput, _ ...options) (*ec2.DeleteKeyPairOutput, error) {
	return do(ctx, f, "DeleteKeyPair", func() (*ec2.DeleteKeyPairOutput, error) {
		delete(f.keys, *in.KeyPairId)
		return &ec2.DeleteKeyPairOutput{}, nil
	})
}
