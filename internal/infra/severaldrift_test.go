// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/inventory"
)

func newSeveralDriftLab(t *testing.T) *driftLab {
	t.Helper()
	l := newSeveralLab(t, 5)
	d := &driftLab{T: t, labAccount: l, api: l.root, want: several(t, severalFile)}
	d.up()
	d.look()
	return d
}

// privateTable is the ID of the private subnets' route table.
func (d *driftLab) privateTable() *string {
	i := slices.IndexFunc(d.seen.RouteTables, func(t inventory.RouteTable) bool { return t.Part == partPrivateRoutes })
	return aws.String(d.seen.RouteTables[i].ID)
}

// severalDriftCases are those of a cloud with several nodes, in the order of docs/drift.md.
var severalDriftCases = []driftCase{
	{"private subnet", "route table", mended, func(d *driftLab) {
		d.done(d.api.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{
			AssociationId: d.association(d.id("subnet/private/us-east-1b")), RouteTableId: d.publicTable()}))
	}, "~ change subnet: private us-east-1b uses the private route table"},
	{"private subnet", "mapPublicIpOnLaunch", mended, func(d *driftLab) {
		d.modifySubnet("subnet/private/us-east-1a", ec2.ModifySubnetAttributeInput{MapPublicIpOnLaunch: yes(true)})
	}, "~ change subnet: private us-east-1a gives no public addresses by itself"},
	{"private subnet", "tag `macaw:part`", mended, func(d *driftLab) { d.retag(d.id("subnet/private/us-east-1b"), "x") },
		"~ change tag: macaw:part of subnet-"},
	{"private route table", "default route", mended, func(d *driftLab) {
		d.done(d.api.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: d.privateTable(),
			DestinationCidrBlock: aws.String(inventory.Everywhere), GatewayId: aws.String(d.seen.InternetGateways[0].ID)}))
	}, "~ change route: 0.0.0.0/0 of private subnets to gw-1"},
	{"private route table", "other routes", shown, func(d *driftLab) {
		d.done(d.api.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: d.privateTable(),
			DestinationCidrBlock: aws.String("8.8.8.0/24"), GatewayId: aws.String(d.seen.InternetGateways[0].ID)}))
	}, "! route table private: route not made by macaw: 8.8.8.0/24 to igw-"},
	{"private route table", "tag `macaw:part`", mended, func(d *driftLab) { d.retag(*d.privateTable(), "") },
		"~ change tag: macaw:part of rtb-"},
	{"security group", "rules for other groups", mended, func(d *driftLab) {
		from := aws.String(d.id("security-group/controller"))
		d.done(d.api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
			GroupId: aws.String(d.id("security-group/management")), IpPermissions: []types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22),
				UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: from}}}}}))
		d.done(d.api.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(d.id("security-group/compute")), IpPermissions: []types.IpPermission{{
				IpProtocol:       aws.String("-1"),
				UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(d.foreignGroup())}}}}}))
	}, "~ change security group: management allows 22 from the controller\n" +
		"~ change security group: compute no longer allows everything from sg-"},
	{"network interface", "source/destination check of the first gateway", mended, func(d *driftLab) {
		d.modifyENI("eni/gw-1/management", ec2.ModifyNetworkInterfaceAttributeInput{SourceDestCheck: yes(true)})
		d.modifyENI("eni/gw-2/management", ec2.ModifyNetworkInterfaceAttributeInput{SourceDestCheck: yes(false)})
	}, "~ change network interface: management of gw-1 forwards for private subnets: no source/destination check\n" +
		"~ change network interface: management of gw-2 checks source and destination"},
	{"network interface", "security groups by role", mended, func(d *driftLab) {
		d.modifyENI("eni/cmp-1/management", ec2.ModifyNetworkInterfaceAttributeInput{Groups: []string{
			d.id("security-group/management"), d.id("security-group/controller")}})
	}, "~ change network interface: management of cmp-1 has security groups management, compute and no other"},
	{"network interface", "tag `macaw:part` of a compute's", mended, func(d *driftLab) {
		d.retag(d.id("eni/cmp-2/management"), "")
	}, "~ change tag: macaw:part of eni-"},
	{"elastic ip", "association with any gateway", mended, func(d *driftLab) {
		d.done(d.api.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllowReassociation: aws.Bool(true),
			AllocationId:       aws.String(d.id("address/provider/10.0.1.64")),
			NetworkInterfaceId: aws.String(d.id("eni/gw-2/provider"))}))
	}, "~ change elastic ip: associated with 10.0.1.64"},
	{"instance", "Spot Instance or not", shown, func(d *driftLab) { d.want.Cloud.Nodes[3].Spot = false },
		"! instance cmp-1: it is a Spot Instance, the file says otherwise"},
	{"instance", "availability zone", shown, func(d *driftLab) { d.want.Cloud.Nodes[3].Zone = "us-east-1c" },
		"! instance cmp-1: it is in us-east-1a, the file says us-east-1c"},
}

// publicTable is the ID of the other subnets' route table.
func (d *driftLab) publicTable() *string {
	i := slices.IndexFunc(d.seen.RouteTables, func(t inventory.RouteTable) bool { return t.Part == partRouteTable })
	return aws.String(d.seen.RouteTables[i].ID)
}

// A cloud with several nodes from which every tag of a part was taken is known again by its content.
func TestSeveralWithoutTags(t *testing.T) {
	d := newSeveralDriftLab(t)
	whole := d.everything(t)
	for _, id := range whole {
		if !strings.HasPrefix(id, "scr-") && strings.Contains(id, "-") && !strings.HasPrefix(id, "macaw") {
			d.retag(id, "")
		}
	}
	d.up()
	if now := d.everything(t); !slices.Equal(now, whole) {
		t.Errorf("resources: %v, before %v", now, whole)
	}
	if p := d.plan().String(); p != "" {
		t.Errorf("the plan:\n%s", p)
	}
}
