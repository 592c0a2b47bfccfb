// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"fmt"
	"net/url"
	"slices"
)

// Admission is whether a guest's security groups admit anybody outside to the ports of a forward.
// If they do not, Neutron forwards all the same, and the guest does not answer.
type Admission struct {
	Open   bool     `json:"open"`
	Groups []string `json:"groups"` // IDs of the guest's security groups; none lets nobody in
}

// Admission returns a forward's admission. A rule for some source addresses counts as admitting,
// since those may be outside. A rule for members of a security group does not: they are inside.
func (p Provider) Admission(ctx context.Context, f Forward) (Admission, error) {
	type securedPort struct {
		Groups  []string `json:"security_groups"`
		Secured *bool    `json:"port_security_enabled"` // nil if Neutron has no such extension
	}
	var a Admission
	err := list(ctx, p.Client.api, "ports", url.Values{"id": {f.PortID}}, func(g securedPort) error {
		a.Groups, a.Open = g.Groups, g.Secured != nil && !*g.Secured
		return nil
	})
	if err != nil {
		return Admission{}, fmt.Errorf("looking for the security groups of %s: %w", f.guest(), err)
	}
	if a.Open || len(a.Groups) == 0 {
		return a, nil
	}
	var rules []ingressRule
	err = list(ctx, p.Client.api, "security-group-rules",
		url.Values{"security_group_id": a.Groups, "direction": {"ingress"}}, func(r ingressRule) error {
			rules = append(rules, r)
			return nil
		})
	if err != nil {
		return Admission{}, fmt.Errorf("looking for the rules of the security groups of %s: %w", f.guest(), err)
	}
	a.Open = admits(rules, f.Protocol, f.Internal)
	return a, nil
}

// ingressRule is a rule of a security group. A null matches anything.
type ingressRule struct {
	EtherType string  `json:"ethertype"`
	Protocol  *string `json:"protocol"`
	Min       *uint16 `json:"port_range_min"`
	Max       *uint16 `json:"port_range_max"`
	Members   *string `json:"remote_group_id"`
}

// protocolNumbers are the other spellings of protocols in rules (IANA, Assigned Internet Protocol
// Numbers).
var protocolNumbers = map[string]string{"tcp": "6", "udp": "17"}

// admits reports whether rules admit somebody outside to all the ports.
func admits(rules []ingressRule, protocol string, ports PortRange) bool {
	rules = slices.DeleteFunc(slices.Clone(rules), func(r ingressRule) bool {
		return r.EtherType != "IPv4" || r.Members != nil ||
			r.Protocol != nil && !slices.Contains([]string{"any", protocol, protocolNumbers[protocol]}, *r.Protocol)
	})
	for port := int(ports.First); port <= int(ports.Last); port++ {
		if !slices.ContainsFunc(rules, func(r ingressRule) bool {
			return (r.Min == nil || int(*r.Min) <= port) && (r.Max == nil || port <= int(*r.Max))
		}) {
			return false
		}
	}
	return true
}
