// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// IPv6Of returns the IPv6 block of the subnet with an ID.
func IPv6Of(subnets []Subnet, id string) (netip.Prefix, bool) {
	for _, n := range subnets {
		if n.ID == id && id != "" {
			return n.IPv6.CIDR, n.IPv6.CIDR.IsValid()
		}
	}
	return netip.Prefix{}, false
}

// withBlock appends a block if it is associated. AWS also shows pending and disassociated ones.
func withBlock(blocks []Block, association, cidr *string, state string) ([]Block, error) {
	if state != string(types.VpcCidrBlockStateCodeAssociated) {
		return blocks, nil
	}
	p, err := netip.ParsePrefix(aws.ToString(cidr))
	if err != nil {
		return nil, fmt.Errorf("reading IPv6 block %s: %w", aws.ToString(association), err)
	}
	blocks = append(blocks, Block{Association: aws.ToString(association), CIDR: p.Masked()})
	slices.SortFunc(blocks, func(x, y Block) int { return cmp.Compare(x.Association, y.Association) })
	return blocks, nil
}

func vpcBlockState(a types.VpcIpv6CidrBlockAssociation) string {
	if a.Ipv6CidrBlockState == nil {
		return ""
	}
	return string(a.Ipv6CidrBlockState.State)
}

func subnetBlockState(a types.SubnetIpv6CidrBlockAssociation) string {
	if a.Ipv6CidrBlockState == nil {
		return ""
	}
	return string(a.Ipv6CidrBlockState.State)
}

// VPCBlocks returns a VPC's IPv6 blocks.
func VPCBlocks(v types.Vpc) (blocks []Block, err error) {
	for _, a := range v.Ipv6CidrBlockAssociationSet {
		if blocks, err = withBlock(blocks, a.AssociationId, a.Ipv6CidrBlock, vpcBlockState(a)); err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

// SubnetBlock returns a subnet's IPv6 block: a subnet has at most one (EC2 API Reference,
// AssociateSubnetCidrBlock).
func SubnetBlock(n types.Subnet) (Block, error) {
	var blocks []Block
	for _, a := range n.Ipv6CidrBlockAssociationSet {
		var err error
		if blocks, err = withBlock(blocks, a.AssociationId, a.Ipv6CidrBlock, subnetBlockState(a)); err != nil {
			return Block{}, err
		}
	}
	if len(blocks) == 0 {
		return Block{}, nil
	}
	return blocks[0], nil
}
