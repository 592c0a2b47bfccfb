// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	awsapi "macaw.example/internal/aws"

	"macaw.example/internal/inventory"
)

// ipv6Subnet is the provider subnet's IPv6 block, which must exist.
func (a *applier) ipv6Subnet() netip.Prefix { return netip.MustParsePrefix(a.id(partSubnetIPv6)) }

// giveVPCBlock associates an IPv6 block of Amazon's, a /56, with the VPC (VPC User Guide,
// vpc-cidr-blocks), and waits for it. The call has no ClientToken, so each try looks first.
func giveVPCBlock(ctx context.Context, a *applier) error {
	comes := func(ctx context.Context) (bool, error) {
		v, err := a.vpc(ctx)
		return slices.ContainsFunc(v.Ipv6CidrBlockAssociationSet, func(as types.VpcIpv6CidrBlockAssociation) bool {
			return vpcBlockComes(as)
		}), err
	}
	if err := a.create(ctx, func(ctx context.Context) error {
		if there, err := comes(ctx); there || err != nil {
			return err
		}
		_, err := a.api.AssociateVpcCidrBlock(ctx, &ec2.AssociateVpcCidrBlockInput{
			VpcId: aws.String(a.id(partVPC)), AmazonProvidedIpv6CidrBlock: aws.Bool(true),
		}, noRetry)
		return err
	}, comes); err != nil {
		return err
	}
	return a.until(ctx, visiblePolicy, func(ctx context.Context) (bool, error) {
		blocks, err := a.vpcBlocks(ctx)
		if err != nil {
			return awsapi.IsNotFound(err) || awsapi.Passing(err), err
		}
		if len(blocks) == 0 {
			return true, fmt.Errorf("AWS shows no IPv6 block of vpc %s", a.id(partVPC))
		}
		return false, nil
	})
}

// errTaken reports that another subnet took the block meanwhile; another one is free.
var errTaken = &smithy.GenericAPIError{Code: "InvalidSubnet.Taken", Message: "another subnet has the block"}

// coming reports whether an association's state is associated or will become so.
func coming(state string) bool {
	return state == string(types.VpcCidrBlockStateCodeAssociating) ||
		state == string(types.VpcCidrBlockStateCodeAssociated)
}

func vpcBlockComes(a types.VpcIpv6CidrBlockAssociation) bool {
	return a.Ipv6CidrBlockState != nil && coming(string(a.Ipv6CidrBlockState.State))
}

func subnetBlockComes(a types.SubnetIpv6CidrBlockAssociation) bool {
	return a.Ipv6CidrBlockState != nil && coming(string(a.Ipv6CidrBlockState.State))
}

// errNoBlock reports that an answer is older than the VPC's block, which an earlier one had.
var errNoBlock = &smithy.GenericAPIError{Code: "InvalidVpc.NoBlock", Message: "AWS shows no IPv6 block of the VPC"}

func (a *applier) vpc(ctx context.Context) (types.Vpc, error) {
	out, err := a.api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{a.id(partVPC)}})
	if err != nil {
		return types.Vpc{}, err
	}
	for _, v := range out.Vpcs {
		if aws.ToString(v.VpcId) == a.id(partVPC) {
			return v, nil
		}
	}
	return types.Vpc{}, fmt.Errorf("AWS does not show vpc %s", a.id(partVPC))
}

// vpcBlocks returns the VPC's associated IPv6 blocks.
func (a *applier) vpcBlocks(ctx context.Context) ([]netip.Prefix, error) {
	v, err := a.vpc(ctx)
	if err != nil {
		return nil, err
	}
	blocks, err := inventory.VPCBlocks(v)
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	for _, b := range blocks {
		out = append(out, b.CIDR)
	}
	return out, nil
}

// giveSubnetBlock associates with the provider subnet the first /64 of the VPC's block that no
// subnet has, and waits for it.
func giveSubnetBlock(ctx context.Context, a *applier) error {
	id := a.id(partSubnet(partProvider))
	comes := func(ctx context.Context) (bool, error) {
		subnets, err := a.subnets(ctx)
		return slices.ContainsFunc(subnets, func(n types.Subnet) bool {
			return aws.ToString(n.SubnetId) == id && slices.ContainsFunc(n.Ipv6CidrBlockAssociationSet,
				func(as types.SubnetIpv6CidrBlockAssociation) bool { return subnetBlockComes(as) })
		}), err
	}
	if err := a.create(ctx, func(ctx context.Context) error {
		blocks, err := a.vpcBlocks(ctx)
		if err != nil {
			return err
		}
		if len(blocks) == 0 {
			return errNoBlock
		}
		subnets, err := a.subnets(ctx)
		if err != nil {
			return err
		}
		var taken []netip.Prefix
		for _, n := range subnets {
			for _, as := range n.Ipv6CidrBlockAssociationSet {
				if aws.ToString(n.SubnetId) == id && subnetBlockComes(as) {
					return nil
				}
				p, err := netip.ParsePrefix(aws.ToString(as.Ipv6CidrBlock))
				if err != nil {
					return fmt.Errorf("reading the IPv6 block of subnet %s: %w", aws.ToString(n.SubnetId), err)
				}
				taken = append(taken, p)
			}
		}
		free, ok := free64(blocks, taken)
		if !ok {
			return fmt.Errorf("subnets have all of %v", blocks)
		}
		in := &ec2.AssociateSubnetCidrBlockInput{SubnetId: aws.String(id), Ipv6CidrBlock: aws.String(free.String())}
		_, err = a.api.AssociateSubnetCidrBlock(ctx, in, noRetry)
		if errorCode(err) == "InvalidSubnet.Conflict" {
			return errTaken
		}
		return err
	}, comes, errTaken.Code, errNoBlock.Code); err != nil {
		return err
	}
	return a.until(ctx, visiblePolicy, func(ctx context.Context) (bool, error) {
		subnets, err := a.subnets(ctx)
		if err != nil {
			return awsapi.Passing(err), err
		}
		for _, n := range subnets {
			if aws.ToString(n.SubnetId) != id {
				continue
			}
			block, err := inventory.SubnetBlock(n)
			if err != nil {
				return false, err
			}
			if block.CIDR.IsValid() {
				a.set(partSubnetIPv6, block.CIDR.String())
				return false, nil
			}
		}
		return true, fmt.Errorf("AWS shows no IPv6 block of subnet %s", id)
	})
}

// subnets returns every subnet of the VPC.
func (a *applier) subnets(ctx context.Context) ([]types.Subnet, error) {
	return inventory.FindSubnets(ctx, a.api, awsapi.Filter("vpc-id", a.id(partVPC)))
}

// assignIPv6 assigns to an ENI the cloud's addresses that it lacks, except those in elsewhere.
func assignIPv6(part string, elsewhere []string) step {
	return func(ctx context.Context, a *applier) error {
		var all []string
		for _, addr := range a.wanted.Cloud.ProviderIPv6Addresses(a.ipv6Subnet()) {
			all = append(all, addr.String())
		}
		lacks := func(ctx context.Context) ([]string, error) {
			have, err := a.ipv6On(ctx, a.id(part))
			return missing(all, slices.Concat(have, elsewhere)), err
		}
		return a.create(ctx, func(ctx context.Context) error {
			add, err := lacks(ctx)
			if len(add) == 0 || err != nil {
				return err
			}
			_, err = a.api.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{
				NetworkInterfaceId: aws.String(a.id(part)), Ipv6Addresses: add,
			}, noRetry)
			return err
		}, func(ctx context.Context) (bool, error) {
			add, err := lacks(ctx)
			return len(add) == 0, err
		})
	}
}

// unassignIPv6 unassigns the named addresses from an ENI, or all of IPv6 if none are named.
func unassignIPv6(eni string, named ...string) step {
	return oneRemoval(func(ctx context.Context, a *applier) error { return a.dropIPv6(ctx, eni, named) }, notThere)
}

// notThere is the code for addresses that are not on an ENI. AWS may still show them shortly after
// they were unassigned.
const notThere = "InvalidParameterValue"

// dropIPv6 looks before it unassigns: AWS refuses a batch if one of its addresses is not on the
// ENI, as when an agent was quicker or the last try's response was lost.
func (a *applier) dropIPv6(ctx context.Context, eni string, named []string) error {
	have, err := a.ipv6On(ctx, eni)
	if err != nil {
		return err
	}
	if len(named) > 0 {
		have = slices.DeleteFunc(have, func(addr string) bool { return !slices.Contains(named, addr) })
	}
	if len(have) == 0 {
		return nil
	}
	in := &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: aws.String(eni), Ipv6Addresses: have}
	_, err = a.api.UnassignIpv6Addresses(ctx, in, noRetry)
	return err
}

// ipv6On returns the IPv6 addresses of an ENI.
func (a *applier) ipv6On(ctx context.Context, eni string) (have []string, err error) {
	found, err := a.interfaces(ctx, eni)
	if err != nil {
		return nil, err
	}
	for _, n := range found {
		seen, err := inventory.InterfaceOf(n)
		if err != nil {
			return nil, err
		}
		have = append(have, seen.IPv6...)
	}
	return have, nil
}

// takeSubnetBlock disassociates an IPv6 block from a subnet, where no ENI may have an address of it
// (EC2 API Reference, DisassociateSubnetCidrBlock). An agent that has just lost its rights may
// still have registered one, so each try starts with the cloud's ENIs.
func takeSubnetBlock(association string, enis []string) step {
	return oneRemoval(func(ctx context.Context, a *applier) error {
		for _, eni := range enis {
			if err := a.dropIPv6(ctx, eni, nil); err != nil && !awsapi.IsNotFound(err) {
				return err
			}
		}
		in := &ec2.DisassociateSubnetCidrBlockInput{AssociationId: aws.String(association)}
		_, err := a.api.DisassociateSubnetCidrBlock(ctx, in)
		return err
	}, notThere)
}

func deleteRoute(table, to string) step {
	ipv4, ipv6 := destination(to)
	return oneRemoval(func(ctx context.Context, a *applier) error {
		_, err := a.api.DeleteRoute(ctx, &ec2.DeleteRouteInput{
			RouteTableId: aws.String(table), DestinationCidrBlock: ipv4, DestinationIpv6CidrBlock: ipv6,
		})
		return err
	})
}
