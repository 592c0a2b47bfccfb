// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// Everywhere and Everywhere6 are all addresses.
const (
	Everywhere  = "0.0.0.0/0"
	Everywhere6 = "::/0"
)

// SourceSelf is the source of a [Rule] for its own group.
const SourceSelf = "self"

// rulesOf splits a permission, which AWS groups by protocol and ports, into rules.
func rulesOf(p types.IpPermission, group string) []Rule {
	rule := Rule{Protocol: aws.ToString(p.IpProtocol), From: -1, To: -1}
	if p.FromPort != nil {
		rule.From = *p.FromPort
	}
	if p.ToPort != nil {
		rule.To = *p.ToPort
	}
	var rules []Rule
	add := func(source string) {
		if source == group {
			source = SourceSelf
		}
		r := rule
		r.Source = source
		rules = append(rules, r)
	}
	for _, r := range p.IpRanges {
		add(aws.ToString(r.CidrIp))
	}
	for _, r := range p.Ipv6Ranges {
		add(aws.ToString(r.CidrIpv6))
	}
	for _, r := range p.PrefixListIds {
		add(aws.ToString(r.PrefixListId))
	}
	for _, r := range p.UserIdGroupPairs {
		add(aws.ToString(r.GroupId))
	}
	return rules
}

func (s *Seen) seeSecurityGroups(ctx context.Context, c clients, mine types.Filter) error {
	found, err := FindSecurityGroups(ctx, c.EC2, mine)
	for _, g := range found {
		group := SecurityGroup{
			ID: aws.ToString(g.GroupId), Part: awsapi.Part(g.Tags),
			Name: aws.ToString(g.GroupName), VPC: aws.ToString(g.VpcId),
		}
		for _, p := range g.IpPermissions {
			group.Ingress = append(group.Ingress, rulesOf(p, group.ID)...)
		}
		for _, p := range g.IpPermissionsEgress {
			group.Egress = append(group.Egress, rulesOf(p, group.ID)...)
		}
		s.SecurityGroups = append(s.SecurityGroups, group)
	}
	return err
}
