// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/cloud"
)

const (
	everywhere  = "0.0.0.0/0"
	everywhere6 = "::/0"
	// sourceSelf is the source for the rule's own group.
	sourceSelf = "self"
)

// managementRules lets the operator in, and the nodes reach each other.
func managementRules(m cloud.Management) []Rule {
	rules := []Rule{{Protocol: "-1", From: -1, To: -1, Source: sourceSelf}}
	for _, p := range m.Allow {
		for _, port := range cloud.ManagementPorts() {
			rules = append(rules, Rule{Protocol: "tcp", From: int32(port), To: int32(port), Source: p.String()})
		}
	}
	if m.TLS.ACME.Directory != "" {
		// The authority asks from addresses that it does not tell (Let's Encrypt, FAQ). There is nothing
		// but a redirection otherwise.
		open := Rule{Protocol: "tcp", From: 80, To: 80, Source: everywhere}
		if !slices.Contains(rules, open) {
			rules = append(rules, open)
		}
	}
	return rules
}

// providerRules allows everything in: Neutron's security groups decide what may reach a guest, and
// rules in two places would conflict.
func providerRules(p cloud.Provider) []Rule {
	rules := []Rule{{Protocol: "-1", From: -1, To: -1, Source: everywhere}}
	if p.IPv6 {
		rules = append(rules, Rule{Protocol: "-1", From: -1, To: -1, Source: everywhere6})
	}
	return rules
}

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
			source = sourceSelf
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

// permission returns the rule in AWS's form.
func (r Rule) permission(group string) types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String(r.Protocol)}
	if r.Protocol != "-1" {
		p.FromPort, p.ToPort = aws.Int32(r.From), aws.Int32(r.To)
	}
	switch {
	case r.Source == sourceSelf:
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(group)}}
	case strings.HasPrefix(r.Source, "sg-"):
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(r.Source)}}
	case strings.HasPrefix(r.Source, "pl-"):
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: aws.String(r.Source)}}
	case strings.Contains(r.Source, ":"):
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: aws.String(r.Source)}}
	default:
		p.IpRanges = []types.IpRange{{CidrIp: aws.String(r.Source)}}
	}
	return p
}

// missing returns the elements of want that are not in have.
func missing[T comparable](want, have []T) []T {
	var out []T
	for _, w := range want {
		if !slices.Contains(have, w) && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}
