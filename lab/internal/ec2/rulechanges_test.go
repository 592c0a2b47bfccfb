// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab/internal/vpc"
)

// ModifySecurityGroupRules replaces a rule, on the fabric too, and no rule becomes another
// one twice.
func TestModifySecurityGroupRules(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	group := must(l.CreateSecurityGroup(l.ctx, &ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: aws.String("web"),
		Description: aws.String("web")}))(l).GroupId
	port := func(n int32) types.IpPermission {
		return types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: &n, ToPort: &n,
			IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}}}
	}
	rules := must(l.AuthorizeSecurityGroupIngress(l.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group,
		IpPermissions: []types.IpPermission{port(80), port(443)}}))(l).SecurityGroupRules
	change := func(group *string, n int32) error {
		_, err := l.ModifySecurityGroupRules(l.ctx, &ec2.ModifySecurityGroupRulesInput{GroupId: group,
			SecurityGroupRules: []types.SecurityGroupRuleUpdate{{SecurityGroupRuleId: rules[0].SecurityGroupRuleId,
				SecurityGroupRule: &types.SecurityGroupRuleRequest{IpProtocol: aws.String("tcp"), FromPort: &n, ToPort: &n,
					CidrIpv4: aws.String("10.0.0.0/8")}}}})
		return err
	}
	if err := change(group, 8080); err != nil {
		t.Fatal(err)
	}
	has := func(n int) bool {
		for _, g := range l.fabric.topology().SecurityGroups {
			if g.ID != *group {
				continue
			}
			for _, r := range g.Ingress {
				if r.FromPort == n {
					return true
				}
			}
		}
		return false
	}
	if has(80) || !has(8080) || !has(443) {
		t.Errorf("the fabric has %+v", l.fabric.topology().SecurityGroups)
	}
	l.wantCode(change(group, 443), "InvalidPermission.Duplicate")
	other := must(l.CreateSecurityGroup(l.ctx, &ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: aws.String("db"),
		Description: aws.String("db")}))(l).GroupId
	l.wantCode(change(other, 81), "InvalidSecurityGroupRuleId.NotFound")
	if err := vpc.New(vpc.Config{}).SetTopology(l.fabric.topology()); err != nil {
		t.Error(err)
	}
}
