package infra

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// settleVPC shows the VPC as it is and moves its blocks on to the state that they
// are heading for: AWS answers both calls before it has done the work.
func (f *fake) settleVPC(v *types.Vpc) types.Vpc {
	shown := *v
	shown.Ipv6CidrBlockAssociationSet = slices.Clone(v.Ipv6CidrBlockAssociationSet)
	var next []types.VpcIpv6CidrBlockAssociation
	for i, a := range v.Ipv6CidrBlockAssociationSet {
		switch a.Ipv6CidrBlockState.State {
		case types.VpcCidrBlockStateCodeAssociating:
			shown.Ipv6CidrBlockAssociationSet[i].Ipv6CidrBlock = nil
		case types.VpcCidrBlockStateCodeDisassociating:
			continue
		}
		a.Ipv6CidrBlockState = &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated}
		next = append(next, a)
	}
	v.Ipv6CidrBlockAssociationSet = next
	return shown
}

func (f *fake) settleSubnet(s *types.Subnet) types.Subnet {
	shown := *s
	var next []types.SubnetIpv6CidrBlockAssociation
	for _, a := range s.Ipv6CidrBlockAssociationSet {
		if a.Ipv6CidrBlockState.State == types.SubnetCidrBlockStateCodeDisassociating {
			continue
		}
		a.Ipv6CidrBlockState = &types.SubnetCidrBlockState{State: types.SubnetCidrBlockStateCodeAssociated}
		next = append(next, a)
	}
	s.Ipv6CidrBlockAssociationSet = next
	return shown
}

func (f *fake) AssociateVpcCidrBlock(ctx context.Context, in *ec2.AssociateVpcCidrBlockInput, _ ...options) (*ec2.AssociateVpcCidrBlockOutput, error) {
	return do(ctx, f, "AssociateVpcCidrBlock", func() (*ec2.AssociateVpcCidrBlockOutput, error) {
		v := f.vpcs[*in.VpcId]
		v.Ipv6CidrBlockAssociationSet = append(v.Ipv6CidrBlockAssociationSet, types.VpcIpv6CidrBlockAssociation{
			AssociationId: f.newID("vpc-cidr-assoc"), Ipv6CidrBlock: aws.String(fmt.Sprintf("2001:db8:0:%x00::/56", f.next)),
			Ipv6CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociating}})
		return &ec2.AssociateVpcCidrBlockOutput{}, nil
	})
}

func (f *fake) AssociateSubnetCidrBlock(ctx context.Context, in *ec2.AssociateSubnetCidrBlockInput, _ ...options) (*ec2.AssociateSubnetCidrBlockOutput, error) {
	return do(ctx, f, "AssociateSubnetCidrBlock", func() (*ec2.AssociateSubnetCidrBlockOutput, error) {
		s, cidr := f.subnets[*in.SubnetId], netip.MustParsePrefix(*in.Ipv6CidrBlock)
		if len(s.Ipv6CidrBlockAssociationSet) > 0 {
			return nil, apiError("InvalidParameterValue")
		}
		if !slices.ContainsFunc(f.vpcs[*s.VpcId].Ipv6CidrBlockAssociationSet, func(a types.VpcIpv6CidrBlockAssociation) bool {
			return a.Ipv6CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated && netip.MustParsePrefix(*a.Ipv6CidrBlock).Contains(cidr.Addr())
		}) {
			return nil, apiError("InvalidSubnet.Range")
		}
		for _, other := range f.subnets {
			for _, a := range other.Ipv6CidrBlockAssociationSet {
				if netip.MustParsePrefix(*a.Ipv6CidrBlock).Overlaps(cidr) {
					return nil, apiError("InvalidSubnet.Conflict")
				}
			}
		}
		s.Ipv6CidrBlockAssociationSet = []types.SubnetIpv6CidrBlockAssociation{{AssociationId: f.newID("subnet-cidr-assoc"), Ipv6CidrBlock: in.Ipv6CidrBlock,
			Ipv6CidrBlockState: &types.SubnetCidrBlockState{State: types.SubnetCidrBlockStateCodeAssociating}}}
		return &ec2.AssociateSubnetCidrBlockOutput{}, nil
	})
}

func (f *fake) DisassociateVpcCidrBlock(ctx context.Context, in *ec2.DisassociateVpcCidrBlockInput, _ ...options) (*ec2.DisassociateVpcCidrBlockOutput, error) {
	return do(ctx, f, "DisassociateVpcCidrBlock", func() (*ec2.DisassociateVpcCidrBlockOutput, error) {
		for _, v := range f.vpcs {
			for i, a := range v.Ipv6CidrBlockAssociationSet {
				if *a.AssociationId != *in.AssociationId {
					continue
				}
				for _, s := range f.subnets {
					if had := s.Ipv6CidrBlockAssociationSet; len(had) > 0 && *s.VpcId == *v.VpcId {
						f.settleSubnet(s)
						return nil, apiError("InvalidCidrBlock.InUse")
					}
				}
				v.Ipv6CidrBlockAssociationSet[i].Ipv6CidrBlockState = &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeDisassociating}
				return &ec2.DisassociateVpcCidrBlockOutput{}, nil
			}
		}
		return nil, apiError("InvalidVpcCidrBlockAssociationID.NotFound")
	})
}

func (f *fake) DisassociateSubnetCidrBlock(ctx context.Context, in *ec2.DisassociateSubnetCidrBlockInput, _ ...options) (*ec2.DisassociateSubnetCidrBlockOutput, error) {
	return do(ctx, f, "DisassociateSubnetCidrBlock", func() (*ec2.DisassociateSubnetCidrBlockOutput, error) {
		for _, s := range f.subnets {
			for i, a := range s.Ipv6CidrBlockAssociationSet {
				if *a.AssociationId != *in.AssociationId {
					continue
				}
				for _, n := range f.enis {
					if *n.SubnetId == *s.SubnetId && len(n.Ipv6Addresses) > 0 {
						return nil, apiError("DependencyViolation")
					}
				}
				for _, r := range f.reservations {
					if *r.SubnetId == *s.SubnetId && netip.MustParsePrefix(*r.Cidr).Addr().Is6() {
						return nil, apiError("DependencyViolation")
					}
				}
				s.Ipv6CidrBlockAssociationSet[i].Ipv6CidrBlockState = &types.SubnetCidrBlockState{State: types.SubnetCidrBlockStateCodeDisassociating}
				return &ec2.DisassociateSubnetCidrBlockOutput{}, nil
			}
		}
		return nil, apiError("InvalidSubnetCidrBlockAssociationID.NotFound")
	})
}

func (f *fake) AssignIpv6Addresses(ctx context.Context, in *ec2.AssignIpv6AddressesInput, _ ...options) (*ec2.AssignIpv6AddressesOutput, error) {
	return do(ctx, f, "AssignIpv6Addresses", func() (*ec2.AssignIpv6AddressesOutput, error) {
		n := f.enis[*in.NetworkInterfaceId]
		for _, a := range in.Ipv6Addresses {
			for _, other := range f.enis {
				if slices.Contains(ipv6On(other), a) {
					return nil, apiError("Resource.AlreadyAssigned")
				}
			}
			if s := f.subnets[*n.SubnetId].Ipv6CidrBlockAssociationSet; len(s) == 0 || !netip.MustParsePrefix(*s[0].Ipv6CidrBlock).Contains(netip.MustParseAddr(a)) {
				return nil, apiError("InvalidParameterValue")
			}
		}
		for _, a := range in.Ipv6Addresses { // not written as Go does
			n.Ipv6Addresses = append(n.Ipv6Addresses, types.NetworkInterfaceIpv6Address{Ipv6Address: aws.String(netip.MustParseAddr(a).StringExpanded())})
		}
		return &ec2.AssignIpv6AddressesOutput{}, nil
	})
}

func (f *fake) UnassignIpv6Addresses(ctx context.Context, in *ec2.UnassignIpv6AddressesInput, _ ...options) (*ec2.UnassignIpv6AddressesOutput, error) {
	return do(ctx, f, "UnassignIpv6Addresses", func() (*ec2.UnassignIpv6AddressesOutput, error) {
		n := f.enis[*in.NetworkInterfaceId]
		for _, a := range in.Ipv6Addresses {
			i := slices.Index(ipv6On(n), a)
			if i < 0 {
				return nil, apiError("InvalidParameterValue")
			}
			n.Ipv6Addresses = slices.Delete(slices.Clone(n.Ipv6Addresses), i, i+1)
		}
		return &ec2.UnassignIpv6AddressesOutput{}, nil
	})
}

func ipv6On(n *types.NetworkInterface) (all []string) {
	for _, a := range n.Ipv6Addresses {
		all = append(all, netip.MustParseAddr(*a.Ipv6Address).String())
	}
	return all
}

func (f *fake) DeleteRoute(ctx context.Context, in *ec2.DeleteRouteInput, _ ...options) (*ec2.DeleteRouteOutput, error) {
	return do(ctx, f, "DeleteRoute", func() (*ec2.DeleteRouteOutput, error) {
		t := f.tables[*in.RouteTableId]
		left := slices.DeleteFunc(slices.Clone(t.Routes), sameRoute(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock))
		if len(left) == len(t.Routes) {
			return nil, apiError("InvalidRoute.NotFound")
		}
		t.Routes = left
		return &ec2.DeleteRouteOutput{}, nil
	})
}

// sameRoute reports whether a route is the one to a destination of either family.
func sameRoute(ipv4, ipv6 *string) func(types.Route) bool {
	return func(r types.Route) bool {
		return aws.ToString(r.DestinationCidrBlock) == aws.ToString(ipv4) && aws.ToString(r.DestinationIpv6CidrBlock) == aws.ToString(ipv6)
	}
}
