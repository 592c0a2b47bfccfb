// SPDX-License-Identifier: Apache-2.0

package labtest_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab/labtest"
)

// TestIPv6 checks that Debian's own network configuration gets an address and a default
// route by router advertisement and DHCPv6, and that they work.
func TestIPv6(t *testing.T) {
	lab := labtest.Start(t)
	one, other := lab.Launch(t, labtest.Machine{Name: "v6-one", IPv6: true}), lab.Launch(t,
		labtest.Machine{Name: "v6-other", IPv6: true})
	// An address is usable once duplicate address detection has passed.
	const wait = "for i in $(seq 300); do ip -6 -o address show dev ens5 scope global -tentative | grep -q inet6 && ip " +
		"-6 route show default | grep -q via && break; sleep 0.1; done; "
	for _, m := range []*labtest.Instance{one, other} {
		got := strings.TrimSpace(m.Run(t, wait+"ip -6 -o address show dev ens5 scope global | awk '{print $4}'"))
		if got != m.IPv6.String()+"/128" {
			t.Errorf("%s has %q on ens5, want %s/128", m.ID, got, m.IPv6)
		}
	}
	one.Run(t, "ping -6 -c 2 -w 10 "+other.IPv6.String())
	one.Run(t, "ping -6 -c 2 -w 10 2001:db8:8888::8888")
}

// TestNATGateway checks that a machine without an Elastic IP reaches the Internet and AWS's
// API through a NAT gateway, and that nothing reaches the machine.
func TestNATGateway(t *testing.T) {
	lab := labtest.Start(t)
	public := lab.Launch(t, labtest.Machine{Name: "public"})
	api := ec2.NewFromConfig(lab.Config())
	ctx := t.Context()
	var undo []func(context.Context) error
	defer func() {
		for i := len(undo) - 1; i >= 0; i-- {
			if err := undo[i](context.Background()); err != nil {
				t.Error(err)
			}
		}
	}()
	check := func(what string, err error, remove func(context.Context) error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if remove != nil {
			undo = append(undo, remove)
		}
	}
	seen, err := api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{public.ID}})
	check("finding the VPC", err, nil)
	i := seen.Reservations[0].Instances[0]

	elastic, err := api.AllocateAddress(ctx, &ec2.AllocateAddressInput{})
	check("an Elastic IP", err, func(ctx context.Context) error {
		_, err := api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: elastic.AllocationId})
		return err
	})
	gateway, err := api.CreateNatGateway(ctx,
		&ec2.CreateNatGatewayInput{SubnetId: i.SubnetId, AllocationId: elastic.AllocationId})
	check("a NAT gateway", err, func(ctx context.Context) error {
		id := gateway.NatGateway.NatGatewayId
		if _, err := api.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: id}); err != nil {
			return err
		}
		return ec2.NewNatGatewayDeletedWaiter(api,
			func(o *ec2.NatGatewayDeletedWaiterOptions) { o.MinDelay = time.Second; o.MaxDelay = time.Second }).
			Wait(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{*id}}, time.Minute)
	})
	err = ec2.NewNatGatewayAvailableWaiter(api,
		func(o *ec2.NatGatewayAvailableWaiterOptions) { o.MinDelay = time.Second; o.MaxDelay = time.Second }).
		Wait(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{*gateway.NatGateway.NatGatewayId}}, time.Minute)
	check("waiting for the NAT gateway", err, nil)
	subnet, err := api.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: i.VpcId, CidrBlock: aws.String("10.99.1.0/24")})
	check("a private subnet", err, func(ctx context.Context) error {
		_, err := api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: subnet.Subnet.SubnetId})
		return err
	})
	table, err := api.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: i.VpcId})
	check("a route table", err, func(ctx context.Context) error {
		_, err := api.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: table.RouteTable.RouteTableId})
		return err
	})
	_, err = api.CreateRoute(ctx, &ec2.CreateRouteInput{
		RouteTableId: table.RouteTable.RouteTableId, DestinationCidrBlock: aws.String("0.0.0.0/0"),
		NatGatewayId: gateway.NatGateway.NatGatewayId,
	})
	check("a route to the NAT gateway", err, nil)
	association, err := api.AssociateRouteTable(ctx,
		&ec2.AssociateRouteTableInput{RouteTableId: table.RouteTable.RouteTableId, SubnetId: subnet.Subnet.SubnetId})
	check("associating the route table", err, func(ctx context.Context) error {
		_, err := api.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: association.AssociationId})
		return err
	})
	ran, err := api.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: i.ImageId, InstanceType: i.InstanceType, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{
			DeviceIndex: aws.Int32(0), SubnetId: subnet.Subnet.SubnetId, Groups: []string{*i.SecurityGroups[0].GroupId},
		}},
	})
	check("a private machine", err, nil)
	private := *ran.Instances[0].InstanceId
	check("", nil, func(ctx context.Context) error {
		if _, err := api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{private}}); err != nil {
			return err
		}
		return ec2.NewInstanceTerminatedWaiter(api,
			func(o *ec2.InstanceTerminatedWaiterOptions) { o.MinDelay = time.Second; o.MaxDelay = time.Second }).
			Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{private}}, 2*time.Minute)
	})
	err = ec2.NewInstanceRunningWaiter(api,
		func(o *ec2.InstanceRunningWaiterOptions) { o.MinDelay = time.Second; o.MaxDelay = time.Second }).
		Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{private}}, time.Minute)
	if err != nil {
		if seen, seeing := api.DescribeInstances(ctx,
			&ec2.DescribeInstancesInput{InstanceIds: []string{private}}); seeing == nil {
			err = fmt.Errorf("%w: %s", err, aws.ToString(seen.Reservations[0].Instances[0].StateTransitionReason))
		}
	}
	check("waiting for the private machine", err, nil)

	page := lab.Command(t, "ssh", private, "--",
		"for i in $(seq 60); do curl -sS --max-time 2 http://www.example.com/ && exit; sleep 0.5; done; exit 1")
	if want := "You come from " + *elastic.PublicIp + ":"; !strings.Contains(page, want) {
		t.Errorf("the Internet's web server says %q, want %q", page, want)
	}
	answer := lab.Command(t, "ssh", private, "--", "curl -sS --max-time 5 https://ec2.us-east-1.amazonaws.com/")
	if !strings.Contains(answer, "MissingAuthenticationToken") {
		t.Errorf("AWS's API says %q", answer)
	}
	if err := exec.CommandContext(ctx, "ping", "-c", "1", "-W", "1", *elastic.PublicIp).Run(); err == nil {
		t.Error("the NAT gateway answers a ping from outside")
	}
}
