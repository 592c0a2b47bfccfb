// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"

	"macaw.example/internal/inventory"
)

// The reactions of up to a difference, as named in docs/drift.md.
const (
	mended  = "mended at once"
	resting = "needs a restart"
	shown   = "only shown"
)

// ctx is the context of calls by others than up.
var ctx = context.Background()

// driftLab is a cloud in a lab, changed by somebody else.
type driftLab struct {
	*testing.T
	*labAccount
	api  *ec2.Client
	seen inventory.Seen
	want Wanted
}

func newDriftLab(t *testing.T) *driftLab {
	t.Helper()
	l := newLab(t, 4)
	d := &driftLab{T: t, labAccount: l, api: l.root, want: labWanted(t, l)}
	d.want.Virtualization = virtualizations
	d.up()
	d.look()
	return d
}

func (d *driftLab) look() {
	d.Helper()
	var err error
	if d.seen, err = inventory.See(ctx, d.EC2, d.IAM, "first"); err != nil {
		d.Fatal(err)
	}
}

func (d *driftLab) plan() *Plan {
	d.Helper()
	d.look()
	p, err := PlanUp(d.want, d.seen)
	if err != nil {
		d.Fatal(err)
	}
	return p
}

func (d *driftLab) up() {
	d.Helper()
	if _, _, err := labUp(ctx, d.Clients, d.want); err != nil {
		d.Fatal(err)
	}
}

// id is the ID of a part of the cloud.
func (d *driftLab) id(part string) string {
	d.Helper()
	for _, v := range d.seen.VPCs {
		if v.Part == part {
			return v.ID
		}
	}
	for _, v := range d.seen.Subnets {
		if v.Part == part {
			return v.ID
		}
	}
	for _, v := range d.seen.SecurityGroups {
		if v.Part == part {
			return v.ID
		}
	}
	for _, v := range d.seen.Interfaces {
		if v.Part == part {
			return v.ID
		}
	}
	for _, v := range d.seen.Addresses {
		if v.Part == part {
			return v.ID
		}
	}
	for _, v := range d.seen.Instances {
		if v.Part == part {
			return v.ID
		}
	}
	d.Fatalf("there is no %s", part)
	return ""
}

func (d *driftLab) eni(part string) inventory.Interface {
	id := d.id(part)
	for _, n := range d.seen.Interfaces {
		if n.ID == id {
			return n
		}
	}
	panic("unreachable")
}

func (d *driftLab) instance() string { return d.id("instance/cloud-1") }

func (d *driftLab) table() *string { return aws.String(d.seen.RouteTables[0].ID) }

// done fails the test on the error of a call.
func (d *driftLab) done(_ any, err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// got returns the result of a call that must succeed.
func got[T any](out T, err error) T {
	if err != nil {
		panic(err)
	}
	return out
}

func yes(b bool) *types.AttributeBooleanValue {
	return &types.AttributeBooleanValue{Value: aws.Bool(b)}
}

func (d *driftLab) modifyInstance(in ec2.ModifyInstanceAttributeInput) {
	d.Helper()
	in.InstanceId = aws.String(d.instance())
	d.done(d.api.ModifyInstanceAttribute(ctx, &in))
}

func (d *driftLab) metadata(in ec2.ModifyInstanceMetadataOptionsInput) {
	d.Helper()
	in.InstanceId = aws.String(d.instance())
	d.done(d.api.ModifyInstanceMetadataOptions(ctx, &in))
}

func (d *driftLab) modifyENI(part string, in ec2.ModifyNetworkInterfaceAttributeInput) {
	d.Helper()
	in.NetworkInterfaceId = aws.String(d.id(part))
	d.done(d.api.ModifyNetworkInterfaceAttribute(ctx, &in))
}

func (d *driftLab) modifySubnet(part string, in ec2.ModifySubnetAttributeInput) {
	d.Helper()
	in.SubnetId = aws.String(d.id(part))
	d.done(d.api.ModifySubnetAttribute(ctx, &in))
}

func (d *driftLab) retag(id, part string) {
	d.Helper()
	d.done(d.api.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id},
		Tags: []types.Tag{{Key: aws.String(awsapi.TagPart), Value: &part}}}))
}

// stop stops the instance and waits for it.
func (d *driftLab) stop() {
	d.Helper()
	ids := []string{d.instance()}
	d.done(d.api.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: ids}))
	w := ec2.NewInstanceStoppedWaiter(
		d.api,
		func(o *ec2.InstanceStoppedWaiterOptions) { o.MinDelay, o.MaxDelay = time.Millisecond, time.Second },
	)
	if err := w.Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids}, time.Minute); err != nil {
		d.Fatal(err)
	}
}

func (d *driftLab) foreignGroup() string {
	d.Helper()
	return *got(d.api.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("foreign"), Description: aws.String("x"), VpcId: aws.String(d.id("vpc")),
	})).GroupId
}

func (d *driftLab) foreignTable() string {
	d.Helper()
	return *got(d.api.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{
		VpcId: aws.String(d.id("vpc")),
	})).RouteTable.RouteTableId
}

// association is a subnet's association with its table, or the VPC's main one.
func (d *driftLab) association(subnet string) *string {
	d.Helper()
	out := got(d.api.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
		Filters: []types.Filter{awsapi.Filter("vpc-id", d.id("vpc"))},
	}))
	for _, t := range out.RouteTables {
		for _, a := range t.Associations {
			if aws.ToString(a.SubnetId) == subnet && (subnet != "") != aws.ToBool(a.Main) {
				return a.RouteTableAssociationId
			}
		}
	}
	d.Fatalf("no association of %q", subnet)
	return nil
}

func (d *driftLab) start() {
	d.Helper()
	d.done(d.api.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{d.instance()}}))
	w := ec2.NewInstanceRunningWaiter(
		d.api,
		func(o *ec2.InstanceRunningWaiterOptions) { o.MinDelay, o.MaxDelay = time.Millisecond, time.Second },
	)
	if err := w.Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{d.instance()}}, time.Minute); err != nil {
		d.Fatal(err)
	}
}
