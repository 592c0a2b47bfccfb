// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/internal/vpc"
)

// vpc6 makes a VPC with an IPv6 CIDR, which it returns.
func (l *lab) vpc6(cidr string) (id string, block netip.Prefix) {
	l.t.Helper()
	out := must(l.CreateVpc(l.ctx,
		&ec2.CreateVpcInput{CidrBlock: &cidr, AmazonProvidedIpv6CidrBlock: aws.Bool(true)}))(l).Vpc
	if a := out.Ipv6CidrBlockAssociationSet[0]; a.Ipv6CidrBlock != nil || a.Ipv6CidrBlockState.State != "associating" {
		l.t.Errorf("the IPv6 CIDR is known before it is associated: %+v", a)
	}
	a := l.describeVPC(*out.VpcId).Ipv6CidrBlockAssociationSet[0]
	if a.Ipv6CidrBlockState.State != "associated" || *a.Ipv6Pool != "Amazon" {
		l.t.Errorf("the association is %+v", a)
	}
	return *out.VpcId, netip.MustParsePrefix(*a.Ipv6CidrBlock)
}

// subnet6 makes a subnet with the nth /64 of its VPC.
func (l *lab) subnet6(vpcID, cidr string, n byte) string {
	l.t.Helper()
	block := netip.MustParsePrefix(*l.describeVPC(vpcID).Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock)
	b := block.Addr().As16()
	b[7] = n
	ipv6 := netip.PrefixFrom(netip.AddrFrom16(b), 64).String()
	return *must(l.CreateSubnet(l.ctx,
		&ec2.CreateSubnetInput{VpcId: &vpcID, CidrBlock: &cidr, Ipv6CidrBlock: &ipv6}))(l).Subnet.SubnetId
}

func (l *lab) describeVPC(id string) types.Vpc {
	l.t.Helper()
	return must(l.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}}))(l).Vpcs[0]
}

func (l *lab) describeSubnet(id string) types.Subnet {
	l.t.Helper()
	return must(l.DescribeSubnets(l.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{id}}))(l).Subnets[0]
}

func addresses6(e types.NetworkInterface) []string {
	var all []string
	for _, a := range e.Ipv6Addresses {
		all = append(all, *a.Ipv6Address)
	}
	return all
}

func TestIPv6Addresses(t *testing.T) {
	l := newLab(t)
	v, block := l.vpc6("10.0.0.0/16")
	if block.String() != "2001:db8:1000::/56" {
		t.Errorf("the first VPC has %s", block)
	}
	s := l.subnet6(v, "10.0.0.0/24", 0)
	a := must(l.CreateNetworkInterface(l.ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: &s, Ipv6AddressCount: aws.Int32(1)}))(l).NetworkInterface
	b := must(l.CreateNetworkInterface(l.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &s,
		Ipv6Addresses: []types.InstanceIpv6Address{{Ipv6Address: aws.String("2001:db8:1000::b")}}}))(l).NetworkInterface
	if got := addresses6(*a); len(got) != 1 || got[0] != "2001:db8:1000::4" || *a.Ipv6Address != got[0] {
		t.Errorf("AWS allocated %v", got)
	}
	l.run("t3.small", *a.NetworkInterfaceId) // takes 4
	assign := func(eni *string, ips ...string) error {
		_, err := l.AssignIpv6Addresses(l.ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: eni, Ipv6Addresses: ips})
		return err
	}
	for _, c := range []struct {
		name, address, want string
	}{
		{"outside", "2001:db8:1001::5", "InvalidParameterValue"},
		{"reserved", "2001:db8:1000::3", "InvalidParameterValue"},
		{"the last", "2001:db8:1000::ffff:ffff:ffff:ffff", "InvalidParameterValue"},
		{"IPv4", "10.0.0.9", "InvalidParameterValue"},
		{"IPv4 in IPv6", "::ffff:10.0.0.9", "InvalidParameterValue"},
		{"another's", "2001:db8:1000::b", "Resource.AlreadyAssigned"},
		{"its own", "2001:db8:1000::4", ""},
		{"free", "2001:db8:1000::5", ""},
	} {
		if err := assign(a.NetworkInterfaceId, c.address); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	l.wantCode(assign(a.NetworkInterfaceId, "2001:db8:1000::6", "2001:db8:1000::7", "2001:db8:1000::8"),
		"PrivateIpAddressLimitExceeded")
	out := must(l.AssignIpv6Addresses(l.ctx,
		&ec2.AssignIpv6AddressesInput{NetworkInterfaceId: a.NetworkInterfaceId, Ipv6PrefixCount: aws.Int32(1)}))(l)
	if d := cmp.Diff([]string{"2001:db8:1000:0:1::/80"}, out.AssignedIpv6Prefixes); d != "" {
		t.Error(d)
	}
	l.wantCode(assign(b.NetworkInterfaceId, "2001:db8:1000:0:1::9"), "Resource.AlreadyAssigned") // in a's prefix
	for _, e := range l.fabric.topology().ENIs {
		if e.ID == *a.NetworkInterfaceId && (len(e.IPv6) != 2 || len(e.Prefixes) != 1) {
			t.Errorf("the fabric has %v and %v", e.IPv6, e.Prefixes)
		}
	}
	m, _ := l.state.Metadata(*a.NetworkInterfaceId)
	if n := m.NICs[0]; len(n.IPv6) != 2 || n.SubnetIPv6CIDRs[0] != "2001:db8:1000::/64" ||
		n.VPCIPv6CIDRs[0] != "2001:db8:1000::/56" || n.IPv6Prefixes[0] != "2001:db8:1000:0:1::/80" {
		t.Errorf("the metadata service has %+v", n)
	}
	gone := must(l.UnassignIpv6Addresses(l.ctx, &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: a.NetworkInterfaceId,
		Ipv6Addresses: []string{"2001:db8:1000::5"}, Ipv6Prefixes: out.AssignedIpv6Prefixes}))(l)
	if len(gone.UnassignedIpv6Addresses) != 1 || len(gone.UnassignedIpv6Prefixes) != 1 {
		t.Errorf("unassigned %+v", gone)
	}
	_, err := l.UnassignIpv6Addresses(l.ctx, &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: a.NetworkInterfaceId,
		Ipv6Addresses: []string{"2001:db8:1000::b"}})
	l.wantCode(err, "InvalidParameterValue")
	_, err = l.AssignIpv6Addresses(l.ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: a.NetworkInterfaceId})
	l.wantCode(err, "MissingParameter")
	_, err = l.DisassociateSubnetCidrBlock(l.ctx,
		&ec2.DisassociateSubnetCidrBlockInput{
			AssociationId: l.describeSubnet(s).Ipv6CidrBlockAssociationSet[0].AssociationId})
	l.wantCode(err, "DependencyViolation")
}

func TestIPv6OnCreation(t *testing.T) {
	l := newLab(t)
	v, _ := l.vpc6("10.0.0.0/16")
	s := l.subnet6(v, "10.0.0.0/24", 0)
	on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
	_, err := l.ModifySubnetAttribute(l.ctx,
		&ec2.ModifySubnetAttributeInput{SubnetId: &s, AssignIpv6AddressOnCreation: on, MapPublicIpOnLaunch: on})
	l.wantCode(err, "InvalidParameterCombination")
	must(l.ModifySubnetAttribute(l.ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &s, AssignIpv6AddressOnCreation: on}))(l)
	if e := l.eni(s, ""); len(e.Ipv6Addresses) != 1 {
		t.Errorf("made with %v", addresses6(*e))
	}
	none := must(l.CreateNetworkInterface(l.ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: &s, Ipv6AddressCount: aws.Int32(0)}))(l).NetworkInterface
	if len(none.Ipv6Addresses) != 0 {
		t.Errorf("none asked for, made with %v", addresses6(*none))
	}
	in := &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.small", MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1), SubnetId: &s, Ipv6AddressCount: aws.Int32(2)}
	run := must(l.RunInstances(l.ctx, in))(l).Instances[0]
	if n := run.NetworkInterfaces[0]; len(n.Ipv6Addresses) != 2 || *run.Ipv6Address != *n.Ipv6Addresses[0].Ipv6Address {
		t.Errorf("launched with %+v", n.Ipv6Addresses)
	}
	in.Ipv6AddressCount, in.ClientToken = aws.Int32(5), nil // the SDK has given it one
	_, err = l.RunInstances(l.ctx, in)
	l.wantCode(err, "InvalidInterface.IpAddressLimitExceeded")
}

func TestIPv6OfSubnets(t *testing.T) {
	l := newLab(t)
	v, _ := l.vpc6("10.0.0.0/16")
	other, block := l.vpc6("10.0.0.0/16")
	if block.String() != "2001:db8:1000:100::/56" {
		t.Errorf("the second VPC has %s", block)
	}
	s := l.subnet(v, "10.0.1.0/24")
	l.subnet6(v, "10.0.0.0/24", 1)
	for _, c := range []struct{ name, cidr, want string }{
		{"another VPC's", "2001:db8:1000:100::/64", "InvalidSubnet.Range"},
		{"not a /64", "2001:db8:1000::/60", "InvalidSubnet.Range"},
		{"taken", "2001:db8:1000:1::/64", "InvalidSubnet.Conflict"},
		{"IPv4", "10.0.0.0/24", "InvalidParameterValue"},
		{"good", "2001:db8:1000:2::/64", ""},
		{"a second", "2001:db8:1000:3::/64", "InvalidParameterValue"},
	} {
		if _, err := l.AssociateSubnetCidrBlock(l.ctx,
			&ec2.AssociateSubnetCidrBlockInput{SubnetId: &s, Ipv6CidrBlock: &c.cidr}); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	assoc := l.describeSubnet(s).Ipv6CidrBlockAssociationSet[0]
	vpcAssoc := l.describeVPC(v).Ipv6CidrBlockAssociationSet[0].AssociationId
	_, err := l.DisassociateVpcCidrBlock(l.ctx, &ec2.DisassociateVpcCidrBlockInput{AssociationId: vpcAssoc})
	l.wantCode(err, "InvalidCidrBlock.InUse")
	out := must(l.DisassociateSubnetCidrBlock(l.ctx,
		&ec2.DisassociateSubnetCidrBlockInput{AssociationId: assoc.AssociationId}))(l)
	if out.Ipv6CidrBlockAssociation.Ipv6CidrBlockState.State != "disassociating" {
		t.Errorf("disassociated %+v", out)
	}
	if n := len(l.describeSubnet(s).Ipv6CidrBlockAssociationSet); n != 0 {
		t.Errorf("%d IPv6 CIDRs are left", n)
	}
	_, err = l.DisassociateSubnetCidrBlock(l.ctx,
		&ec2.DisassociateSubnetCidrBlockInput{AssociationId: assoc.AssociationId})
	l.wantCode(err, "InvalidSubnetCidrBlockAssociationID.NotFound")
	must(l.DisassociateVpcCidrBlock(l.ctx,
		&ec2.DisassociateVpcCidrBlockInput{
			AssociationId: l.describeVPC(other).Ipv6CidrBlockAssociationSet[0].AssociationId}))(l)
	if n := len(l.describeVPC(other).Ipv6CidrBlockAssociationSet); n != 0 {
		t.Errorf("%d IPv6 CIDRs of the VPC are left", n)
	}
}

func TestIPv6RoutesAndRules(t *testing.T) {
	l := newLab(t)
	v, _ := l.vpc6("10.0.0.0/16")
	s := l.subnet6(v, "10.0.0.0/24", 0)
	igw := l.gateway(v)
	table := must(l.DescribeRouteTables(l.ctx, &ec2.DescribeRouteTablesInput{}))(l).RouteTables[0].RouteTableId
	eni := l.eni(s, "").NetworkInterfaceId
	route := func(dest string, gateway, eni *string) error {
		_, err := l.CreateRoute(l.ctx, &ec2.CreateRouteInput{RouteTableId: table, DestinationIpv6CidrBlock: &dest,
			GatewayId: gateway, NetworkInterfaceId: eni})
		return err
	}
	l.wantCode(route("::/0", &igw, nil), "")
	l.wantCode(route("2001:db8:ffff::/48", nil, eni), "")
	l.wantCode(route("2001:db8:1000::/64", &igw, nil), "InvalidParameterValue")
	l.wantCode(route("2001:db8:1000::/80", nil, eni), "InvalidParameterValue") // not a full subnet
	l.wantCode(route("2001:db8:1000::/64", nil, eni), "")
	l.wantCode(route("10.0.0.0/8", &igw, nil), "InvalidParameterValue")
	_, err := l.CreateRoute(l.ctx, &ec2.CreateRouteInput{RouteTableId: table,
		DestinationCidrBlock: aws.String("0.0.0.0/0"), DestinationIpv6CidrBlock: aws.String("::/0"), GatewayId: &igw})
	l.wantCode(err, "InvalidParameterCombination")
	_, err = l.DeleteRoute(l.ctx,
		&ec2.DeleteRouteInput{RouteTableId: table, DestinationIpv6CidrBlock: aws.String("2001:db8:1000::/56")})
	l.wantCode(err, "InvalidParameterValue") // local
	var got []string
	for _, r := range l.fabric.topology().Subnets[0].Routes {
		got = append(got, r.Dest.String())
	}
	if d := cmp.Diff([]string{"10.0.0.0/16", "2001:db8:1000::/56", "::/0", "2001:db8:ffff::/48", "2001:db8:1000::/64"},
		got); d != "" {
		t.Error(d)
	}
	must(l.DeleteRoute(l.ctx, &ec2.DeleteRouteInput{RouteTableId: table,
		DestinationIpv6CidrBlock: aws.String("2001:db8:1000::/64")}))(l)

	group := must(l.CreateSecurityGroup(l.ctx,
		&ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: aws.String("g"), Description: aws.String("d")}))(l).GroupId
	rule := func(v4, v6 string) error {
		p := types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22)}
		if v4 != "" {
			p.IpRanges = []types.IpRange{{CidrIp: &v4}}
		}
		if v6 != "" {
			p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: &v6}}
		}
		_, err := l.AuthorizeSecurityGroupIngress(l.ctx,
			&ec2.AuthorizeSecurityGroupIngressInput{GroupId: group, IpPermissions: []types.IpPermission{p}})
		return err
	}
	l.wantCode(rule("", "2001:db8::1/32"), "")
	l.wantCode(rule("2001:db8::/32", ""), "InvalidParameterValue")
	l.wantCode(rule("", "10.0.0.0/8"), "InvalidParameterValue")
	l.wantCode(rule("", ""), "MissingParameter")
	var fabric vpc.SecurityGroup
	for _, g := range l.fabric.topology().SecurityGroups {
		if g.ID == *group {
			fabric = g
		}
	}
	if len(fabric.Egress) != 2 || len(fabric.Ingress) != 1 || fabric.Ingress[0].CIDR.String() != "2001:db8::/32" {
		t.Errorf("the fabric has %+v", fabric)
	}
	shown := must(l.DescribeSecurityGroups(l.ctx,
		&ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: aws.String("ip-permission.ipv6-cidr"),
			Values: []string{"2001:db8::*"}}}}))(l).SecurityGroups
	if len(shown) != 1 || !strings.HasPrefix(*shown[0].IpPermissions[0].Ipv6Ranges[0].CidrIpv6, "2001:db8::/") {
		t.Errorf("described %+v", shown)
	}
}
