// SPDX-License-Identifier: Apache-2.0

package ec2

type ipRangeXML struct {
	CIDR        string `xml:"cidrIp" filter:"cidr"`
	Description string `xml:"description,omitempty"`
}

type ipv6RangeXML struct {
	CIDR        string `xml:"cidrIpv6" filter:"ipv6-cidr"`
	Description string `xml:"description,omitempty"`
}

type groupPairXML struct {
	User        string `xml:"userId"`
	Group       string `xml:"groupId" filter:"group-id"`
	Description string `xml:"description,omitempty"`
}

type permissionXML struct {
	Protocol   string            `xml:"ipProtocol" filter:"protocol"`
	From       *int              `xml:"fromPort" filter:"from-port"`
	To         *int              `xml:"toPort" filter:"to-port"`
	Groups     set[groupPairXML] `xml:"groups" filter:""`
	Ranges     set[ipRangeXML]   `xml:"ipRanges" filter:""`
	IPv6Ranges set[ipv6RangeXML] `xml:"ipv6Ranges" filter:""`
	PrefixList set[string]       `xml:"prefixListIds"`
}

// ports returns nil for protocols other than TCP, UDP and ICMP, where EC2 omits the
// ports.
func (r *ruleRecord) ports() (from, to *int) {
	switch r.Protocol {
	case "tcp", "udp", "icmp", "icmpv6":
		return &r.From, &r.To
	}
	return nil, nil
}

// permissionsXML groups rules into permissions: rules that differ only in the peer
// share one.
func (t *tx) permissionsXML(group string, egress bool) set[permissionXML] {
	type key struct {
		protocol string
		from, to int
	}
	var all set[permissionXML]
	place := map[key]int{}
	for _, r := range t.rulesOf(group, egress) {
		k := key{r.Protocol, r.From, r.To}
		i, ok := place[k]
		if !ok {
			i = len(all.Items)
			place[k] = i
			p := permissionXML{Protocol: r.Protocol}
			p.From, p.To = r.ports()
			all.Items = append(all.Items, p)
		}
		p := &all.Items[i]
		switch {
		case r.Source != "":
			p.Groups.Items = append(p.Groups.Items, groupPairXML{t.cfg.Account, r.Source, r.Description})
		case r.ipv6():
			p.IPv6Ranges.Items = append(p.IPv6Ranges.Items, ipv6RangeXML{r.CIDR, r.Description})
		default:
			p.Ranges.Items = append(p.Ranges.Items, ipRangeXML{r.CIDR, r.Description})
		}
	}
	return all
}

type referencedGroupXML struct {
	Group string `xml:"groupId"`
	User  string `xml:"userId"`
	VPC   string `xml:"vpcId"`
}

type ruleXML struct {
	ID          string              `xml:"securityGroupRuleId" filter:"security-group-rule-id"`
	ARN         string              `xml:"securityGroupRuleArn"`
	Group       string              `xml:"groupId" filter:"group-id"`
	Owner       string              `xml:"groupOwnerId"`
	Egress      bool                `xml:"isEgress"`
	Protocol    string              `xml:"ipProtocol"`
	From        int                 `xml:"fromPort"`
	To          int                 `xml:"toPort"`
	CIDR        string              `xml:"cidrIpv4,omitempty"`
	CIDRv6      string              `xml:"cidrIpv6,omitempty"`
	Referenced  *referencedGroupXML `xml:"referencedGroupInfo"`
	Description string              `xml:"description,omitempty"`
	Tags        set[tagXML]         `xml:"tagSet" filter:""`
}

// revokedRuleXML is a rule in the answer to the call that removes it, with less than in
// DescribeSecurityGroupRules (EC2 API Reference, RevokedSecurityGroupRule).
type revokedRuleXML struct {
	ID          string `xml:"securityGroupRuleId"`
	Group       string `xml:"groupId"`
	Egress      bool   `xml:"isEgress"`
	Protocol    string `xml:"ipProtocol"`
	From        int    `xml:"fromPort"`
	To          int    `xml:"toPort"`
	CIDR        string `xml:"cidrIpv4,omitempty"`
	CIDRv6      string `xml:"cidrIpv6,omitempty"`
	Referenced  string `xml:"referencedGroupId,omitempty"`
	Description string `xml:"description,omitempty"`
}

func (t *tx) revokedRuleXML(r *ruleRecord) revokedRuleXML {
	x := t.ruleXML(r)
	return revokedRuleXML{x.ID, x.Group, x.Egress, x.Protocol, x.From, x.To, x.CIDR, x.CIDRv6, r.Source, x.Description}
}

func (t *tx) ruleXML(r *ruleRecord) ruleXML {
	x := ruleXML{ID: r.ID, ARN: t.cfg.arn("security-group-rule", r.ID), Group: r.Group, Owner: t.cfg.Account,
		Egress: r.Egress, Protocol: r.Protocol, From: r.From, To: r.To, Description: r.Description, Tags: r.Tags.xml()}
	switch {
	case r.Source != "":
		x.Referenced = &referencedGroupXML{Group: r.Source, User: t.cfg.Account}
		if g := t.Groups[r.Source]; g != nil {
			x.Referenced.VPC = g.VPC
		}
	case r.ipv6():
		x.CIDRv6 = r.CIDR
	default:
		x.CIDR = r.CIDR
	}
	return x
}
