// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

func TestSecondaryCIDRs(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.2.0.0/16")
	l.gateway(v)
	table := must(l.DescribeRouteTables(l.ctx, &ec2.DescribeRouteTablesInput{}))(l).RouteTables[0].RouteTableId
	igw := must(l.DescribeInternetGateways(l.ctx,
		&ec2.DescribeInternetGatewaysInput{}))(l).InternetGateways[0].InternetGatewayId
	must(l.CreateRoute(l.ctx, &ec2.CreateRouteInput{RouteTableId: table, DestinationCidrBlock: aws.String("10.9.0.0/24"),
		GatewayId: igw}))(l)
	associate := func(vpcID, cidr string) (*ec2.AssociateVpcCidrBlockOutput, error) {
		return l.AssociateVpcCidrBlock(l.ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: &vpcID, CidrBlock: &cidr})
	}
	for _, c := range []struct{ name, cidr, want string }{
		{"overlapping", "10.2.1.0/24", "InvalidVpc.Range"},
		{"too large", "10.0.0.0/8", "InvalidVpc.Range"},
		{"another private range", "192.168.0.0/24", "InvalidVpc.Range"},
		{"benchmarks", "198.19.0.0/24", "InvalidVpc.Range"},
		{"link-local", "169.254.1.0/24", "InvalidVpc.Range"},
		{"as large as a route", "10.9.0.0/24", "InvalidParameterValue"},
		{"smaller than the route", "10.9.0.0/25", ""},
		{"shared addresses", "100.64.0.0/16", ""},
	} {
		if _, err := associate(v, c.cidr); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	s := l.subnet(v, "100.64.1.0/24")
	_, err := l.CreateSubnet(l.ctx, &ec2.CreateSubnetInput{VpcId: &v, CidrBlock: aws.String("10.9.0.0/24")})
	l.wantCode(err, "InvalidSubnet.Range") // larger than the CIDR
	top := l.fabric.topology()
	if d := cmp.Diff("[10.2.0.0/16 10.9.0.0/25 100.64.0.0/16]", fmt.Sprint(top.VPCs[0].CIDRs)); d != "" {
		t.Error(d)
	}
	var routes []string
	for _, r := range top.Subnets[0].Routes {
		routes = append(routes, fmt.Sprint(r.Dest, r.Target))
	}
	if d := cmp.Diff([]string{"10.2.0.0/16 1", "10.9.0.0/24 2", "10.9.0.0/25 1", "100.64.0.0/16 1"}, routes); d != "" {
		t.Error(d)
	}
	var ids []*string
	for _, a := range l.describeVPC(v).CidrBlockAssociationSet {
		ids = append(ids, a.AssociationId)
	}
	disassociate := func(id *string) error {
		_, err := l.DisassociateVpcCidrBlock(l.ctx, &ec2.DisassociateVpcCidrBlockInput{AssociationId: id})
		return err
	}
	l.wantCode(disassociate(ids[0]), "OperationNotPermitted")
	l.wantCode(disassociate(ids[2]), "InvalidCidrBlock.InUse")
	must(l.DeleteSubnet(l.ctx, &ec2.DeleteSubnetInput{SubnetId: &s}))(l)
	l.wantCode(disassociate(ids[2]), "")
	l.wantCode(disassociate(ids[2]), "InvalidVpcCidrBlockAssociationID.NotFound")
	l.wantCode(disassociate(aws.String("moon")), "InvalidVpcCidrBlockAssociationID.Malformed")
	if n := len(must(l.DescribeRouteTables(l.ctx, &ec2.DescribeRouteTablesInput{}))(l).RouteTables[0].Routes); n != 3 {
		t.Errorf("%d routes are left, want 3", n)
	}
	for i := range 3 {
		must(associate(v, fmt.Sprintf("10.%d.0.0/16", 20+i)))(l)
	}
	_, err = associate(v, "10.30.0.0/16")
	l.wantCode(err, "CidrLimitExceeded")
	_, err = l.AssociateVpcCidrBlock(l.ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: &v})
	l.wantCode(err, "MissingParameter")
}

// TestIPv6Later adds IPv6 to an existing VPC: its tables and groups follow, except
// groups whose rules were changed.
func TestIPv6Later(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	group := func(name string) *string {
		return must(l.CreateSecurityGroup(l.ctx,
			&ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: &name, Description: &name}))(l).GroupId
	}
	plain, changed := group("plain"), group("changed")
	rules := must(l.DescribeSecurityGroups(l.ctx,
		&ec2.DescribeSecurityGroupsInput{GroupIds: []string{*changed}}))(l).SecurityGroups[0].IpPermissionsEgress
	must(l.RevokeSecurityGroupEgress(l.ctx,
		&ec2.RevokeSecurityGroupEgressInput{GroupId: changed, IpPermissions: rules}))(l)
	out := must(l.AssociateVpcCidrBlock(l.ctx,
		&ec2.AssociateVpcCidrBlockInput{VpcId: &v, AmazonProvidedIpv6CidrBlock: aws.Bool(true)}))(l)
	if a := out.Ipv6CidrBlockAssociation; a.Ipv6CidrBlock != nil || a.Ipv6CidrBlockState.State != "associating" {
		t.Errorf("associated %+v", a)
	}
	for id, want := range map[*string]int{plain: 2, changed: 0} {
		for _, g := range l.fabric.topology().SecurityGroups {
			if g.ID == *id && len(g.Egress) != want {
				t.Errorf("%s lets out by %v, want %d rules", *id, g.Egress, want)
			}
		}
	}
	table := must(l.DescribeRouteTables(l.ctx, &ec2.DescribeRouteTablesInput{}))(l).RouteTables[0]
	if len(table.Routes) != 2 || *table.Routes[1].DestinationIpv6CidrBlock != "2001:db8:1000::/56" ||
		*table.Routes[1].GatewayId != "local" {
		t.Errorf("the table has %+v", table.Routes)
	}
	acls := must(l.DescribeNetworkAcls(l.ctx, &ec2.DescribeNetworkAclsInput{}))(l).NetworkAcls
	if len(acls) != 1 || !*acls[0].IsDefault || len(acls[0].Entries) != 8 {
		t.Errorf("the network ACLs are %+v", acls)
	}
}

func TestQuotas(t *testing.T) {
	l := newLab(t)
	for range maxVPCs {
		l.gateway(l.vpc("10.0.0.0/16"))
	}
	_, err := l.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	l.wantCode(err, "VpcLimitExceeded")
	_, err = l.CreateInternetGateway(l.ctx, &ec2.CreateInternetGatewayInput{})
	l.wantCode(err, "InternetGatewayLimitExceeded")
	out := must(l.DescribeAccountAttributes(l.ctx,
		&ec2.DescribeAccountAttributesInput{AttributeNames: []types.AccountAttributeName{"default-vpc"}}))(l)
	if len(out.AccountAttributes) != 1 || *out.AccountAttributes[0].AttributeValues[0].AttributeValue != "none" {
		t.Errorf("the account has %+v", out.AccountAttributes)
	}
	if n := len(must(l.DescribeAccountAttributes(l.ctx,
		&ec2.DescribeAccountAttributesInput{}))(l).AccountAttributes); n != 6 {
		t.Errorf("the account has %d attributes", n)
	}
	_, err = l.DescribeAccountAttributes(l.ctx,
		&ec2.DescribeAccountAttributesInput{AttributeNames: []types.AccountAttributeName{"moon"}})
	l.wantCode(err, "InvalidParameterValue")
	for _, cidr := range []string{"127.0.0.0/16", "224.0.0.0/16", "0.1.0.0/16"} {
		_, err := l.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: &cidr})
		l.wantCode(err, "InvalidVpc.Range")
	}
}

func TestRulesQuota(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	group := must(l.CreateSecurityGroup(l.ctx,
		&ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: aws.String("g"), Description: aws.String("d")}))(l).GroupId
	allow := func(cidr string) error {
		p := permission(cidr)
		_, err := l.AuthorizeSecurityGroupIngress(l.ctx,
			&ec2.AuthorizeSecurityGroupIngressInput{GroupId: group, IpPermissions: p})
		return err
	}
	for i := range maxRules {
		l.wantCode(allow(fmt.Sprintf("10.0.%d.0/24", i)), "")
	}
	l.wantCode(allow("10.1.0.0/24"), "RulesPerSecurityGroupLimitExceeded")
	l.wantCode(allow("2001:db8::/32"), "") // counted separately
}

// TestRestricted tests the table of VPC User Guide, vpc-cidr-blocks.
func TestRestricted(t *testing.T) {
	for _, c := range []struct {
		primary, have, cidr string
		want                bool
	}{
		{"10.2.0.0/16", "10.2.0.0/16", "10.3.0.0/16", false},
		{"10.2.0.0/16", "10.2.0.0/16", "172.16.0.0/16", true},
		{"10.2.0.0/16", "10.2.0.0/16", "198.19.0.0/20", true},
		{"10.2.0.0/16", "10.2.0.0/16", "100.64.0.0/16", false},
		{"10.2.0.0/16", "100.64.0.0/16", "10.3.0.0/16", false},
		{"10.1.0.0/16", "10.1.0.0/16", "10.0.1.0/24", true},
		{"10.1.0.0/16", "10.1.0.0/16", "10.1.0.0/24", false},
		{"172.16.0.0/16", "172.16.0.0/16", "172.17.0.0/16", false},
		{"172.16.0.0/16", "172.16.0.0/16", "172.31.0.0/16", true},
		{"192.168.0.0/24", "192.168.0.0/24", "192.168.1.0/24", false},
		{"192.168.0.0/24", "192.168.0.0/24", "10.0.0.0/16", true},
		{"100.64.0.0/16", "100.64.0.0/16", "10.0.0.0/16", true},
		{"100.64.0.0/16", "100.64.0.0/16", "100.65.0.0/16", false},
		{"198.19.0.0/24", "198.19.0.0/24", "10.0.0.0/16", true},
		{"198.19.0.0/24", "198.19.0.0/24", "100.64.0.0/16", false},
	} {
		v := &vpcRecord{CIDR: netip.MustParsePrefix(c.primary)}
		if got := restricted(v, netip.MustParsePrefix(c.have), netip.MustParsePrefix(c.cidr)); got != c.want {
			t.Errorf("%s beside %s: %t, want %t", c.cidr, c.have, got, c.want)
		}
	}
}
