// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/internal/vpc"
)

func TestUnknownAndMalformed(t *testing.T) {
	l := newLab(t)
	_, err := l.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-0123456789abcdef0"}})
	l.wantCode(err, "InvalidVpcID.NotFound")
	_, err = l.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"moon"}})
	l.wantCode(err, "InvalidVpcID.Malformed")
	_, err = l.DeleteSubnet(l.ctx, &ec2.DeleteSubnetInput{SubnetId: aws.String("subnet-0123456789abcdef0")})
	l.wantCode(err, "InvalidSubnetID.NotFound")
	_, err = l.DeleteNetworkInterface(l.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: aws.String("eni-xyz")})
	l.wantCode(err, "InvalidNetworkInterfaceId.Malformed")
	_, err = l.ReleaseAddress(l.ctx, &ec2.ReleaseAddressInput{AllocationId: aws.String("eipalloc-0123456789abcdef0")})
	l.wantCode(err, "InvalidAllocationID.NotFound")
	_, err = l.DescribeInstances(l.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})
	l.wantCode(err, "InvalidInstanceID.NotFound")
	_, err = l.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: []string{"moon"},
		Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	l.wantCode(err, "InvalidID")
	_, err = l.DescribeKeyPairs(l.ctx, &ec2.DescribeKeyPairsInput{KeyNames: []string{"moon"}})
	l.wantCode(err, "InvalidKeyPair.NotFound")
}

func TestSubnets(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/28")
	for cidr, want := range map[string]string{
		"10.0.0.0/24":   "InvalidSubnet.Conflict",
		"10.1.0.0/24":   "InvalidSubnet.Range",
		"10.0.1.0/29":   "InvalidSubnet.Range",
		"10.0.0.0/15":   "InvalidSubnet.Range",
		"10.0.0.300/24": "InvalidParameterValue",
	} {
		_, err := l.CreateSubnet(l.ctx, &ec2.CreateSubnetInput{VpcId: &v, CidrBlock: &cidr})
		l.wantCode(err, want)
	}
	for _, reserved := range []string{"10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.15", "10.0.0.16"} {
		_, err := l.CreateNetworkInterface(l.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &s, PrivateIpAddress: &reserved})
		l.wantCode(err, "InvalidParameterValue")
	}
	for range 11 {
		l.eni(s, "")
	}
	_, err := l.CreateNetworkInterface(l.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &s})
	l.wantCode(err, "InsufficientFreeAddressesInSubnet")
	_, err = l.CreateNetworkInterface(l.ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: &s, PrivateIpAddress: aws.String("10.0.0.5")})
	l.wantCode(err, "InvalidIPAddress.InUse")
	if free := *must(l.DescribeSubnets(l.ctx,
		&ec2.DescribeSubnetsInput{}))(l).Subnets[0].AvailableIpAddressCount; free != 0 {
		t.Errorf("%d addresses are free, want 0", free)
	}
	_, err = l.DeleteSubnet(l.ctx, &ec2.DeleteSubnetInput{SubnetId: &s})
	l.wantCode(err, "DependencyViolation")
	_, err = l.DeleteVpc(l.ctx, &ec2.DeleteVpcInput{VpcId: &v})
	l.wantCode(err, "DependencyViolation")
}

func TestRoutes(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.1.0/24")
	igw := l.gateway(v)
	once := &ec2.CreateRouteTableInput{VpcId: &v, ClientToken: aws.String("once")}
	table := must(l.CreateRouteTable(l.ctx, once))(l).RouteTable
	if again := must(l.CreateRouteTable(l.ctx, once))(l).RouteTable; *again.RouteTableId != *table.RouteTableId {
		t.Error("the same client token made another route table")
	}
	assoc := must(l.AssociateRouteTable(l.ctx,
		&ec2.AssociateRouteTableInput{RouteTableId: table.RouteTableId, SubnetId: &s}))(l)
	route := func(dest string, gateway, eni *string) error {
		_, err := l.CreateRoute(l.ctx, &ec2.CreateRouteInput{RouteTableId: table.RouteTableId, DestinationCidrBlock: &dest,
			GatewayId: gateway, NetworkInterfaceId: eni})
		return err
	}
	eni := l.eni(s, "")
	l.wantCode(route("0.0.0.0/0", &igw, nil), "")
	l.wantCode(route("0.0.0.0/0", &igw, nil), "") // again
	l.wantCode(route("0.0.0.0/0", nil, eni.NetworkInterfaceId), "RouteAlreadyExists")
	l.wantCode(route("10.0.1.0/24", &igw, nil), "InvalidParameterValue")
	l.wantCode(route("10.0.1.0/25", nil, eni.NetworkInterfaceId), "InvalidParameterValue")
	l.wantCode(route("192.0.2.0/24", nil, eni.NetworkInterfaceId), "")
	routes := must(l.DescribeRouteTables(l.ctx,
		&ec2.DescribeRouteTablesInput{RouteTableIds: []string{*table.RouteTableId}}))(l).RouteTables[0].Routes
	var states []string
	for _, r := range routes {
		states = append(states, *r.DestinationCidrBlock+" "+string(r.State))
	}
	if d := cmp.Diff([]string{"10.0.0.0/16 active", "0.0.0.0/0 active", "192.0.2.0/24 blackhole"}, states); d != "" {
		t.Error(d)
	}
	want := []vpc.Route{
		{Dest: netip.MustParsePrefix("10.0.0.0/16"), Target: vpc.TargetLocal},
		{Dest: netip.MustParsePrefix("0.0.0.0/0"), Target: vpc.TargetInternetGateway, ID: igw},
		{Dest: netip.MustParsePrefix("192.0.2.0/24"), Target: vpc.TargetBlackhole},
	}
	if d := cmp.Diff(want, l.fabric.topology().Subnets[0].Routes,
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Error(d)
	}
	_, err := l.DeleteRouteTable(l.ctx, &ec2.DeleteRouteTableInput{RouteTableId: table.RouteTableId})
	l.wantCode(err, "DependencyViolation")
	must(l.DisassociateRouteTable(l.ctx, &ec2.DisassociateRouteTableInput{AssociationId: assoc.AssociationId}))(l)
	must(l.DeleteRouteTable(l.ctx, &ec2.DeleteRouteTableInput{RouteTableId: table.RouteTableId}))(l)
	if n := len(l.fabric.topology().Subnets[0].Routes); n != 1 {
		t.Errorf("the subnet fell back on %d routes, want the main table's 1", n)
	}
}

func TestSecurityGroups(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	group := func(name string) string {
		return *must(l.CreateSecurityGroup(l.ctx,
			&ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: &name, Description: aws.String("d")}))(l).GroupId
	}
	a, b := group("a"), group("b")
	_, err := l.CreateSecurityGroup(l.ctx,
		&ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: aws.String("a"), Description: aws.String("d")})
	l.wantCode(err, "InvalidGroup.Duplicate")
	ssh := []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22),
		IpRanges:         []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}},
		UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &b}}}}
	in := &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &a, IpPermissions: ssh}
	if rules := must(l.AuthorizeSecurityGroupIngress(l.ctx, in))(l).SecurityGroupRules; len(rules) != 2 {
		t.Errorf("%d rules made, want 2", len(rules))
	}
	_, err = l.AuthorizeSecurityGroupIngress(l.ctx, in)
	l.wantCode(err, "InvalidPermission.Duplicate")
	_, err = l.DeleteSecurityGroup(l.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &b})
	l.wantCode(err, "DependencyViolation")
	got := must(l.DescribeSecurityGroups(l.ctx,
		&ec2.DescribeSecurityGroupsInput{GroupIds: []string{a}}))(l).SecurityGroups[0]
	if len(got.IpPermissions) != 1 || len(got.IpPermissions[0].IpRanges) != 1 ||
		len(got.IpPermissions[0].UserIdGroupPairs) != 1 || len(got.IpPermissionsEgress) != 1 {
		t.Errorf("permissions %+v", got)
	}
	for _, g := range l.fabric.topology().SecurityGroups {
		if g.ID == a && (len(g.Ingress) != 2 || g.Ingress[0].Protocol != 6 || g.Ingress[0].FromPort != 22 ||
			len(g.Egress) != 1 || g.Egress[0].Protocol != -1) {
			t.Errorf("the fabric has %+v", g)
		}
	}
	must(l.RevokeSecurityGroupIngress(l.ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &a, IpPermissions: ssh}))(l)
	_, err = l.RevokeSecurityGroupIngress(l.ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &a, IpPermissions: ssh})
	l.wantCode(err, "InvalidPermission.NotFound")
	must(l.DeleteSecurityGroup(l.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &b}))(l)
	must(l.DeleteSecurityGroup(l.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &a}))(l)
	must(l.DeleteVpc(l.ctx, &ec2.DeleteVpcInput{VpcId: &v}))(l) // the default group is deleted with it
	if d := cmp.Diff(vpc.Topology{}, l.fabric.topology()); d != "" {
		t.Error(d)
	}
}

func TestPrivateAddresses(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/24")
	l.gateway(v)
	a, b := *l.eni(s, "10.0.0.10").NetworkInterfaceId, *l.eni(s, "10.0.0.20").NetworkInterfaceId
	l.run("t3.small", a) // takes 4 addresses
	assign := func(eni string, move bool, ips ...string) error {
		_, err := l.AssignPrivateIpAddresses(l.ctx,
			&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &eni, PrivateIpAddresses: ips, AllowReassignment: &move})
		return err
	}
	wantA := func(want ...string) {
		t.Helper()
		if d := cmp.Diff(want, addresses(l.describeENI(a))); d != "" {
			t.Error(d)
		}
	}
	l.wantCode(assign(a, false, "10.0.0.11", "10.0.0.12"), "")
	l.wantCode(assign(a, false, "10.0.0.11"), "") // it has it already
	l.wantCode(assign(a, false, "10.0.0.13", "10.0.1.13"), "InvalidParameterValue")
	l.wantCode(assign(a, false, "10.0.0.3"), "InvalidParameterValue")
	l.wantCode(assign(a, false, "10.0.0.13", "10.0.0.14"), "PrivateIpAddressLimitExceeded")
	l.wantCode(assign(a, true, "10.0.0.20"), "InvalidParameterValue") // b's primary
	wantA("10.0.0.10", "10.0.0.11", "10.0.0.12")

	eip := must(l.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{}))(l)
	must(l.AssociateAddress(l.ctx, &ec2.AssociateAddressInput{AllocationId: eip.AllocationId, NetworkInterfaceId: &a,
		PrivateIpAddress: aws.String("10.0.0.12")}))(l)
	err := assign(b, false, "10.0.0.12")
	l.wantCode(err, "InvalidParameterValue")
	if want := "[10.0.0.12] assigned, but move is not allowed."; err == nil || !cmp.Equal(apiMessage(err), want) {
		t.Errorf("the refusal is %v, want %q", err, want)
	}
	l.wantCode(assign(b, true, "10.0.0.12"), "")
	wantA("10.0.0.10", "10.0.0.11")
	if e := l.fabric.topology().ElasticIPs[0]; e.ENI != b || e.Private.String() != "10.0.0.12" ||
		e.Public.String() != *eip.PublicIp {
		t.Errorf("the Elastic IP did not move with its address: %+v", e)
	}
	unassign := func(eni string, ips ...string) error {
		_, err := l.UnassignPrivateIpAddresses(l.ctx,
			&ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: &eni, PrivateIpAddresses: ips})
		return err
	}
	l.wantCode(unassign(b, "10.0.0.12", "10.0.0.11"), "InvalidParameterValue")
	l.wantCode(unassign(b, "10.0.0.20"), "InvalidParameterValue")
	l.wantCode(unassign(b, "10.0.0.12"), "")
	if n := len(l.fabric.topology().ElasticIPs); n != 0 {
		t.Errorf("%d Elastic IPs are left on unassigned addresses", n)
	}
	out := must(l.AssignPrivateIpAddresses(l.ctx,
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &a, SecondaryPrivateIpAddressCount: aws.Int32(2)}))(l)
	if len(out.AssignedPrivateIpAddresses) != 2 {
		t.Errorf("assigned %v", out.AssignedPrivateIpAddresses)
	}
}

func TestElasticIPs(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/24")
	eni, other := l.eni(s, "").NetworkInterfaceId, l.eni(s, "").NetworkInterfaceId
	var eips []*ec2.AllocateAddressOutput
	for range 5 {
		eips = append(eips, must(l.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{}))(l))
	}
	if *eips[0].PublicIp != "198.51.100.10" {
		t.Errorf("the first address is %s", *eips[0].PublicIp)
	}
	_, err := l.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{})
	l.wantCode(err, "AddressLimitExceeded")
	associate := func(n int, eni *string, again *bool) (string, error) {
		out, err := l.AssociateAddress(l.ctx,
			&ec2.AssociateAddressInput{AllocationId: eips[n].AllocationId, NetworkInterfaceId: eni, AllowReassociation: again})
		if err != nil {
			return "", err
		}
		return *out.AssociationId, nil
	}
	_, err = associate(0, eni, nil)
	l.wantCode(err, "Gateway.NotAttached")
	igw := l.gateway(v)
	first := must(associate(0, eni, nil))(l)
	if again := must(associate(0, eni, aws.Bool(false)))(l); again != first {
		t.Error("associating again made another association")
	}
	_, err = associate(0, other, aws.Bool(false))
	l.wantCode(err, "Resource.AlreadyAssociated")
	_, err = associate(1, eni, aws.Bool(false))
	l.wantCode(err, "Resource.AlreadyAssociated")
	_, err = l.ReleaseAddress(l.ctx, &ec2.ReleaseAddressInput{AllocationId: eips[0].AllocationId})
	l.wantCode(err, "InvalidIPAddress.InUse")
	_, err = l.DetachInternetGateway(l.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &igw, VpcId: &v})
	l.wantCode(err, "DependencyViolation")
	second := must(associate(1, eni, aws.Bool(true)))(l) // displaces the first
	described := must(l.DescribeAddresses(l.ctx,
		&ec2.DescribeAddressesInput{AllocationIds: []string{*eips[0].AllocationId}}))(l).Addresses[0]
	if described.AssociationId != nil {
		t.Error("two Elastic IPs are on one address")
	}
	must(l.DisassociateAddress(l.ctx, &ec2.DisassociateAddressInput{AssociationId: &second}))(l)
	_, err = l.DisassociateAddress(l.ctx, &ec2.DisassociateAddressInput{AssociationId: &second})
	l.wantCode(err, "InvalidAssociationID.NotFound")
	must(l.ReleaseAddress(l.ctx, &ec2.ReleaseAddressInput{AllocationId: eips[1].AllocationId}))(l)
}
