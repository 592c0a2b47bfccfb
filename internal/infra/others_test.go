// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/hint"
	"macaw.example/internal/images"
	"macaw.example/internal/inventory"
)

// down removes the cloud and returns what stays.
func (d *driftLab) down(told ...func(Kept)) (Removal, error) {
	tell := func(Kept) {}
	for _, f := range told {
		tell = f
	}
	done, err := down(ctx, d.Clients, hurriedClock{}, "first", tell, nil)
	if err == nil {
		err = done.Left()
	}
	return done, err
}

// foreignInstance runs an instance of somebody else with this first network interface.
func (d *driftLab) foreignInstance(nic types.InstanceNetworkInterfaceSpecification) string {
	d.Helper()
	nic.DeviceIndex = aws.Int32(0)
	return *got(d.api.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: aws.String("ami-0123456789abcdef0"), InstanceType: "t3.small", MinCount: aws.Int32(1),
		MaxCount:          aws.Int32(1),
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{nic},
	})).Instances[0].InstanceId
}

// ended waits until an instance is terminated.
func (d *driftLab) ended(id string) {
	d.Helper()
	w := ec2.NewInstanceTerminatedWaiter(d.api, func(o *ec2.InstanceTerminatedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	})
	if err := w.Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}}, time.Minute); err != nil {
		d.Fatal(err)
	}
}

// Resources of others in the cloud's VPC are named, those that they use stay, and everything else
// is removed; once they are gone, the rest is removed too.
func TestLabDownAmongOthers(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(*driftLab) (remove func())
		// stays are the kinds of the kept resources; by is part of the reason.
		stays []string
		by    string
	}{
		{"an interface", func(d *driftLab) func() {
			id := got(d.api.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
				SubnetId: aws.String(d.id("subnet/provider")), Description: aws.String("a database"),
				Groups: []string{d.id("security-group/management")},
			})).NetworkInterface.NetworkInterfaceId
			return func() {
				d.done(d.api.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: id}))
			}
		}, []string{"security group", "subnet", "route table", "vpc"}, " (a database)"},
		{"an instance with a public address", func(d *driftLab) func() {
			id := d.foreignInstance(types.InstanceNetworkInterfaceSpecification{
				SubnetId: aws.String(d.id("subnet/management")), AssociatePublicIpAddress: aws.Bool(true),
				DeleteOnTermination: aws.Bool(true),
			})
			return func() {
				d.done(d.api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))
				d.ended(id)
			}
		}, []string{"subnet", "route table", "internet gateway", "vpc"}, " (of instance i-"},
		{"a NAT gateway", func(d *driftLab) func() {
			address := got(d.api.AllocateAddress(ctx, &ec2.AllocateAddressInput{})).AllocationId
			id := got(d.api.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{
				AllocationId: address, SubnetId: aws.String(d.id("subnet/management")),
			})).NatGateway.NatGatewayId
			return func() {
				d.done(d.api.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: id}))
				w := ec2.NewNatGatewayDeletedWaiter(d.api, func(o *ec2.NatGatewayDeletedWaiterOptions) {
					o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
				})
				if err := w.Wait(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{*id}}, time.Minute); err != nil {
					d.Fatal(err)
				}
				d.done(d.api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: address}))
			}
		}, []string{"subnet", "route table", "internet gateway", "vpc"}, "NAT Gateway nat-"},
		{"a security group that names the cloud's", func(d *driftLab) func() {
			id := d.foreignGroup()
			d.done(d.api.AuthorizeSecurityGroupIngress(ctx,
				&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: []types.IpPermission{
					{IpProtocol: aws.String("-1"),
						UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(d.id("security-group/provider"))}}}}}))
			return func() { d.done(d.api.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id})) }
		}, []string{"security group", "vpc"}, " (foreign)"},
		{"a subnet with the cloud's route table", func(d *driftLab) func() {
			id := got(d.api.CreateSubnet(ctx, &ec2.CreateSubnetInput{
				VpcId: aws.String(d.id("vpc")), CidrBlock: aws.String("10.0.9.0/24"),
			})).Subnet.SubnetId
			d.done(d.api.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: d.table(), SubnetId: id}))
			return func() { d.done(d.api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: id})) }
		}, []string{"route table", "vpc"}, "subnet subnet-"},
		{"a route table", func(d *driftLab) func() {
			id := d.foreignTable()
			return func() { d.done(d.api.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &id})) }
		}, []string{"vpc"}, "route table rtb-"},
		{"an instance with the cloud's network interface", func(d *driftLab) func() {
			d.done(d.api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{d.instance()}}))
			d.ended(d.instance())
			id := d.foreignInstance(types.InstanceNetworkInterfaceSpecification{
				NetworkInterfaceId: aws.String(d.id("eni/cloud-1/provider")),
			})
			return func() {
				d.done(d.api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))
				d.ended(id)
			}
		}, []string{"network interface", "security group", "subnet", "route table", "vpc"}, "instance i-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDriftLab(t)
			remove := tt.make(d)
			whole := labLeft(t, d.Clients, "first")
			began := time.Now()
			var told []Kept
			removal, err := d.down(func(k Kept) { told = append(told, k) })
			var left *KeptError
			if !errors.As(err, &left) {
				t.Fatalf("down: %v", err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
			if diff := cmp.Diff(left.Kept, told); diff != "" || cmp.Diff(left.Kept, removal.Kept) != "" {
				t.Errorf("what was told at once differs from the error:\n%s", diff)
			}
			var kinds []string
			for _, k := range left.Kept {
				kinds = append(kinds, k.Object)
				if !strings.Contains(k.String(), tt.by) {
					t.Errorf("why is not said: %s", k)
				}
			}
			if !slices.Equal(kinds, tt.stays) {
				t.Errorf("stays: %q, want %q", kinds, tt.stays)
			}
			got := labLeft(t, d.Clients, "first")
			if got != len(tt.stays) || got+len(removal.Removed) != whole {
				t.Errorf("%d resources left, %d removed; want %d of %d left", got, len(removal.Removed), len(tt.stays), whole)
			}
			remove()
			if _, err := d.down(); err != nil {
				t.Errorf("down again: %v", err)
			}
			if got := d.everything(t); len(got) > 0 {
				t.Errorf("left: %v", got)
			}
		})
	}
}

// The plan's JSON has what stays and why.
func TestPlanDownKeeps(t *testing.T) {
	p := PlanDown(inventory.Seen{Cloud: "first", VPCs: []inventory.VPC{{ID: "vpc-1", CIDR: "10.0.0.0/16"}},
		RouteTables:      []inventory.RouteTable{{ID: "rtb-1", VPC: "vpc-1"}},
		InternetGateways: []inventory.InternetGateway{{ID: "igw-1", VPC: "vpc-1"}},
	}, inventory.Other{What: "vpc endpoint vpce-1", ID: "vpce-1", Holds: []string{"rtb-1"}})
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"cloud":"first",` +
		`"actions":[{"id":"igw-1","verb":"delete","object":"internet gateway","detail":"igw-1"}],` +
		`"kept":[{"id":"rtb-1","object":"route table","detail":"rtb-1","by":["vpc endpoint vpce-1"]},` +
		`{"id":"vpc-1","object":"vpc","detail":"10.0.0.0/16 vpc-1","by":["vpc endpoint vpce-1"]}]}`; string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	want := "! vpc 10.0.0.0/16 vpc-1 stays: in use by vpc endpoint vpce-1, which is not the cloud's\n"
	if !strings.HasSuffix(p.String(), want) {
		t.Errorf("got %s", p)
	}
}

// A resource added while the cloud is being removed keeps only what it uses.
func TestLabDownWhileOthersCome(t *testing.T) {
	d := newDriftLab(t)
	whole := labLeft(t, d.Clients, "first")
	var eni *string
	began := time.Now()
	removal, err := down(ctx, d.Clients, hurriedClock{}, "first", func(Kept) {}, func(e Event) {
		if eni == nil { // after the plan was made
			eni = got(d.api.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
				SubnetId: aws.String(d.id("subnet/provider")), Description: aws.String("a load balancer"),
			})).NetworkInterface.NetworkInterfaceId
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if left := removal.Left(); left == nil || !strings.Contains(left.Error(), "(a load balancer)") {
		t.Fatalf("left: %v", left)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if n := labLeft(t, d.Clients, "first"); n != 3 || n+len(removal.Removed) != whole { // subnet, route table, vpc
		t.Errorf("%d resources left, %d of %d removed: %v", n, len(removal.Removed), whole, removal.Left())
	}
	d.done(d.api.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni}))
	if _, err := d.down(); err != nil {
		t.Errorf("down again: %v", err)
	}
	if got := d.everything(t); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

// The cloud's route table was made the main one: it is deleted with the VPC.
func TestLabDownOfAMainRouteTable(t *testing.T) {
	d := newDriftLab(t)
	d.done(d.api.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{
		AssociationId: d.association(""), RouteTableId: d.table(),
	}))
	// The one that the VPC was made with has no owner now.
	for _, table := range got(d.api.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{})).RouteTables {
		if len(table.Associations) == 0 {
			d.done(d.api.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: table.RouteTableId}))
		}
	}
	if _, err := d.down(); err != nil {
		t.Fatal(err)
	}
	if got := d.everything(t); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

// The error for a protected instance names the command that removes the protection, and a volume
// that would outlive it is deleted too.
func TestLabDownOfWhatIsProtected(t *testing.T) {
	d := newDriftLab(t)
	d.modifyInstance(ec2.ModifyInstanceAttributeInput{DisableApiTermination: yes(true)})
	d.modifyInstance(ec2.ModifyInstanceAttributeInput{BlockDeviceMappings: []types.InstanceBlockDeviceMappingSpecification{
		{DeviceName: aws.String("/dev/xvda"),
			Ebs: &types.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: aws.Bool(false)}}}})
	_, err := d.down()
	var h hint.Hinter
	if !errors.As(err, &h) || !strings.Contains(h.Hint(), "--no-disable-api-termination") {
		t.Errorf("protected: %v", err)
	}
	d.modifyInstance(ec2.ModifyInstanceAttributeInput{DisableApiTermination: yes(false)})
	if _, err := d.down(); err != nil {
		t.Fatal(err)
	}
	if v := got(d.api.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})).Volumes; len(v) > 0 ||
		!slices.Equal(d.everything(t), nil) {
		t.Errorf("left: %v, %v", v, d.everything(t))
	}
}

// A run after a killed one recognises an instance without logins, until it is terminated.
func TestLabSealedInstance(t *testing.T) {
	d := newDriftLab(t)
	if d.seen.Sealed() {
		t.Error("sealed without a seal")
	}
	d.done(nil, images.Seal(ctx, d.api, d.instance()))
	if d.look(); !d.seen.Sealed() {
		t.Error("not sealed")
	}
	if p := d.plan(); !p.Empty() {
		t.Errorf("the seal is a difference:\n%s", p)
	}
	if _, err := d.down(); err != nil {
		t.Fatal(err)
	}
	if d.look(); d.seen.Sealed() {
		t.Error("sealed, though it is gone")
	}
}
