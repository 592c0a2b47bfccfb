// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab/internal/vpc"
)

func TestVPCAttributes(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.18/16") // becomes canonical
	on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
	must(l.ModifyVpcAttribute(l.ctx, &ec2.ModifyVpcAttributeInput{VpcId: &v, EnableDnsHostnames: on}))(l)
	got := must(l.DescribeVpcAttribute(l.ctx,
		&ec2.DescribeVpcAttributeInput{VpcId: &v, Attribute: "enableDnsHostnames"}))(l)
	if !*got.EnableDnsHostnames.Value {
		t.Error("DNS hostnames stay off")
	}
	vpcs := must(l.DescribeVpcs(l.ctx,
		&ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("cidr"), Values: []string{"10.0.0.0/16"}}}}))(l).Vpcs
	if len(vpcs) != 1 || *vpcs[0].VpcId != v {
		t.Errorf("described %+v", vpcs)
	}
	s := l.subnet(v, "10.0.0.0/24")
	must(l.ModifySubnetAttribute(l.ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &s, MapPublicIpOnLaunch: on}))(l)
	_, err := l.ModifySubnetAttribute(l.ctx,
		&ec2.ModifySubnetAttributeInput{SubnetId: &s, AssignIpv6AddressOnCreation: on})
	l.wantCode(err, "InvalidParameterValue") // the subnet has no IPv6
	if got := must(l.DescribeSubnets(l.ctx, &ec2.DescribeSubnetsInput{}))(l).Subnets[0]; !*got.MapPublicIpOnLaunch {
		t.Error("the subnet maps no public addresses")
	}
	e := l.eni(s, "10.0.0.10")
	if *e.PrivateIpAddresses[0].PrivateDnsName != "ip-10-0-0-10.ec2.internal" {
		t.Errorf("the address is called %s", *e.PrivateIpAddresses[0].PrivateDnsName)
	}
}

func TestInterfaceAttributes(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/24")
	id := l.eni(s, "").NetworkInterfaceId
	off := &types.AttributeBooleanValue{Value: aws.Bool(false)}
	must(l.ModifyNetworkInterfaceAttribute(l.ctx,
		&ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: id, SourceDestCheck: off}))(l)
	if l.fabric.topology().ENIs[0].SourceDestCheck {
		t.Error("the fabric was not told of the source/destination check")
	}
	group := must(l.CreateSecurityGroup(l.ctx,
		&ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: aws.String("g"), Description: aws.String("d")}))(l).GroupId
	must(l.ModifyNetworkInterfaceAttribute(l.ctx,
		&ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: id, Groups: []string{*group}}))(l)
	if g := l.fabric.topology().ENIs[0].SecurityGroups; len(g) != 1 || g[0] != *group {
		t.Errorf("the fabric has the groups %v", g)
	}
	_, err := l.DeleteSecurityGroup(l.ctx, &ec2.DeleteSecurityGroupInput{GroupId: group})
	l.wantCode(err, "DependencyViolation")
	_, err = l.ModifyNetworkInterfaceAttribute(l.ctx,
		&ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: id, SourceDestCheck: off, Groups: []string{*group}})
	l.wantCode(err, "InvalidParameterCombination")

	token := &ec2.CreateNetworkInterfaceInput{SubnetId: &s, ClientToken: aws.String("once")}
	first := *must(l.CreateNetworkInterface(l.ctx, token))(l).NetworkInterface.NetworkInterfaceId
	if again := *must(l.CreateNetworkInterface(l.ctx, token))(l).NetworkInterface.NetworkInterfaceId; again != first {
		t.Error("the same client token made another interface")
	}
	for _, f := range []types.Filter{
		{Name: aws.String("group-id"), Values: []string{*group}},
		{Name: aws.String("addresses.private-ip-address"), Values: []string{"10.0.0.4"}},
		{Name: aws.String("network-interface-id"), Values: []string{*id}},
	} {
		out := must(l.DescribeNetworkInterfaces(l.ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{f}}))(l)
		if len(out.NetworkInterfaces) != 1 || *out.NetworkInterfaces[0].NetworkInterfaceId != *id {
			t.Errorf("%s finds %d interfaces", *f.Name, len(out.NetworkInterfaces))
		}
	}
}

func TestInstanceMetadataOptions(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	eni := *l.eni(s, "").NetworkInterfaceId
	id := l.run("t3.small", eni)
	if o := l.instance(id).MetadataOptions; o.HttpTokens != "required" || *o.HttpPutResponseHopLimit != 2 {
		t.Errorf("the options are %+v", o)
	}
	must(l.ModifyInstanceMetadataOptions(l.ctx,
		&ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &id, HttpTokens: "optional", InstanceMetadataTags: "enabled"}))(l)
	if m, _ := l.state.Metadata(eni); !m.Options.TokenOptional || !m.Options.ShowTags || m.Options.HopLimit != 2 {
		t.Errorf("the metadata service has %+v", m.Options)
	}
}

func TestTags(t *testing.T) {
	l := newLab(t)
	spec := func(kind types.ResourceType) []types.TagSpecification {
		return []types.TagSpecification{{ResourceType: kind,
			Tags: []types.Tag{{Key: aws.String("cloud"), Value: aws.String("lab")}}}}
	}
	v := must(l.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"),
		TagSpecifications: spec("vpc")}))(l).Vpc
	if len(v.Tags) != 1 {
		t.Errorf("made with the tags %+v", v.Tags)
	}
	_, err := l.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"),
		TagSpecifications: spec("subnet")})
	l.wantCode(err, "InvalidParameterValue")
	_, err = l.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: []string{*v.VpcId},
		Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}})
	l.wantCode(err, "InvalidParameterValue")
	remove := func(value *string) int {
		must(l.DeleteTags(l.ctx, &ec2.DeleteTagsInput{Resources: []string{*v.VpcId},
			Tags: []types.Tag{{Key: aws.String("cloud"), Value: value}}}))(l)
		return len(must(l.DescribeTags(l.ctx, &ec2.DescribeTagsInput{}))(l).Tags)
	}
	if remove(aws.String("other")) != 1 || remove(nil) != 0 {
		t.Error("a tag is deleted when its value is another's, or not when none is given")
	}
}

func TestReplaceRoute(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.1.0/24")
	table := must(l.DescribeRouteTables(l.ctx,
		&ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: aws.String("association.main"),
			Values: []string{"true"}}}}))(l).RouteTables[0]
	eni := l.eni(s, "").NetworkInterfaceId
	replace := func(dest string) error {
		_, err := l.ReplaceRoute(l.ctx,
			&ec2.ReplaceRouteInput{RouteTableId: table.RouteTableId, DestinationCidrBlock: &dest, NetworkInterfaceId: eni})
		return err
	}
	l.wantCode(replace("192.0.2.0/24"), "InvalidParameterValue")
	l.wantCode(replace("10.0.0.0/16"), "") // the local route may lead to an interface
	if r := l.fabric.topology().Subnets[0].Routes[0]; r.Target != vpc.TargetBlackhole {
		t.Errorf("the local route leads to an interface on nothing, and is %+v", r)
	}
	must(l.ReplaceRoute(l.ctx, &ec2.ReplaceRouteInput{RouteTableId: table.RouteTableId,
		DestinationCidrBlock: aws.String("10.0.0.0/16"), LocalTarget: aws.Bool(true)}))(l)
	if r := l.fabric.topology().Subnets[0].Routes[0]; r.Target != vpc.TargetLocal {
		t.Errorf("the local route is %+v again", r)
	}
	_, err := l.DeleteRoute(l.ctx,
		&ec2.DeleteRouteInput{RouteTableId: table.RouteTableId, DestinationCidrBlock: aws.String("10.0.0.0/16")})
	l.wantCode(err, "InvalidParameterValue")
	_, err = l.DeleteRoute(l.ctx,
		&ec2.DeleteRouteInput{RouteTableId: table.RouteTableId, DestinationCidrBlock: aws.String("192.0.2.0/24")})
	l.wantCode(err, "InvalidRoute.NotFound")
}

func TestKeyPairs(t *testing.T) {
	l := newLab(t)
	_, err := l.ImportKeyPair(l.ctx,
		&ec2.ImportKeyPairInput{KeyName: aws.String("bad"), PublicKeyMaterial: []byte("moon")})
	l.wantCode(err, "InvalidKey.Format")
	made := must(l.ImportKeyPair(l.ctx,
		&ec2.ImportKeyPairInput{KeyName: aws.String("operator"), PublicKeyMaterial: []byte(publicKey)}))(l)
	got := must(l.DescribeKeyPairs(l.ctx,
		&ec2.DescribeKeyPairsInput{KeyPairIds: []string{*made.KeyPairId}, IncludePublicKey: aws.Bool(true)}))(l).KeyPairs
	if len(got) != 1 || *got[0].PublicKey != publicKey || got[0].KeyType != "ed25519" {
		t.Errorf("described %+v", got)
	}
	for range 2 { // deleting it twice is no error
		must(l.DeleteKeyPair(l.ctx, &ec2.DeleteKeyPairInput{KeyName: aws.String("operator")}))(l)
	}
}
