// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab/internal/vpc"
)

func (l *lab) nat(id string) types.NatGateway {
	l.t.Helper()
	return must(l.DescribeNatGateways(l.ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}}))(l).NatGateways[0]
}

func TestNATGateway(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	public, private := l.subnet(v, "10.0.0.0/24"), l.subnet(v, "10.0.1.0/24")
	igw := l.gateway(v)
	eip := must(l.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{}))(l)
	in := &ec2.CreateNatGatewayInput{SubnetId: &public, AllocationId: eip.AllocationId, ClientToken: aws.String("once"),
		PrivateIpAddress: aws.String("10.0.0.100"),
		TagSpecifications: []types.TagSpecification{{ResourceType: "natgateway",
			Tags: []types.Tag{{Key: aws.String("n"), Value: aws.String("v")}}}}}
	made := must(l.CreateNatGateway(l.ctx, in))(l).NatGateway
	id := *made.NatGatewayId
	if made.State != "pending" || len(made.Tags) != 1 || made.ConnectivityType != "public" {
		t.Errorf("made %+v", made)
	}
	if again := *must(l.CreateNatGateway(l.ctx, in))(l).NatGateway.NatGatewayId; again != id {
		t.Error("the same client token made another NAT gateway")
	}
	table := must(l.DescribeRouteTables(l.ctx, &ec2.DescribeRouteTablesInput{}))(l).RouteTables[0].RouteTableId
	must(l.CreateRoute(l.ctx, &ec2.CreateRouteInput{RouteTableId: table, DestinationCidrBlock: aws.String("0.0.0.0/0"),
		NatGatewayId: &id}))(l)
	_, err := l.CreateRoute(l.ctx,
		&ec2.CreateRouteInput{RouteTableId: table, DestinationIpv6CidrBlock: aws.String("::/0"), NatGatewayId: &id})
	l.wantCode(err, "InvalidParameterValue")
	if r := l.fabric.topology().Subnets[0].Routes[1]; r.Target != vpc.TargetBlackhole {
		t.Errorf("while it is pending the route is %+v", r)
	}
	which := &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}}
	if err := ec2.NewNatGatewayAvailableWaiter(l.Client, func(o *ec2.NatGatewayAvailableWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 10*time.Millisecond
	}).Wait(l.ctx, which, time.Minute); err != nil {
		t.Fatal(err)
	}
	top := l.fabric.topology()
	if r := top.Subnets[0].Routes[1]; r.Target != vpc.TargetNATGateway || r.ID != id {
		t.Errorf("the route is %+v", r)
	}
	eni := *l.nat(id).NatGatewayAddresses[0].NetworkInterfaceId
	if len(top.NATGateways) != 1 || top.NATGateways[0] != (vpc.NATGateway{ID: id, ENI: eni}) {
		t.Errorf("the fabric has the NAT gateways %+v", top.NATGateways)
	}
	if e := top.ENIs[0]; e.ID != eni || !e.Attached || e.SourceDestCheck || e.StatusCheck ||
		e.Addresses[0].String() != "10.0.0.100" {
		t.Errorf("the fabric has its interface as %+v", e)
	}
	if e := l.describeENI(eni); e.InterfaceType != "nat_gateway" || !*e.RequesterManaged || e.Status != "in-use" ||
		*e.Association.PublicIp != *eip.PublicIp {
		t.Errorf("the interface is %+v", e)
	}

	// AWS manages the interface and the Elastic IP while the gateway exists.
	l.wantCode(l.delegate(eni, "10.0.0.16/28"), "OperationNotPermitted")
	_, err = l.ModifyNetworkInterfaceAttribute(l.ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &eni,
		SourceDestCheck: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	l.wantCode(err, "OperationNotPermitted")
	_, err = l.DetachNetworkInterface(l.ctx,
		&ec2.DetachNetworkInterfaceInput{AttachmentId: l.describeENI(eni).Attachment.AttachmentId})
	l.wantCode(err, "OperationNotPermitted")
	_, err = l.DeleteNetworkInterface(l.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &eni})
	l.wantCode(err, "InvalidParameterValue")
	_, err = l.ReleaseAddress(l.ctx, &ec2.ReleaseAddressInput{AllocationId: eip.AllocationId})
	l.wantCode(err, "AuthFailure")
	association := must(l.DescribeAddresses(l.ctx, &ec2.DescribeAddressesInput{}))(l).Addresses[0].AssociationId
	_, err = l.DisassociateAddress(l.ctx, &ec2.DisassociateAddressInput{AssociationId: association})
	l.wantCode(err, "AuthFailure")
	other := l.eni(private, "").NetworkInterfaceId
	_, err = l.AssociateAddress(l.ctx,
		&ec2.AssociateAddressInput{AllocationId: eip.AllocationId, NetworkInterfaceId: other})
	l.wantCode(err, "AuthFailure")
	_, err = l.DeleteSubnet(l.ctx, &ec2.DeleteSubnetInput{SubnetId: &public})
	l.wantCode(err, "DependencyViolation")
	_, err = l.DetachInternetGateway(l.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &igw, VpcId: &v})
	l.wantCode(err, "DependencyViolation")

	must(l.DeleteNatGateway(l.ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: &id}))(l)
	if n := l.nat(id); n.State != "deleting" || n.DeleteTime == nil {
		t.Errorf("being deleted it is %+v", n)
	}
	// Until it is deleted it has the Elastic IP, and a part of the subnet.
	_, err = l.ReleaseAddress(l.ctx, &ec2.ReleaseAddressInput{AllocationId: eip.AllocationId})
	l.wantCode(err, "AuthFailure")
	_, err = l.DeleteSubnet(l.ctx, &ec2.DeleteSubnetInput{SubnetId: &public})
	l.wantCode(err, "DependencyViolation")
	_, err = l.DetachInternetGateway(l.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &igw, VpcId: &v})
	l.wantCode(err, "DependencyViolation")
	if err := ec2.NewNatGatewayDeletedWaiter(l.Client, func(o *ec2.NatGatewayDeletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 10*time.Millisecond
	}).Wait(l.ctx, which, time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err = l.DeleteNatGateway(l.ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: &id})
	l.wantCode(err, "NatGatewayNotFound")
	if r := must(l.DescribeRouteTables(l.ctx,
		&ec2.DescribeRouteTablesInput{}))(l).RouteTables[0].Routes[1]; r.State != "blackhole" || *r.NatGatewayId != id {
		t.Errorf("the route is left as %+v", r)
	}
	must(l.ReleaseAddress(l.ctx, &ec2.ReleaseAddressInput{AllocationId: eip.AllocationId}))(l)
	must(l.DeleteSubnet(l.ctx, &ec2.DeleteSubnetInput{SubnetId: &public}))(l)
}

func TestNATGatewayFails(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/24")
	eip := must(l.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{}))(l).AllocationId
	create := func(change func(*ec2.CreateNatGatewayInput)) (string, error) {
		in := &ec2.CreateNatGatewayInput{SubnetId: &s, AllocationId: eip}
		change(in)
		out, err := l.CreateNatGateway(l.ctx, in)
		if err != nil {
			return "", err
		}
		return *out.NatGateway.NatGatewayId, nil
	}
	for _, c := range []struct {
		name   string
		change func(*ec2.CreateNatGatewayInput)
		want   string
	}{
		{"public without an address", func(in *ec2.CreateNatGatewayInput) { in.AllocationId = nil }, "MissingParameter"},
		{"private with one", func(in *ec2.CreateNatGatewayInput) { in.ConnectivityType = "private" },
			"InvalidParameterCombination"},
		{"unknown address", func(in *ec2.CreateNatGatewayInput) {
			in.AllocationId = aws.String("eipalloc-0123456789abcdef0")
		}, "InvalidElasticIpID.NotFound"},
		{"an address that is none", func(in *ec2.CreateNatGatewayInput) { in.AllocationId = aws.String("eip") },
			"InvalidAllocationID.Malformed"},
		{"unknown subnet", func(in *ec2.CreateNatGatewayInput) { in.SubnetId = aws.String("subnet-0123456789abcdef0") },
			"InvalidSubnetID.NotFound"},
		{"reserved address", func(in *ec2.CreateNatGatewayInput) { in.PrivateIpAddress = aws.String("10.0.0.1") },
			"InvalidParameterValue"},
		{"regional", func(in *ec2.CreateNatGatewayInput) { in.AvailabilityMode = "regional" }, "UnsupportedOperation"},
		{"dry run", func(in *ec2.CreateNatGatewayInput) { in.DryRun = aws.Bool(true) }, "DryRunOperation"},
	} {
		if _, err := create(c.change); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	failed := must(create(func(*ec2.CreateNatGatewayInput) {}))(l) // without an Internet gateway
	l.eventually("the failure", func() bool { return l.nat(failed).State == "failed" })
	if n := l.nat(failed); *n.FailureCode != "Gateway.NotAttached" {
		t.Errorf("failed because of %s", *n.FailureCode)
	}
	l.gateway(v)
	l.eventually("the first", func() bool {
		id := must(create(func(*ec2.CreateNatGatewayInput) {}))(l)
		return l.nat(id).State == "pending"
	})
	failed = must(create(func(*ec2.CreateNatGatewayInput) {}))(l)
	l.eventually("the failure", func() bool { return l.nat(failed).State == "failed" })
	if n := l.nat(failed); *n.FailureCode != "Resource.AlreadyAssociated" {
		t.Errorf("failed because of %s", *n.FailureCode)
	}
	for range 4 {
		must(create(func(in *ec2.CreateNatGatewayInput) { in.ConnectivityType, in.AllocationId = "private", nil }))(l)
	}
	_, err := create(func(in *ec2.CreateNatGatewayInput) { in.ConnectivityType, in.AllocationId = "private", nil })
	l.wantCode(err, "NatGatewayLimitExceeded")
	pages, seen := 0, 0
	for p := ec2.NewDescribeNatGatewaysPaginator(l.Client,
		&ec2.DescribeNatGatewaysInput{MaxResults: aws.Int32(5)}); p.HasMorePages(); pages++ {
		seen += len(must(p.NextPage(l.ctx))(l).NatGateways)
	}
	if pages != 2 || seen != 7 {
		t.Errorf("%d NAT gateways on %d pages", seen, pages)
	}
	out := must(l.DescribeNatGateways(l.ctx,
		&ec2.DescribeNatGatewaysInput{Filter: []types.Filter{{Name: aws.String("state"), Values: []string{"failed"}}}}))(l)
	if len(out.NatGateways) != 2 {
		t.Errorf("%d have failed", len(out.NatGateways))
	}
	_, err = l.DescribeNatGateways(l.ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{"nat-0123456789abcdef0"}})
	l.wantCode(err, "NatGatewayNotFound")
}

// A full subnet shows only afterwards, as all that is missing does.
func TestNATGatewayWithoutRoom(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/28")
	l.gateway(v)
	for range 11 {
		l.eni(s, "")
	}
	eip := must(l.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{}))(l).AllocationId
	n := must(l.CreateNatGateway(l.ctx, &ec2.CreateNatGatewayInput{SubnetId: &s, AllocationId: eip}))(l).NatGateway
	if n.State != "pending" {
		t.Errorf("it is %s at first", n.State)
	}
	l.eventually("the failure", func() bool { return l.nat(*n.NatGatewayId).State == "failed" })
	if n := l.nat(*n.NatGatewayId); *n.FailureCode != "InsufficientFreeAddressesInSubnet" ||
		n.NatGatewayAddresses[0].NetworkInterfaceId != nil {
		t.Errorf("%+v", n)
	}
	must(l.ReleaseAddress(l.ctx, &ec2.ReleaseAddressInput{AllocationId: eip}))(l)
	must(l.DeleteNatGateway(l.ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: n.NatGatewayId}))(l)
	if n := l.nat(*n.NatGatewayId); n.State != "deleted" {
		t.Errorf("deleted, it is %s", n.State)
	}
}
