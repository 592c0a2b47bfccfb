// SPDX-License-Identifier: Apache-2.0

package ec2

import "slices"

// ruleChange is the new content of a rule in ModifySecurityGroupRules.
type ruleChange struct {
	SecurityGroupRule *ruleRecord `form:"SecurityGroupRuleId,required"`
	New               struct {
		IpProtocol        string
		FromPort          *int
		ToPort            *int
		CidrIpv4          string
		CidrIpv6          string
		ReferencedGroupId *groupRecord
		PrefixListId      string
		Description       string
	} `form:"SecurityGroupRule,required"`
}

type modifyRulesInput struct {
	dryRun
	Group   *groupRecord `form:"GroupId,required"`
	Changes []ruleChange `form:"SecurityGroupRule,required"`
}

// modifySecurityGroupRules replaces the content of rules, which keep their IDs and
// directions (EC2 API Reference, ModifySecurityGroupRules).
func modifySecurityGroupRules(t *tx, in modifyRulesInput) (*done, error) {
	for _, c := range in.Changes {
		r := c.SecurityGroupRule
		if r.Group != in.Group.ID {
			return nil, kindRule.missing(r.ID)
		}
		changed, err := c.rule(in.Group)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(t.rulesOf(in.Group.ID, r.Egress), func(o *ruleRecord) bool {
			return o.ID != r.ID && o.same(changed)
		}) {
			return nil, duplicateRule(changed)
		}
		r.Protocol, r.From, r.To, r.CIDR, r.Source = changed.Protocol, changed.From, changed.To, changed.CIDR, changed.Source
		r.Description = changed.Description
	}
	return ok()
}

// rule is the rule that a change asks for.
func (c ruleChange) rule(g *groupRecord) (*ruleRecord, error) {
	p := permissionInput{IpProtocol: c.New.IpProtocol, FromPort: c.New.FromPort, ToPort: c.New.ToPort}
	if p.IpProtocol == "" {
		return nil, missingParameter("SecurityGroupRule.IpProtocol")
	}
	if c.New.PrefixListId != "" {
		return nil, unsupported("The lab has no prefix lists")
	}
	if err := exactlyOne([]string{"cidrIpv4", "cidrIpv6", "referencedGroupId"}, c.New.CidrIpv4 != "",
		c.New.CidrIpv6 != "", c.New.ReferencedGroupId != nil); err != nil {
		return nil, err
	}
	switch {
	case c.New.CidrIpv4 != "":
		p.IpRanges = []ipRangeInput{{c.New.CidrIpv4, c.New.Description}}
	case c.New.CidrIpv6 != "":
		p.Ipv6Ranges = []ipv6RangeInput{{c.New.CidrIpv6, c.New.Description}}
	default:
		p.Groups = []groupPairInput{{Group: c.New.ReferencedGroupId, Description: c.New.Description}}
	}
	rules, err := p.rules(g, c.SecurityGroupRule.Egress)
	if err != nil {
		return nil, err
	}
	return rules[0], nil
}

type ruleDescriptionsInput struct {
	permissionsInput
	Descriptions []struct {
		Rule        *ruleRecord `form:"SecurityGroupRuleId,required"`
		Description string
	} `form:"SecurityGroupRuleDescription"`
}

// updateRuleDescriptions changes descriptions of rules, which it finds by their content or
// their IDs (EC2 API Reference, UpdateSecurityGroupRuleDescriptionsIngress).
func updateRuleDescriptions(egress bool) func(*tx, ruleDescriptionsInput) (*done, error) {
	return func(t *tx, in ruleDescriptionsInput) (*done, error) {
		rules, err := in.rules(egress)
		if err != nil {
			return nil, err
		}
		if len(rules) == 0 && len(in.Descriptions) == 0 {
			return nil, missingParameter("ipPermissions or securityGroupRuleDescriptions")
		}
		for _, d := range in.Descriptions {
			if d.Rule.Group != in.Group.ID || d.Rule.Egress != egress {
				return nil, kindRule.missing(d.Rule.ID)
			}
			d.Rule.Description = d.Description
		}
		for _, r := range rules {
			have := t.rulesOf(in.Group.ID, egress)
			i := slices.IndexFunc(have, r.same)
			if i < 0 {
				return nil, fail("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			have[i].Description = r.Description
		}
		return ok()
	}
}
