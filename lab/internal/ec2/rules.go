// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"macaw.example/lab/internal/ec2query"
)

// anyProtocol is EC2's value for all traffic.
const anyProtocol = "-1"

// ruleRecord is one rule. Exactly one of CIDR and Source is set.
type ruleRecord struct {
	ID       string
	Group    string
	Egress   bool
	Protocol string // tcp, udp, icmp, icmpv6, a number, or -1
	// From and To are ports, or ICMP type and code; -1 means any.
	From, To    int
	CIDR        string
	Source      string // ID of the group that is the peer
	Description string
	tagHolder
}

func (r *ruleRecord) same(o *ruleRecord) bool {
	return r.Group == o.Group && r.Egress == o.Egress && r.Protocol == o.Protocol &&
		r.From == o.From && r.To == o.To && r.CIDR == o.CIDR && r.Source == o.Source
}

func (r *ruleRecord) ipv6() bool { return strings.Contains(r.CIDR, ":") }

func (t *tx) addRule(r *ruleRecord) {
	r.ID = kindRule.newID()
	t.Rules[r.ID] = r
}

// rulesOf returns the rules of a group in one direction, by ID.
func (t *tx) rulesOf(group string, egress bool) []*ruleRecord {
	return slices.DeleteFunc(byID(t.Rules), func(r *ruleRecord) bool { return r.Group != group || r.Egress != egress })
}

type ipRangeInput struct {
	CidrIp      string
	Description string
}

type ipv6RangeInput struct {
	CidrIpv6    string
	Description string
}

type groupPairInput struct {
	Group       *groupRecord `form:"GroupId,required"`
	GroupName   string
	UserId      string
	VpcId       string
	Description string
}

type permissionInput struct {
	IpProtocol string `form:",required"`
	FromPort   *int
	ToPort     *int
	IpRanges   []ipRangeInput
	Ipv6Ranges []ipv6RangeInput
	Groups     []groupPairInput
}

// permissionsInput holds the parameters common to the four Authorize and Revoke calls.
// The parameters of a single rule are the older form.
type permissionsInput struct {
	dryRun
	Group         *groupRecord `form:"GroupId,required"`
	IpPermissions []permissionInput
	IpProtocol    string
	FromPort      *int
	ToPort        *int
	CidrIp        string
}

// rules builds the rules in the request, if any. It does not add them to the group.
func (in permissionsInput) rules(egress bool) ([]*ruleRecord, error) {
	permissions := in.IpPermissions
	if in.IpProtocol != "" || in.CidrIp != "" {
		if len(permissions) > 0 {
			return nil, badCombination("The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'")
		}
		permissions = []permissionInput{{IpProtocol: in.IpProtocol, FromPort: in.FromPort, ToPort: in.ToPort,
			IpRanges: []ipRangeInput{{CidrIp: in.CidrIp}}}}
	}
	var all []*ruleRecord
	for _, p := range permissions {
		rules, err := p.rules(in.Group, egress)
		if err != nil {
			return nil, err
		}
		all = append(all, rules...)
	}
	return all, nil
}

// rules returns the rules of one permission: one for each peer.
func (p permissionInput) rules(g *groupRecord, egress bool) ([]*ruleRecord, error) {
	base := ruleRecord{Group: g.ID, Egress: egress}
	if err := p.ports(&base); err != nil {
		return nil, err
	}
	var rules []*ruleRecord
	add := func(change func(*ruleRecord)) {
		rule := base
		change(&rule)
		rules = append(rules, &rule)
	}
	for _, r := range p.IpRanges {
		cidr, err := netip.ParsePrefix(r.CidrIp)
		if err != nil || !cidr.Addr().Is4() {
			return nil, invalidParameter("CIDR block %s is malformed", r.CidrIp)
		}
		add(func(rule *ruleRecord) { rule.CIDR, rule.Description = cidr.Masked().String(), r.Description })
	}
	for _, r := range p.Ipv6Ranges {
		cidr, err := netip.ParsePrefix(r.CidrIpv6)
		if err != nil || !isIPv6(cidr.Addr()) {
			return nil, invalidParameter("CIDR block %s is malformed", r.CidrIpv6)
		}
		add(func(rule *ruleRecord) { rule.CIDR, rule.Description = cidr.Masked().String(), r.Description })
	}
	for _, pair := range p.Groups {
		if pair.Group.VPC != g.VPC {
			return nil, kindGroup.missing(pair.Group.ID)
		}
		add(func(rule *ruleRecord) { rule.Source, rule.Description = pair.Group.ID, pair.Description })
	}
	if len(rules) == 0 {
		return nil, missingParameter("ipRanges, ipv6Ranges or groups")
	}
	return rules, nil
}

var protocolNames = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": anyProtocol}

// protocolNumber is the IP protocol of a rule, -1 for any.
func protocolNumber(name string) int {
	for number, n := range protocolNames {
		if n == name && name != anyProtocol {
			name = number
		}
	}
	n, _ := strconv.Atoi(name)
	return n
}

// ports sets protocol and ports. Protocols other than TCP, UDP and ICMP always allow
// all ports (EC2 API Reference, IpPermission).
func (p permissionInput) ports(r *ruleRecord) error {
	r.Protocol = strings.ToLower(p.IpProtocol)
	if name, ok := protocolNames[r.Protocol]; ok {
		r.Protocol = name
	}
	r.From, r.To = -1, -1
	switch r.Protocol {
	case "tcp", "udp":
		if p.FromPort == nil || p.ToPort == nil {
			return invalidParameter("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		r.From, r.To = *p.FromPort, *p.ToPort
		if r.From == -1 && r.To == -1 {
			r.From, r.To = 0, 65535
		}
		if r.From < 0 || r.To > 65535 || r.From > r.To {
			return invalidParameter("Invalid TCP/UDP port range (%d:%d)", r.From, r.To)
		}
	case "icmp", "icmpv6":
		if p.FromPort != nil {
			r.From = *p.FromPort
		}
		if p.ToPort != nil {
			r.To = *p.ToPort
		}
		if r.From < -1 || r.From > 255 || r.To < -1 || r.To > 255 {
			return invalidParameter("ICMP type (%d) or code (%d) out of range", r.From, r.To)
		}
	case anyProtocol:
	default:
		if n, err := strconv.Atoi(r.Protocol); err != nil || n < 0 || n > 255 {
			return invalidParameter("Invalid value '%s' for IP protocol. Unknown protocol.", p.IpProtocol)
		}
	}
	return nil
}

// other reports whether two rules count towards separate quotas: IPv4 and IPv6 rules do
// (VPC User Guide, amazon-vpc-limits). A reference to a group counts towards both.
func (r *ruleRecord) other(o *ruleRecord) bool {
	return r.CIDR != "" && o.CIDR != "" && r.ipv6() != o.ipv6()
}

func count[T any](all []T, is func(T) bool) int {
	n := 0
	for _, v := range all {
		if is(v) {
			n++
		}
	}
	return n
}

type authorizeInput struct {
	permissionsInput
	tagged
}

type authorizeOutput struct {
	response
	Return bool         `xml:"return"`
	Rules  set[ruleXML] `xml:"securityGroupRuleSet"`
}

func authorize(egress bool) func(*tx, authorizeInput) (*authorizeOutput, error) {
	return func(t *tx, in authorizeInput) (*authorizeOutput, error) {
		rules, err := in.rules(egress)
		if err != nil {
			return nil, err
		}
		if len(rules) == 0 {
			return nil, missingParameter("ipPermissions")
		}
		for _, r := range rules {
			have := t.rulesOf(in.Group.ID, egress)
			if slices.ContainsFunc(have, r.same) {
				return nil, duplicateRule(r)
			}
			if len(have)-count(have, func(o *ruleRecord) bool { return o.other(r) }) >= maxRules {
				return nil, fail("RulesPerSecurityGroupLimitExceeded",
					"The maximum number of rules per security group has been reached.")
			}
			if r.Tags, err = in.tagsFor(kindRule); err != nil {
				return nil, err
			}
			t.addRule(r)
		}
		return &authorizeOutput{Return: true, Rules: ec2query.SetOf(rules, t.ruleXML)}, nil
	}
}

func duplicateRule(r *ruleRecord) error {
	return fail("InvalidPermission.Duplicate",
		"the specified rule \"peer: %s, %s, from port: %d, to port: %d, ALLOW\" already exists",
		cmp.Or(r.CIDR, r.Source), r.Protocol, r.From, r.To)
}

type revokeInput struct {
	permissionsInput
	Rules []*ruleRecord `form:"SecurityGroupRuleId"`
}

type revokeOutput struct {
	response
	Return bool                `xml:"return"`
	Rules  set[revokedRuleXML] `xml:"revokedSecurityGroupRuleSet"`
}

func revoke(egress bool) func(*tx, revokeInput) (*revokeOutput, error) {
	return func(t *tx, in revokeInput) (*revokeOutput, error) {
		rules, err := in.rules(egress)
		if err != nil {
			return nil, err
		}
		if len(rules) == 0 && len(in.Rules) == 0 {
			return nil, missingParameter("ipPermissions")
		}
		var revoked []*ruleRecord
		for _, r := range in.Rules {
			if r.Group != in.Group.ID || r.Egress != egress {
				return nil, kindRule.missing(r.ID)
			}
			revoked = append(revoked, r)
		}
		for _, r := range rules {
			have := t.rulesOf(in.Group.ID, egress)
			i := slices.IndexFunc(have, r.same)
			if i < 0 {
				return nil, fail("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			revoked = append(revoked, have[i])
		}
		maps.DeleteFunc(t.Rules, func(_ string, r *ruleRecord) bool { return slices.Contains(revoked, r) })
		return &revokeOutput{Return: true, Rules: ec2query.SetOf(revoked, t.revokedRuleXML)}, nil
	}
}
