// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"net/netip"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// available waits until a subnet has that number of available addresses.
func (b *bench) available(p place, want int) {
	b.eventually(strconv.Itoa(want)+" free addresses", func() (string, bool) {
		n := int(aws.ToInt32(must(b.DescribeSubnets(b.ctx,
			&ec2.DescribeSubnetsInput{SubnetIds: []string{p.subnet}}))(b).Subnets[0].AvailableIpAddressCount))
		return strconv.Itoa(n), n == want
	})
}

var subnetChecks = []Check{
	{
		ID: "subnet-available", Title: "Five addresses of a subnet are AWS's", Confidence: Documented,
		Source: "VPC User Guide, subnet-sizing",
		Rule:   "An empty /28 has 11 free addresses: .0 to .3 and the last are reserved",
		run:    func(b *bench) { b.available(b.place(28), 11) },
	},
	{
		ID: "subnet-reserved", Title: "Reserved addresses are refused", Confidence: Documented,
		Source: "VPC User Guide, subnet-sizing",
		Rule:   "No interface gets .0 to .3 or the last address of its subnet", Needs: []string{"subnet-available"},
		run: func(b *bench) {
			p := b.place(28)
			for _, n := range []int{0, 1, 2, 3, 15} {
				a := p.at(n)
				_, err := b.CreateNetworkInterface(b.ctx,
					&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet, PrivateIpAddress: &a,
						TagSpecifications: b.tags(types.ResourceTypeNetworkInterface)})
				b.wantCode(err, "an interface with "+a, "InvalidParameterValue")
			}
			e := *b.eni(p, p.at(4)).NetworkInterfaceId
			for _, n := range []int{1, 2, 3, 15} {
				_, err := b.assign(e, false, p.at(n))
				b.wantCode(err, "assigning "+p.at(n), "InvalidParameterValue")
			}
		},
	},
	{
		ID: "subnet-foreign-address", Title: "Addresses of other subnets are refused", Confidence: Documented,
		Source: "EC2 User Guide, using-instance-addressing: a secondary address is of the subnet's CIDR",
		Rule:   "An interface gets addresses of its own subnet only",
		run: func(b *bench) {
			p, q := b.place(28), b.place(28)
			e := *b.eni(p, p.at(4)).NetworkInterfaceId
			_, err := b.assign(e, false, q.at(4))
			b.wantCode(err, "assigning "+q.at(4), "InvalidParameterValue")
		},
	},
	{
		ID: "subnet-exhausted", Title: "A subnet runs out of addresses", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview",
		Rule:   "When no address is free, a request that leaves the choice to AWS is InsufficientFreeAddressesInSubnet",
		Needs:  []string{"subnet-available"},
		run: func(b *bench) {
			p := b.place(28)
			b.eniFrom(&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet, SecondaryPrivateIpAddressCount: aws.Int32(10)})
			b.available(p, 0)
			_, err := b.CreateNetworkInterface(b.ctx,
				&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet,
					TagSpecifications: b.tags(types.ResourceTypeNetworkInterface)})
			b.wantCode(err, "one more interface", "InsufficientFreeAddressesInSubnet")
		},
	},
	{
		ID: "subnet-size", Title: "Sizes of subnets and VPCs", Confidence: Documented,
		Source: "VPC User Guide, subnet-sizing and vpc-cidr-blocks",
		Rule:   "Subnets and VPCs are /16 to /28; a subnet lies in its VPC and overlaps no other",
		run: func(b *bench) {
			p := b.place(28)
			subnet := func(cidr string) error {
				_, err := b.CreateSubnet(b.ctx,
					&ec2.CreateSubnetInput{VpcId: &p.vpc, CidrBlock: &cidr, TagSpecifications: b.tags(types.ResourceTypeSubnet)})
				return err
			}
			b.wantCode(subnet(netip.PrefixFrom(p.cidr.Addr(), 29).String()), "a subnet /29", "InvalidSubnet.Range",
				"InvalidSubnet.Conflict")
			b.wantCode(subnet("10.99.0.0/24"), "a subnet outside its VPC", "InvalidSubnet.Range")
			b.wantCode(subnet(p.cidr.String()), "the same subnet again", "InvalidSubnet.Conflict")
			for _, cidr := range []string{"10.215.0.0/15", "10.215.0.0/29"} {
				_, err := b.CreateVpc(b.ctx, &ec2.CreateVpcInput{CidrBlock: &cidr,
					TagSpecifications: b.tags(types.ResourceTypeVpc)})
				b.wantCode(err, "a VPC "+cidr, "InvalidVpc.Range")
			}
		},
	},
	{
		ID: "vpc-attributes", Title: "Attributes of a VPC", Confidence: Documented,
		Source: "EC2 API Reference, ModifyVpcAttribute",
		Rule:   "A new VPC has DNS support and no DNS host names; one attribute is changed at a time",
		run: func(b *bench) {
			v := b.bare().vpc
			get := func(name types.VpcAttributeName) *ec2.DescribeVpcAttributeOutput {
				return must(b.DescribeVpcAttribute(b.ctx, &ec2.DescribeVpcAttributeInput{VpcId: &v, Attribute: name}))(b)
			}
			b.want("enableDnsSupport", aws.ToBool(get(types.VpcAttributeNameEnableDnsSupport).EnableDnsSupport.Value), true)
			b.want("enableDnsHostnames", aws.ToBool(get(types.VpcAttributeNameEnableDnsHostnames).EnableDnsHostnames.Value),
				false)
			on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
			_, err := b.ModifyVpcAttribute(b.ctx,
				&ec2.ModifyVpcAttributeInput{VpcId: &v, EnableDnsHostnames: on, EnableDnsSupport: on})
			b.wantCode(err, "two attributes at once", "InvalidParameterCombination")
			must(b.ModifyVpcAttribute(b.ctx, &ec2.ModifyVpcAttributeInput{VpcId: &v, EnableDnsHostnames: on}))(b)
			b.eventually("enableDnsHostnames is true", func() (string, bool) {
				return "it is false", aws.ToBool(get(types.VpcAttributeNameEnableDnsHostnames).EnableDnsHostnames.Value)
			})
		},
	},
}
