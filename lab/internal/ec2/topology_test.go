// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab/internal/vpc"
)

// TestFabricTakesTopology passes this package's topologies to the real fabric: it must
// accept everything that the API allows.
func TestFabricTakesTopology(t *testing.T) {
	l := newLab(t)
	fabric := vpc.New(vpc.Config{})
	take := func(what string) {
		t.Helper()
		if err := fabric.SetTopology(l.fabric.topology()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	v, _ := l.vpc6("10.0.0.0/16")
	must(l.AssociateVpcCidrBlock(l.ctx,
		&ec2.AssociateVpcCidrBlockInput{VpcId: &v, CidrBlock: aws.String("100.64.0.0/16")}))(l)
	must(l.AssociateVpcCidrBlock(l.ctx,
		&ec2.AssociateVpcCidrBlockInput{VpcId: &v, AmazonProvidedIpv6CidrBlock: aws.Bool(true)}))(l)
	igw := l.gateway(v)
	s, private := l.subnet6(v, "10.0.0.0/24", 0), l.subnet(v, "100.64.0.0/24")
	must(l.ModifySubnetAttribute(l.ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &s,
		MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: aws.Bool(true)}}))(l)
	take("VPC and subnets")

	eni := must(l.CreateNetworkInterface(l.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &s,
		Ipv4PrefixCount: aws.Int32(1), Ipv6PrefixCount: aws.Int32(1), Ipv6AddressCount: aws.Int32(2)}))(l).NetworkInterface
	l.run("m8i.large", *eni.NetworkInterfaceId)
	eip := must(l.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{}))(l)
	must(l.AssociateAddress(l.ctx, &ec2.AssociateAddressInput{AllocationId: eip.AllocationId,
		NetworkInterfaceId: eni.NetworkInterfaceId, PrivateIpAddress: aws.String("10.0.0.17")}))(l)
	take("an Elastic IP on an address in the prefix " + *eni.Ipv4Prefixes[0].Ipv4Prefix)
	must(l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.small",
		MinCount: aws.Int32(2), MaxCount: aws.Int32(2), SubnetId: &s}))(l)
	if n := len(l.fabric.topology().ElasticIPs); n != 3 {
		t.Errorf("%d public addresses, want 3", n)
	}
	take("public addresses of AWS's own")

	nat := must(l.CreateNatGateway(l.ctx,
		&ec2.CreateNatGatewayInput{SubnetId: &private, ConnectivityType: "private"}))(l).NatGateway.NatGatewayId
	table := must(l.DescribeRouteTables(l.ctx, &ec2.DescribeRouteTablesInput{}))(l).RouteTables[0].RouteTableId
	for _, r := range []ec2.CreateRouteInput{
		{DestinationCidrBlock: aws.String("0.0.0.0/0"), NatGatewayId: nat},
		{DestinationIpv6CidrBlock: aws.String("::/0"), GatewayId: &igw},
		{DestinationIpv6CidrBlock: aws.String("2001:db8:f::/48"), NetworkInterfaceId: eni.NetworkInterfaceId},
		{DestinationCidrBlock: aws.String("100.64.0.0/24"), NetworkInterfaceId: eni.NetworkInterfaceId},
	} {
		r.RouteTableId = table
		must(l.CreateRoute(l.ctx, &r))(l)
	}
	take("routes")
	l.eventually("the NAT gateway", func() bool { return l.nat(*nat).State == "available" })
	take("a NAT gateway")
}
