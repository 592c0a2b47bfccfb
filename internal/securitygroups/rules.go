// SPDX-License-Identifier: Apache-2.0

// Package securitygroups has the security groups of a cloud with their ingress rules. It makes no calls.
package securitygroups

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// managementRules lets the operator in, and the only node reach itself.
func managementRules(m cloud.Management) []inventory.Rule {
	return append([]inventory.Rule{{Protocol: "-1", From: -1, To: -1, Source: inventory.SourceSelf}}, operatorRules(m)...)
}

// operatorRules lets the operator in to SSH, the APIs and the dashboard.
func operatorRules(m cloud.Management) (rules []inventory.Rule) {
	for _, p := range m.Allow {
		for _, port := range cloud.ManagementPorts() {
			rules = append(rules, inventory.Rule{Protocol: "tcp", From: int32(port), To: int32(port), Source: p.String()})
		}
	}
	if m.TLS.ACME.Directory != "" {
		// The authority asks from addresses that it does not tell (Let's Encrypt, FAQ). There is nothing
		// but a redirection otherwise.
		open := inventory.Rule{Protocol: "tcp", From: 80, To: 80, Source: inventory.Everywhere}
		if !slices.Contains(rules, open) {
			rules = append(rules, open)
		}
	}
	return rules
}

func tcp(source string, ports ...int32) (rules []inventory.Rule) {
	for _, p := range ports {
		rules = append(rules, inventory.Rule{Protocol: "tcp", From: p, To: p, Source: source})
	}
	return rules
}

func tcpRange(source string, from, to int32) inventory.Rule {
	return inventory.Rule{Protocol: "tcp", From: from, To: to, Source: source}
}

// nodeRules are those of all nodes of a cloud with several: they may ping each other, and the controller
// reaches each by SSH and reads its agent's metrics.
func nodeRules() []inventory.Rule {
	controller := awsapi.GroupPart(string(model.Controller))
	return append([]inventory.Rule{{Protocol: "icmp", From: -1, To: -1, Source: inventory.SourceSelf}},
		tcp(controller, nodeapi.SSHPort, nodeapi.AgentPort)...)
}

// roleRules are those of the nodes with a role, in a cloud with several nodes: what its services need, and
// the operator. Whatever comes from the forwarded networks may enter gateways, which pass it on to the
// Internet. A rule that names a group costs one of the 60, whatever its size (VPC User Guide,
// amazon-vpc-limits).
func roleRules(m cloud.Management, role model.Role, forwarded []string) (rules []inventory.Rule) {
	nodes, controller := awsapi.GroupPart(awsapi.ManagementNetwork), awsapi.GroupPart(string(model.Controller))
	self := func(r model.Role) string {
		if r == role {
			return inventory.SourceSelf
		}
		return awsapi.GroupPart(string(r))
	}
	switch role {
	case model.Controller:
		rules = append(tcp(nodes, nodeapi.KeystonePort, nodeapi.NeutronPort),
			tcpRange(nodes, nodeapi.NorthboundPort, nodeapi.SouthboundPort))
		computes := self(model.Compute)
		rules = append(rules, tcp(computes, nodeapi.RabbitMQPort, nodeapi.PlacementPort, nodeapi.GlancePort)...)
		rules = append(rules, tcpRange(computes, nodeapi.NovaPort, nodeapi.NovaMetadataPort))
		return append(rules, operatorRules(m)...)
	case model.Compute:
		rules = append(
			tcp(inventory.SourceSelf, nodeapi.LibvirtPort, nodeapi.DisksPort),
			tcpRange(inventory.SourceSelf, nodeapi.MigrationPortFirst, nodeapi.MigrationPortLast),
			tcpRange(controller, nodeapi.DisplayPortFirst, nodeapi.DisplayPortLast),
		)
	case model.Gateway:
		for _, p := range m.Allow {
			rules = append(rules, tcp(p.String(), nodeapi.SSHPort)...)
		}
		for _, network := range forwarded {
			rules = append(rules, inventory.Rule{Protocol: "-1", From: -1, To: -1, Source: network})
		}
	}
	for _, r := range []model.Role{model.Compute, model.Gateway} {
		rules = append(rules, inventory.Rule{Protocol: "udp", From: nodeapi.GenevePort, To: nodeapi.GenevePort,
			Source: self(r)})
	}
	return rules
}

// providerRules allows everything in: Neutron's security groups decide what may reach a guest, and
// rules in two places would conflict.
func providerRules(p cloud.Provider) []inventory.Rule {
	rules := []inventory.Rule{{Protocol: "-1", From: -1, To: -1, Source: inventory.Everywhere}}
	if p.IPv6 {
		rules = append(rules, inventory.Rule{Protocol: "-1", From: -1, To: -1, Source: inventory.Everywhere6})
	}
	return rules
}

// Permission returns a rule of a group in AWS's form. id returns the ID of a part.
func Permission(r inventory.Rule, group string, id func(part string) string) types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String(r.Protocol)}
	if r.Protocol != "-1" { // for ICMP, type and code
		p.FromPort, p.ToPort = aws.Int32(r.From), aws.Int32(r.To)
	}
	switch {
	case r.Source == inventory.SourceSelf:
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(group)}}
	case strings.HasPrefix(r.Source, awsapi.GroupPart("")):
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(id(r.Source))}}
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

// Group is a security group with its ingress rules.
type Group struct {
	Name  string
	Rules []inventory.Rule
}

// Of returns the security groups of a cloud: one for each role if there are several nodes. The first gateway passes
// on what comes from the forwarded networks.
func Of(c *cloud.Cloud, forwarded []string) []Group {
	provider := Group{awsapi.ProviderNetwork, providerRules(c.Provider)}
	if len(c.Nodes) == 1 {
		return []Group{{awsapi.ManagementNetwork, managementRules(c.Management)}, provider}
	}
	all := []Group{{awsapi.ManagementNetwork, nodeRules()}}
	for _, role := range model.Roles() {
		if len(c.With(role)) > 0 {
			all = append(all, Group{string(role), roleRules(c.Management, role, forwarded)})
		}
	}
	return append(all, provider)
}
