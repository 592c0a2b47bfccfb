// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
)

// Attributes of existing resources that safety and function depend on. Each is corrected at once
// where that is harmless. docs/drift.md lists all of them, and a test keeps the list complete.

// metadataWanted are the options of the metadata service. They keep forged requests, and guests
// behind a router, from reading the instance's credentials: the response to PUT expires at the
// first hop. All options are explicit, because an image or an account can set other defaults (EC2
// User Guide, configuring-instance-metadata-options).
var metadataWanted = Metadata{Endpoint: "enabled", IPv6: "disabled", Tokens: "required", Tags: "disabled", HopLimit: 1}

// differences lists the options that differ, by their names in AWS.
func (m Metadata) differences(want Metadata) string {
	var all []string
	for _, d := range []struct {
		name string
		same bool
	}{
		{"endpoint", m.Endpoint == want.Endpoint},
		{"IPv6 endpoint", m.IPv6 == want.IPv6 || m.IPv6 == ""},
		{"tokens", m.Tokens == want.Tokens},
		{"hop limit", m.HopLimit == want.HopLimit},
		{"tags in metadata", m.Tags == want.Tags || m.Tags == ""},
	} {
		if !d.same {
			all = append(all, d.name)
		}
	}
	return strings.Join(all, ", ")
}

// subnetAttributes keeps AWS from assigning addresses of its choice to new interfaces and instances
// in a subnet.
func (b *up) subnetAttributes(network string, n Subnet) {
	part := partSubnet(network)
	if n.MapPublic {
		b.change(part+"/public", "subnet", network+" gives no public addresses by itself", mapNoPublic(part))
	}
	if n.AssignIPv6 {
		b.change(part+"/assign-ipv6", "subnet", network+" gives no IPv6 addresses by itself", assignNoIPv6(part))
	}
}

// interfaceAttributes plans a network interface's attributes other than its addresses. Without the
// source/destination check, frames with foreign addresses leave it; with delete-on-termination, it
// takes its addresses and MAC with it.
func (b *up) interfaceAttributes(n Interface, label, network string) {
	if n.Unchecked {
		b.change(n.ID+"/check", "network interface", label+" checks source and destination", checkSources(n.ID))
	}
	if n.DeleteOnTermination {
		b.change(n.ID+"/keep", "network interface", label+" outlives its instance", keepInterface(n.ID, n.Attachment))
	}
	group := partGroup(network)
	if len(n.Groups) != 1 || n.Groups[0] != b.ids[group] {
		b.change(n.ID+"/groups", "network interface", label+" has security group "+network+" and no other",
			setGroups(n.ID, group), group)
	}
}

// agentsInterfaces plans the attributes of interfaces made by the gateways' agents: the agents
// decide on their addresses and on nothing else.
func (b *up) agentsInterfaces() {
	for _, n := range b.s.Interfaces {
		for _, node := range b.c.Nodes {
			if awsapi.IsProviderPart(node.Name, n.Part) && n.Part != awsapi.InterfacePart(node.Name, partProvider) &&
				n.Subnet == b.ids[partSubnet(partProvider)] {
				b.interfaceAttributes(n, strings.TrimPrefix(n.Part, "eni/"+node.Name+"/")+" of "+node.Name,
					partProvider)
			}
		}
	}
}

// instanceAttributes plans the attributes of an existing instance.
func (b *up) instanceAttributes(node cloud.Node, in Instance) {
	part, object := partInstance(node.Name), "instance "+node.Name
	if d := in.Metadata.differences(metadataWanted); d != "" {
		b.change(part+"/metadata", "instance", node.Name+" guards its metadata: "+d, guardMetadata(in.ID))
	}
	if in.OnShutdown == "terminate" {
		b.change(part+"/shutdown", "instance", node.Name+" survives a shutdown from inside", stopOnShutdown(in.ID))
	}
	// Probably set on purpose, and harmless until the cloud is removed.
	if in.NoTerminate {
		b.drift(object,
			"without it: aws ec2 modify-instance-attribute --instance-id "+in.ID+" --no-disable-api-termination",
			"it is protected against termination, and macaw down would be refused")
	}
	if in.NoStop {
		b.drift(object, "without it: aws ec2 modify-instance-attribute --instance-id "+in.ID+" --no-disable-api-stop",
			"it is protected against being stopped")
	}
	if in.Key != keyName(b.c.Name) {
		b.drift(object, "macaw down, then macaw up makes a new one; its data is lost",
			"it was made with key pair %q, not %q", in.Key, keyName(b.c.Name))
	}
	b.volumes(node, in)
}

// volumes plans that the root volume is deleted with its instance: a volume that stays costs money
// and is of no use.
func (b *up) volumes(node cloud.Node, in Instance) {
	for _, v := range b.s.Volumes {
		if v.Instance != in.ID {
			continue
		}
		if !v.DeleteOnTermination {
			b.change(v.ID+"/delete", "volume", v.ID+" of "+node.Name+" is deleted with its instance",
				deleteWithInstance(in.ID, v.Device))
		}
		if v.Size != int32(node.Disk) {
			hint := "aws ec2 modify-volume --volume-id " + v.ID +
				" makes it larger; the partition grows at the next boot"
			if v.Size > int32(node.Disk) {
				hint = "a volume never shrinks; set disk to its size"
			}
			b.drift("instance "+node.Name, hint, "its root volume has %d GiB, the file says %d", v.Size, node.Disk)
		}
	}
}

// leftovers reports resources of the cloud that it does not use.
func (b *up) leftovers() {
	for _, v := range b.s.Volumes {
		if v.Instance == "" && v.State == "available" {
			b.drift("volume "+v.ID, "it costs money: aws ec2 delete-volume --volume-id "+v.ID+", or macaw down",
				"left over from an earlier instance, %s", name(v.Part))
		}
	}
}

// routesDrift reports routes that were added to the cloud's route table. A route to another network
// may be intended. A route that diverts the cloud's own traffic is not wanted, but only its author
// knows why it exists.
func (b *up) routesDrift(t RouteTable) {
	for _, r := range t.Others {
		b.drift("route table", "if it is not wanted: aws ec2 delete-route --route-table-id "+t.ID,
			"route not made by macaw: %s", r)
	}
	if t.Main {
		b.drift("route table", "make another table the main one: aws ec2 replace-route-table-association",
			"it is the vpc's main route table: other subnets use it too")
	}
}

// egress plans the egress rules of an existing group: allow everything. AWS creates each group with
// such a rule, and adds another when the VPC gets IPv6, to groups that have only the first (VPC
// User Guide, vpc-migrate-ipv6). That second rule stays when the VPC loses IPv6.
func (b *up) egress(network string, have []Rule) {
	part := partGroup(network)
	out := func(to string) Rule { return Rule{Protocol: "-1", From: -1, To: -1, Source: to} }
	want, may := []Rule{out(everywhere)}, []Rule{out(everywhere), out(everywhere6)}
	if v := b.vpc(); b.c.Provider.IPv6 && v != nil && len(v.IPv6) > 0 {
		want = may
	}
	if add := missing(want, have); len(add) > 0 {
		b.change(part+"/allow-out", "security group", network+" allows out "+describeRules(add, "to"),
			authorizeEgress(part, add))
	}
	if extra := missing(have, may); len(extra) > 0 {
		b.change(part+"/revoke-out", "security group", network+" no longer allows out "+describeRules(extra, "to"),
			revokeEgress(part, extra))
	}
}

// retag is a resource whose tag does not match its content.
type retag struct{ id, part string }

// retags assigns a part to resources of the cloud whose part tag is unknown, according to their
// content, so that they are not made a second time. For a node's resources, any part of the right
// kind is accepted: it may be another node's.
func (b *up) retags() {
	var all []retag
	fix := func(id string, part *string, right string) {
		kind, _, _ := strings.Cut(right, "/")
		seen, _, _ := strings.Cut(*part, "/")
		if *part == right || seen == kind && slices.Contains([]string{"eni", "instance", "address"}, kind) {
			return
		}
		*part = right
		all = append(all, retag{id, right})
	}
	s := b.s.clone()
	for i := range s.VPCs {
		fix(s.VPCs[i].ID, &s.VPCs[i].Part, partVPC)
	}
	for i := range s.InternetGateways {
		fix(s.InternetGateways[i].ID, &s.InternetGateways[i].Part, partInternetGateway)
	}
	for i := range s.RouteTables {
		fix(s.RouteTables[i].ID, &s.RouteTables[i].Part, partRouteTable)
	}
	for i := range s.KeyPairs {
		fix(s.KeyPairs[i].ID, &s.KeyPairs[i].Part, partKeyPair)
	}
	subnets, enis := map[string]string{}, map[string]string{}
	cidrs := map[string]string{
		partManagement: b.c.Management.Subnet.String(), partProvider: b.c.Provider.Subnet.String(),
	}
	for i, n := range s.Subnets {
		for network, cidr := range cidrs {
			if n.CIDR == cidr {
				fix(n.ID, &s.Subnets[i].Part, partSubnet(network))
				subnets[n.ID] = network
			}
		}
	}
	for i, g := range s.SecurityGroups {
		for _, network := range []string{partManagement, partProvider} {
			if g.Name == groupName(b.c.Name, network) {
				fix(g.ID, &s.SecurityGroups[i].Part, partGroup(network))
			}
		}
	}
	for i, n := range s.Interfaces {
		for k, node := range b.c.Nodes {
			switch {
			case subnets[n.Subnet] == partManagement && n.Primary == b.c.ManagementAddress(k).String():
				fix(n.ID, &s.Interfaces[i].Part, awsapi.InterfacePart(node.Name, partManagement))
			case subnets[n.Subnet] == partProvider && n.Primary == b.c.ProviderPrimary(k).String():
				fix(n.ID, &s.Interfaces[i].Part, awsapi.InterfacePart(node.Name, partProvider))
			}
		}
		enis[s.Interfaces[i].Part] = n.ID
	}
	for i, in := range s.Instances {
		for _, n := range s.Interfaces {
			if rest, ok := strings.CutPrefix(n.Part, "eni/"); ok && in.live() && n.Instance == in.ID && n.Device == 0 {
				node, _, _ := strings.Cut(rest, "/")
				fix(in.ID, &s.Instances[i].Part, partInstance(node))
			}
		}
	}
	for i, a := range s.Addresses {
		for _, t := range b.targets() {
			if a.Interface != "" && a.Interface == enis[t.eni] && a.Private == t.private {
				fix(a.ID, &s.Addresses[i].Part, t.part)
			}
		}
	}
	b.s = s
	for _, r := range all {
		b.change("tag/"+r.id, "tag", awsapi.TagPart+" of "+r.id+" is "+r.part, setPart(r))
	}
}

// clone returns a copy whose lists can be modified.
func (s Seen) clone() Seen {
	s.VPCs = slices.Clone(s.VPCs)
	s.InternetGateways = slices.Clone(s.InternetGateways)
	s.RouteTables = slices.Clone(s.RouteTables)
	s.KeyPairs = slices.Clone(s.KeyPairs)
	s.Subnets = slices.Clone(s.Subnets)
	s.SecurityGroups = slices.Clone(s.SecurityGroups)
	s.Interfaces = slices.Clone(s.Interfaces)
	s.Instances = slices.Clone(s.Instances)
	s.Addresses = slices.Clone(s.Addresses)
	return s
}
