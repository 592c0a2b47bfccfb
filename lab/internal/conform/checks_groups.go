// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const sourceGroups = "VPC User Guide, security-groups"

func tcp(port int32, cidr string) types.IpPermission {
	return types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port,
		IpRanges: []types.IpRange{{CidrIp: &cidr}}}
}

func (b *bench) allow(group string, p ...types.IpPermission) error {
	_, err := b.AuthorizeSecurityGroupIngress(b.ctx,
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: p})
	return err
}

func (b *bench) seeGroup(group string) types.SecurityGroup {
	return must(b.DescribeSecurityGroups(b.ctx,
		&ec2.DescribeSecurityGroupsInput{GroupIds: []string{group}}))(b).SecurityGroups[0]
}

var groupChecks = []Check{
	{
		ID: "group-default", Title: "The default security group", Confidence: Documented,
		Source: "VPC User Guide, default-security-group",
		Rule:   "A VPC has a group default, which interfaces get when none is named and which cannot be deleted",
		run: func(b *bench) {
			p := b.place(28)
			groups := must(b.DescribeSecurityGroups(b.ctx,
				&ec2.DescribeSecurityGroupsInput{Filters: filters("vpc-id", p.vpc, "group-name", "default")}))(b).SecurityGroups
			b.want("groups named default", len(groups), 1)
			e := b.see(*b.eni(p).NetworkInterfaceId)
			b.want("groups of the interface", len(e.Groups), 1)
			b.want("the group of the interface", aws.ToString(e.Groups[0].GroupId), aws.ToString(groups[0].GroupId))
			_, err := b.DeleteSecurityGroup(b.ctx, &ec2.DeleteSecurityGroupInput{GroupId: groups[0].GroupId})
			b.wantCode(err, "deleting it", "CannotDelete")
		},
	},
	{
		ID: "group-new", Title: "A new group lets nothing in and all out", Confidence: Documented, Source: sourceGroups,
		Rule: "A new group has no ingress rule and one egress rule for everything", Needs: []string{"group-default"},
		run: func(b *bench) {
			g := b.seeGroup(b.group(b.sites.main.vpc, "new"))
			b.want("ingress rules", len(g.IpPermissions), 0)
			b.want("egress rules", len(g.IpPermissionsEgress), 1)
			b.want("its protocol", aws.ToString(g.IpPermissionsEgress[0].IpProtocol), "-1")
			b.want("its destination", aws.ToString(g.IpPermissionsEgress[0].IpRanges[0].CidrIp), "0.0.0.0/0")
		},
	},
	{
		ID: "group-rules", Title: "Rules are added and revoked", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview: InvalidPermission",
		Rule: "A rule that is there is InvalidPermission.Duplicate, one that is not there InvalidPermission.NotFound; " +
			"the rules of one call are added whole or not at all", Needs: []string{"group-new"},
		run: func(b *bench) {
			g := b.group(b.sites.main.vpc, "rules")
			b.need(b.allow(g, tcp(80, "192.0.2.0/24")))
			b.eventually("one rule", func() (string, bool) {
				n := len(b.seeGroup(g).IpPermissions)
				return fmt.Sprint(n), n == 1
			})
			b.wantCode(b.allow(g, tcp(81, "192.0.2.0/24"), tcp(80, "192.0.2.0/24")), "a new rule and one that is there",
				"InvalidPermission.Duplicate")
			b.want("rules", len(b.seeGroup(g).IpPermissions), 1)
			revoke := func(p types.IpPermission) error {
				_, err := b.RevokeSecurityGroupIngress(b.ctx,
					&ec2.RevokeSecurityGroupIngressInput{GroupId: &g, IpPermissions: []types.IpPermission{p}})
				return err
			}
			b.wantCode(revoke(tcp(82, "192.0.2.0/24")), "revoking what is not there", "InvalidPermission.NotFound")
			b.need(revoke(tcp(80, "192.0.2.0/24")))
			b.eventually("no rule", func() (string, bool) {
				n := len(b.seeGroup(g).IpPermissions)
				return fmt.Sprint(n), n == 0
			})
		},
	},
	{
		ID: "group-name", Title: "Names of groups", Confidence: Documented, Source: "EC2 API Reference, CreateSecurityGroup",
		Rule: "A name is the VPC's once (InvalidGroup.Duplicate), default is reserved, and sg- begins none",
		run: func(b *bench) {
			v := b.sites.main.vpc
			taken := aws.ToString(b.seeGroup(b.group(v, "name")).GroupName)
			create := func(name string) error {
				_, err := b.CreateSecurityGroup(b.ctx,
					&ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: &name, Description: aws.String("x"),
						TagSpecifications: b.tags(types.ResourceTypeSecurityGroup)})
				return err
			}
			b.wantCode(create(taken), "the same name", "InvalidGroup.Duplicate")
			b.refused(create("default"), "the name default")
			b.wantCode(create("sg-mine"), "the name sg-mine", "InvalidParameterValue")
		},
	},
	{
		ID: "group-in-use", Title: "A group in use is not deleted", Confidence: Documented,
		Source: "EC2 API Reference, DeleteSecurityGroup",
		Rule:   "A group that an interface has, or that a rule of another group refers to, is DependencyViolation",
		Needs:  []string{"group-new"},
		run: func(b *bench) {
			p := b.place(28)
			used, referred, refers := b.group(p.vpc, "used"), b.group(p.vpc, "referred"), b.group(p.vpc, "refers")
			e := b.eniFrom(&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet, Groups: []string{used}})
			b.need(b.allow(refers, types.IpPermission{IpProtocol: aws.String("-1"),
				UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &referred}}}))
			remove := func(g string) error {
				_, err := b.DeleteSecurityGroup(b.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &g})
				return err
			}
			b.wantCode(remove(used), "the interface's group", "DependencyViolation", "InvalidGroup.InUse")
			b.wantCode(remove(referred), "the group that is referred to", "DependencyViolation", "InvalidGroup.InUse")
			b.need(remove(refers))
			must(b.DeleteNetworkInterface(b.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: e.NetworkInterfaceId}))(b)
			b.eventually("both groups are deleted when nothing uses them", func() (string, bool) {
				if err := remove(used); err != nil && code(err) != "InvalidGroup.NotFound" {
					return answer(err), false
				}
				err := remove(referred)
				return answer(err), err == nil || code(err) == "InvalidGroup.NotFound"
			})
		},
	},
}
