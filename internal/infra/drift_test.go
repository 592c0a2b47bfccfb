// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	awsapi "macaw.example/internal/aws"

	"macaw.example/internal/iampolicy"
	"macaw.example/internal/inventory"
)

func anyTraffic(cidr string) []types.IpPermission {
	return []types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String(cidr)}}}}
}

// driftCase is a possible change. The plan has a line with the text.
type driftCase struct {
	of, attribute, does string
	change              func(*driftLab)
	plan                string
}

// driftCases are those of a cloud with one node, in the order of docs/drift.md.
var driftCases = []driftCase{
	{"vpc", "enableDnsSupport", mended, func(d *driftLab) {
		d.done(d.api.ModifyVpcAttribute(
			ctx,
			&ec2.ModifyVpcAttributeInput{VpcId: aws.String(d.id("vpc")), EnableDnsSupport: yes(false)},
		))
	}, "~ change vpc: dns support and host names on"},
	{"vpc", "enableDnsHostnames", mended, func(d *driftLab) {
		d.done(d.api.ModifyVpcAttribute(
			ctx,
			&ec2.ModifyVpcAttributeInput{VpcId: aws.String(d.id("vpc")), EnableDnsHostnames: yes(false)},
		))
	}, "~ change vpc: dns support and host names on"},
	{
		"vpc",
		"tag `macaw:part`",
		mended,
		func(d *driftLab) { d.retag(d.id("vpc"), "x") },
		"~ change tag: macaw:part of vpc-",
	},
	{"internet gateway", "attachment", mended, func(d *driftLab) {
		for _, a := range d.seen.Addresses { // AWS detaches none while the VPC has public addresses
			d.done(
				d.api.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: aws.String(a.Association)}),
			)
		}
		d.done(d.api.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{
			InternetGatewayId: aws.String(d.seen.InternetGateways[0].ID), VpcId: aws.String(d.id("vpc"))}))
	}, "~ change internet gateway: attached to the vpc"},
	{"subnet", "mapPublicIpOnLaunch", mended, func(d *driftLab) {
		d.modifySubnet("subnet/management", ec2.ModifySubnetAttributeInput{MapPublicIpOnLaunch: yes(true)})
	}, "~ change subnet: management gives no public addresses by itself"},
	{"subnet", "assignIpv6AddressOnCreation", mended, func(d *driftLab) {
		d.modifySubnet("subnet/provider", ec2.ModifySubnetAttributeInput{AssignIpv6AddressOnCreation: yes(true)})
	}, "~ change subnet: provider gives no IPv6 addresses by itself"},
	{"subnet", "CIDR reservation", mended, func(d *driftLab) {
		d.done(d.api.DeleteSubnetCidrReservation(ctx, &ec2.DeleteSubnetCidrReservationInput{
			SubnetCidrReservationId: aws.String(d.seen.Reservations[0].ID)}))
	}, "+ create address reservation "},
	{"subnet", "route table", mended, func(d *driftLab) {
		d.done(d.api.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{
			AssociationId: d.association(d.id("subnet/provider")), RouteTableId: aws.String(d.foreignTable())}))
		d.done(d.api.DisassociateRouteTable(
			ctx,
			&ec2.DisassociateRouteTableInput{AssociationId: d.association(d.id("subnet/management"))},
		))
	}, "~ change subnet: provider uses the route table"},
	{
		"subnet",
		"tag `macaw:part`",
		mended,
		func(d *driftLab) { d.retag(d.id("subnet/provider"), "") },
		"~ change tag: macaw:part of subnet-",
	},
	{"route table", "default routes", mended, func(d *driftLab) {
		d.done(d.api.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: d.table(),
			DestinationCidrBlock: aws.String(
				inventory.Everywhere,
			), NetworkInterfaceId: aws.String(d.id("eni/cloud-1/provider"))}))
		d.done(d.api.DeleteRoute(
			ctx,
			&ec2.DeleteRouteInput{RouteTableId: d.table(), DestinationIpv6CidrBlock: aws.String(inventory.Everywhere6)},
		))
	}, "~ change route: 0.0.0.0/0 to the internet gateway\n+ create route ::/0 to the internet gateway"},
	{"route table", "other routes", shown, func(d *driftLab) {
		d.done(d.api.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: d.table(),
			DestinationCidrBlock: aws.String(
				"8.8.8.0/24",
			), NetworkInterfaceId: aws.String(d.id("eni/cloud-1/provider"))}))
	}, "! route table: route not made by macaw: 8.8.8.0/24 to eni-"},
	{"route table", "main route table", shown, func(d *driftLab) {
		d.done(d.api.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{
			AssociationId: d.association(""), RouteTableId: d.table()}))
	}, "! route table: it is the vpc's main route table"},
	{"security group", "inbound rules, missing", mended, func(d *driftLab) {
		d.done(d.api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
			GroupId: aws.String(d.id("security-group/provider")), IpPermissions: anyTraffic(inventory.Everywhere)}))
	}, "~ change security group: provider allows everything from 0.0.0.0/0"},
	{"security group", "inbound rules, foreign", mended, func(d *driftLab) {
		d.done(d.api.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(d.id("security-group/management")), IpPermissions: anyTraffic("192.0.2.0/24")}))
	}, "~ change security group: management no longer allows everything from 192.0.2.0/24"},
	{"security group", "outbound rules, missing", mended, func(d *driftLab) {
		d.done(d.api.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{
			GroupId: aws.String(d.id("security-group/management")), IpPermissions: anyTraffic(inventory.Everywhere)}))
	}, "~ change security group: management allows out everything to 0.0.0.0/0"},
	{"security group", "outbound rules, foreign", mended, func(d *driftLab) {
		d.done(d.api.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{
			GroupId: aws.String(d.id("security-group/provider")), IpPermissions: anyTraffic("192.0.2.0/24")}))
	}, "~ change security group: provider no longer allows out everything to 192.0.2.0/24"},
	{"key pair", "public key", shown, func(d *driftLab) {
		d.done(d.api.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyName: aws.String("macaw-first")}))
		d.done(d.api.ImportKeyPair(ctx, &ec2.ImportKeyPairInput{KeyName: aws.String("macaw-first"),
			PublicKeyMaterial: []byte(
				"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEZ5hWp/4Ib7L0fZqk3jJxQVWlIvNdjD2C8S1b5Eyq6f x",
			),
			TagSpecifications: awsapi.Tagged(types.ResourceTypeKeyPair, "first", partKeyPair)}))
	}, "! key pair: its public key is not this machine's"},
	{"network interface", "source/destination check", mended, func(d *driftLab) {
		d.modifyENI("eni/cloud-1/provider", ec2.ModifyNetworkInterfaceAttributeInput{SourceDestCheck: yes(false)})
		d.modifyENI("eni/cloud-1/management", ec2.ModifyNetworkInterfaceAttributeInput{SourceDestCheck: yes(false)})
	}, "~ change network interface: provider of cloud-1 checks source and destination"},
	{"network interface", "security groups", mended, func(d *driftLab) {
		d.modifyENI(
			"eni/cloud-1/management",
			ec2.ModifyNetworkInterfaceAttributeInput{
				Groups: []string{d.foreignGroup(), d.id("security-group/management")},
			},
		)
		d.modifyENI(
			"eni/cloud-1/provider",
			ec2.ModifyNetworkInterfaceAttributeInput{Groups: []string{d.id("security-group/management")}},
		)
	}, "~ change network interface: management of cloud-1 has security group management and no other"},
	{"network interface", "DeleteOnTermination", mended, func(d *driftLab) {
		d.modifyENI(
			"eni/cloud-1/provider",
			ec2.ModifyNetworkInterfaceAttributeInput{Attachment: &types.NetworkInterfaceAttachmentChanges{
				AttachmentId: aws.String(
					d.eni("eni/cloud-1/provider").Attachment,
				), DeleteOnTermination: aws.Bool(true)}},
		)
	}, "~ change network interface: provider of cloud-1 outlives its instance"},
	{"network interface", "secondary addresses", mended, func(d *driftLab) {
		d.done(d.api.UnassignPrivateIpAddresses(ctx, &ec2.UnassignPrivateIpAddressesInput{
			NetworkInterfaceId: aws.String(
				d.id("eni/cloud-1/provider"),
			), PrivateIpAddresses: []string{"10.0.1.64"}}))
	}, "~ change network interface: provider of cloud-1 gets 10.0.1.64"},
	{"network interface", "attachment", shown, func(d *driftLab) {
		d.done(d.api.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{
			AttachmentId: aws.String(d.eni("eni/cloud-1/provider").Attachment), Force: aws.Bool(true)}))
		w := ec2.NewNetworkInterfaceAvailableWaiter(d.api, func(o *ec2.NetworkInterfaceAvailableWaiterOptions) {
			o.MinDelay, o.MaxDelay = time.Millisecond, time.Second
		})
		d.done(nil, w.Wait(ctx, &ec2.DescribeNetworkInterfacesInput{
			NetworkInterfaceIds: []string{d.id("eni/cloud-1/provider")},
		}, time.Minute))
	}, "(provider) is not its device 1"},
	{
		"network interface",
		"tag `macaw:part`",
		mended,
		func(d *driftLab) { d.retag(d.id("eni/cloud-1/provider"), "") },
		"~ change tag: macaw:part of eni-",
	},
	{"elastic ip", "association", mended, func(d *driftLab) {
		d.done(d.api.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllowReassociation: aws.Bool(true),
			AllocationId: aws.String(
				d.id("address/cloud-1/management"),
			), NetworkInterfaceId: aws.String(d.id("eni/cloud-1/provider"))}))
	}, "~ change elastic ip: associated with 10.0.0.4, management of cloud-1"},
	{
		"elastic ip",
		"tag `macaw:part`",
		mended,
		func(d *driftLab) { d.retag(d.id("address/provider/10.0.1.64"), "") },
		"~ change tag: macaw:part of eipalloc-",
	},
	{"instance", "metadata: HttpTokens", mended, func(d *driftLab) {
		d.metadata(ec2.ModifyInstanceMetadataOptionsInput{HttpTokens: types.HttpTokensStateOptional})
	}, "~ change instance: cloud-1 guards its metadata: tokens"},
	{"instance", "metadata: HttpPutResponseHopLimit", mended, func(d *driftLab) {
		d.metadata(ec2.ModifyInstanceMetadataOptionsInput{HttpPutResponseHopLimit: aws.Int32(64)})
	}, "~ change instance: cloud-1 guards its metadata: hop limit"},
	{"instance", "metadata: HttpEndpoint", mended, func(d *driftLab) {
		d.metadata(ec2.ModifyInstanceMetadataOptionsInput{HttpEndpoint: types.InstanceMetadataEndpointStateDisabled})
	}, "~ change instance: cloud-1 guards its metadata: endpoint"},
	{"instance", "metadata: InstanceMetadataTags", mended, func(d *driftLab) {
		d.metadata(ec2.ModifyInstanceMetadataOptionsInput{InstanceMetadataTags: types.InstanceMetadataTagsStateEnabled})
	}, "~ change instance: cloud-1 guards its metadata: tags in metadata"},
	{"instance", "instance profile, none", mended, func(d *driftLab) {
		out := got(
			d.api.DescribeIamInstanceProfileAssociations(ctx, &ec2.DescribeIamInstanceProfileAssociationsInput{}),
		)
		d.done(d.api.DisassociateIamInstanceProfile(ctx, &ec2.DisassociateIamInstanceProfileInput{
			AssociationId: out.IamInstanceProfileAssociations[0].AssociationId}))
	}, "~ change instance: cloud-1 has the instance profile macaw-first-gateway-eu-central-1"},
	{"instance", "instance profile, another", shown, func(d *driftLab) {
		d.done(d.iam.CreateInstanceProfile(
			ctx,
			&awsiam.CreateInstanceProfileInput{InstanceProfileName: aws.String("other")},
		))
		out := got(
			d.api.DescribeIamInstanceProfileAssociations(ctx, &ec2.DescribeIamInstanceProfileAssociationsInput{}),
		)
		d.done(d.api.ReplaceIamInstanceProfileAssociation(ctx, &ec2.ReplaceIamInstanceProfileAssociationInput{
			AssociationId:      out.IamInstanceProfileAssociations[0].AssociationId,
			IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("other")}}))
	}, "! instance cloud-1: its instance profile is other"},
	{"instance", "shutdown behaviour", mended, func(d *driftLab) {
		d.modifyInstance(
			ec2.ModifyInstanceAttributeInput{
				InstanceInitiatedShutdownBehavior: &types.AttributeValue{Value: aws.String("terminate")},
			},
		)
	}, "~ change instance: cloud-1 survives a shutdown from inside"},
	{"instance", "termination protection", shown, func(d *driftLab) {
		d.modifyInstance(ec2.ModifyInstanceAttributeInput{DisableApiTermination: yes(true)})
	},
		"! instance cloud-1: it is protected against termination"},
	{
		"instance",
		"stop protection",
		shown,
		func(d *driftLab) { d.modifyInstance(ec2.ModifyInstanceAttributeInput{DisableApiStop: yes(true)}) },
		"! instance cloud-1: it is protected against being stopped",
	},
	{"instance", "user data", resting, func(d *driftLab) {
		d.stop()
		d.modifyInstance(
			ec2.ModifyInstanceAttributeInput{UserData: &types.SecureBlobAttributeValue{Value: []byte("#!/bin/sh\n")}},
		)
		d.start()
	}, "! instance cloud-1: its user data is not what macaw gave it"},
	{"instance", "type", resting, func(d *driftLab) {
		d.stop()
		d.modifyInstance(
			ec2.ModifyInstanceAttributeInput{InstanceType: &types.AttributeValue{Value: aws.String("m5.large")}},
		)
		d.start()
	}, "! instance cloud-1: its type is m5.large, the file says t3.xlarge"},
	{"instance", "nested virtualization", resting, func(d *driftLab) {
		d.stop()
		d.modifyInstance(
			ec2.ModifyInstanceAttributeInput{InstanceType: &types.AttributeValue{Value: aws.String("m8i.xlarge")}},
		)
		d.start()
		d.want.Cloud.Nodes[0].Type = "m8i.xlarge"
	}, "! instance cloud-1: nested virtualization is off, so its guests are emulated"},
	{"instance", "stopped", mended, func(d *driftLab) { d.stop() }, "~ start instance cloud-1"},
	{
		"instance",
		"tag `macaw:part`",
		mended,
		func(d *driftLab) { d.retag(d.instance(), "") },
		"~ change tag: macaw:part of i-",
	},
	{"volume", "DeleteOnTermination", mended, func(d *driftLab) {
		d.modifyInstance(
			ec2.ModifyInstanceAttributeInput{BlockDeviceMappings: []types.InstanceBlockDeviceMappingSpecification{
				{
					DeviceName: aws.String("/dev/xvda"),
					Ebs:        &types.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: aws.Bool(false)},
				}}},
		)
	}, " of cloud-1 is deleted with its instance"},
	{
		"volume",
		"size",
		shown,
		func(d *driftLab) { d.want.Cloud.Nodes[0].Disk++ },
		"! instance cloud-1: its root volume has 40 GiB, the file says 41",
	},
	{"iam role", "rights", mended, func(d *driftLab) {
		d.done(d.iam.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: aws.String(d.seen.Role.Name),
			PolicyName: aws.String(
				"gateway",
			), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)}))
	}, "~ change iam role: macaw-first-gateway-eu-central-1 has the rights of a gateway"},
	{"iam role", "trust", mended, func(d *driftLab) {
		d.done(d.iam.UpdateAssumeRolePolicy(
			ctx,
			&awsiam.UpdateAssumeRolePolicyInput{RoleName: aws.String(d.seen.Role.Name),
				PolicyDocument: aws.String(strings.Replace(iampolicy.Trust(labRegion).Text(), "ec2.", "lambda.", 1))},
		))
	}, "~ change iam role: macaw-first-gateway-eu-central-1 is for instances"},
	{"instance profile", "role", mended, func(d *driftLab) {
		d.done(d.iam.RemoveRoleFromInstanceProfile(ctx, &awsiam.RemoveRoleFromInstanceProfileInput{
			InstanceProfileName: aws.String(d.seen.Profile.Name), RoleName: aws.String(d.seen.Role.Name)}))
	}, "~ change instance profile: macaw-first-gateway-eu-central-1 has the role"},
}

// Each difference is in the plan, and up reacts as the table says.
func TestLabDrift(t *testing.T) {
	for _, of := range []struct {
		lab   func(*testing.T) *driftLab
		cases []driftCase
	}{{newDriftLab, driftCases}, {newSeveralDriftLab, severalDriftCases}, {newNATDriftLab, natDriftCases}} {
		drifts(t, of.lab, of.cases)
	}
}

func drifts(t *testing.T, lab func(*testing.T) *driftLab, cases []driftCase) {
	for _, tt := range cases {
		t.Run(tt.of+"/"+tt.attribute, func(t *testing.T) {
			t.Parallel()
			d := lab(t)
			tt.change(d)
			p := d.plan()
			if !strings.Contains(p.String(), tt.plan) {
				t.Fatalf("the plan has no %q:\n%s", tt.plan, p)
			}
			if p.Empty() == (tt.does == mended) {
				t.Fatalf("%s, and the plan is:\n%s", tt.does, p)
			}
			d.up()
			switch after := d.plan().String(); tt.does {
			case mended:
				if after != "" {
					t.Errorf("after up:\n%s", after)
				}
			case shown:
				if !strings.Contains(after, tt.plan) {
					t.Errorf("after up it is not shown:\n%s", after)
				}
			case resting:
				d.stop()
				if p := d.plan(); len(p.Actions) != 2 || len(p.Drift) != 0 {
					t.Errorf("of a stopped instance:\n%s", p)
				}
				d.up()
				if after := d.plan().String(); after != "" {
					t.Errorf("after a stop and up:\n%s", after)
				}
			}
		})
	}
}

// Resources of others in the VPC, without the cloud's tag, are left alone.
func TestLabOthersThingsAreNoDrift(t *testing.T) {
	d := newDriftLab(t)
	vpc := aws.String(d.id("vpc"))
	d.foreignGroup()
	table := d.foreignTable()
	subnet := got(
		d.api.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: aws.String("10.0.9.0/24")}),
	).Subnet.SubnetId
	d.done(d.api.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &table, SubnetId: subnet}))
	d.done(d.api.CreateNetworkInterface(
		ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(d.id("subnet/management"))},
	))
	d.done(d.api.ModifySubnetAttribute(
		ctx,
		&ec2.ModifySubnetAttributeInput{SubnetId: subnet, MapPublicIpOnLaunch: yes(true)},
	))
	if p := d.plan().String(); p != "" {
		t.Errorf("the plan:\n%s", p)
	}
}

// The page and the test have the same rows.
func TestDriftPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/drift.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) == 4 && cells[0] != "of" {
			got = append(got, strings.Join([]string{cells[0], cells[1], cells[3]}, ", "))
		}
	}
	for _, c := range slices.Concat(driftCases, severalDriftCases, natDriftCases) {
		want = append(want, strings.Join([]string{c.of, c.attribute, c.does}, ", "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/drift.md, -test +page:\n%s", diff)
	}
}
