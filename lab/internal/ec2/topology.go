// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"

	"macaw.example/lab/internal/vpc"
)

// topology renders the model for the fabric, ordered by ID, so equal models give equal
// topologies.
func (t *tx) topology() vpc.Topology {
	var top vpc.Topology
	for _, v := range byID(t.VPCs) {
		r := vpc.VPC{ID: v.ID, CIDRs: v.blocks(), IPv6: v.blocks6()}
		if g := t.gatewayOf(v.ID); g != nil {
			r.InternetGateway = g.ID
		}
		r.PublicAccess = t.publicAccess(v.ID)
		top.VPCs = append(top.VPCs, r)
	}
	for _, s := range byID(t.Subnets) {
		r := vpc.Subnet{ID: s.ID, VPC: s.VPC, CIDR: s.CIDR, IPv6: s.IPv6}
		table := t.routeTableOf(s)
		for _, route := range table.Routes {
			r.Routes = append(r.Routes, t.fabricRoute(table, route))
		}
		top.Subnets = append(top.Subnets, r)
	}
	for _, g := range byID(t.Groups) {
		top.SecurityGroups = append(top.SecurityGroups, vpc.SecurityGroup{ID: g.ID, VPC: g.VPC,
			Ingress: fabricRules(t.rulesOf(g.ID, false)), Egress: fabricRules(t.rulesOf(g.ID, true))})
	}
	for _, e := range byID(t.ENIs) {
		top.ENIs = append(top.ENIs, vpc.ENI{ID: e.ID, Subnet: e.Subnet, MAC: e.MAC, Addresses: slices.Clone(e.Addresses),
			IPv6: slices.Clone(e.IPv6), Prefixes: slices.Clone(e.Prefixes),
			Tracking: t.tracking(e), StatusCheck: t.statusChecked(e),
			SourceDestCheck: e.SourceDestCheck, SecurityGroups: slices.Clone(e.Groups), Attached: t.carries(e),
			Hostname: t.hostnameOf(e)})
	}
	for _, a := range byID(t.Addresses) {
		if a.Association != "" {
			top.ElasticIPs = append(top.ElasticIPs, vpc.ElasticIP{Public: a.Public, ENI: a.ENI, Private: a.Private})
		}
	}
	for _, e := range byID(t.ENIs) {
		if e.Public.IsValid() {
			top.ElasticIPs = append(top.ElasticIPs, vpc.ElasticIP{Public: e.Public, ENI: e.ID, Private: e.primary()})
		}
	}
	for _, n := range t.natGatewaysAvailable() {
		top.NATGateways = append(top.NATGateways, vpc.NATGateway{ID: n.ID, ENI: n.ENI})
	}
	return top
}

// carries reports whether an interface carries traffic: on an instance from its launch,
// when it requests its address, until it is powered off; on a NAT gateway always.
func (t *tx) carries(e *eniRecord) bool {
	switch {
	case e.Attachment == nil:
		return false
	case e.NATGateway != "":
		return true
	}
	switch t.Instances[e.Attachment.Instance].State {
	case statePending, stateRunning, stateStopping, stateShuttingDown:
		return true
	}
	return false
}

// statusChecked reports whether an interface is the primary one of an instance, which
// the status checks probe.
func (t *tx) statusChecked(e *eniRecord) bool {
	a := e.Attachment
	return a != nil && a.Instance != "" && a.DeviceIndex == 0 && a.Card == 0
}

func (t *tx) fabricRoute(table *routeTableRecord, r routeRecord) vpc.Route {
	route := vpc.Route{Dest: r.Dest, Target: t.target(table, r)}
	switch {
	case route.Target == vpc.TargetNATGateway && t.NATGateways[r.Target].State != natAvailable:
		route.Target = vpc.TargetBlackhole // while it is pending
	case route.Target == vpc.TargetInternetGateway, route.Target == vpc.TargetENI, route.Target == vpc.TargetNATGateway:
		route.ID = r.Target
	}
	return route
}

func fabricRules(records []*ruleRecord) []vpc.Rule {
	var rules []vpc.Rule
	for _, r := range records {
		rule := vpc.Rule{Protocol: protocolNumber(r.Protocol), FromPort: r.From, ToPort: r.To, Group: r.Source}
		if r.CIDR != "" {
			rule.CIDR = netip.MustParsePrefix(r.CIDR) // parsed on creation
		}
		rules = append(rules, rule)
	}
	return rules
}
