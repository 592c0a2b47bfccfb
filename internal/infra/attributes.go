// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/securitygroups"
)

// Attributes of existing resources that safety and function depend on. Each is corrected at once
// where that is harmless. docs/drift.md lists all of them, and a test keeps the list complete.

// metadataWanted are the options of the metadata service. They keep forged requests, and guests
// behind a router, from reading the instance's credentials: the response to PUT expires at the
// first hop. All options are explicit, because an image or an account can set other defaults (EC2
// User Guide, configuring-instance-metadata-options).
var metadataWanted = inventory.Metadata{
	Endpoint: "enabled", IPv6: "disabled", Tokens: "required", Tags: "disabled", HopLimit: 1,
}

// differences lists the options that differ, by their names in AWS.
func differences(m, want inventory.Metadata) string {
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
func (b *up) subnetAttributes(network string, n inventory.Subnet) {
	part, network := partSubnet(network), networkName(network)
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
func (b *up) interfaceAttributes(n inventory.Interface, e eni) {
	label := e.label()
	switch {
	case n.Unchecked && !e.forwards:
		b.checks = append(b.checks, func() { // what it has forwarded has another way out by then
			b.change(n.ID+"/check", "network interface", label+" checks source and destination", checkSources(n.Part, true),
				privateRoute)
		})
	case !n.Unchecked && e.forwards:
		b.change(n.Part+"/forward", "network interface", label+forwards, checkSources(n.Part, false))
	}
	if n.DeleteOnTermination {
		b.change(n.ID+"/keep", "network interface", label+" outlives its instance", keepInterface(n.ID, n.Attachment))
	}
	groups := e.partGroups()
	same := len(n.Groups) == len(groups)
	for _, g := range groups {
		same = same && slices.Contains(n.Groups, b.ids[g])
	}
	if !same {
		has := " has security group "
		if len(groups) > 1 {
			has = " has security groups "
		}
		b.change(n.ID+"/groups", "network interface", label+has+strings.Join(e.groups, ", ")+" and no other",
			setGroups(n.ID, groups), groups...)
	}
}

// agentsInterfaces plans the attributes of interfaces made by the gateways' agents: the agents
// decide on their addresses and on nothing else.
func (b *up) agentsInterfaces() {
	for _, n := range b.s.Interfaces {
		for _, node := range b.c.Nodes {
			if awsapi.IsProviderPart(node.Name, n.Part) && n.Part != awsapi.InterfacePart(node.Name, partProvider) &&
				n.Subnet == b.ids[partSubnet(partProvider)] {
				b.ids[n.Part] = n.ID
				b.interfaceAttributes(n, eni{node: node.Name, kind: strings.TrimPrefix(n.Part, "eni/"+node.Name+"/"),
					groups: []string{partProvider}})
			}
		}
	}
}

// instanceAttributes plans the attributes of an existing instance.
func (b *up) instanceAttributes(node cloud.Node, in inventory.Instance) {
	part, object := partInstance(node.Name), "instance "+node.Name
	if d := differences(in.Metadata, metadataWanted); d != "" {
		b.change(part+"/metadata", "instance", node.Name+" guards its metadata: "+d, guardMetadata(in.ID))
	}
	if in.OnShutdown == "terminate" && !in.Spot { // which cannot stop
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
func (b *up) volumes(node cloud.Node, in inventory.Instance) {
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
func (b *up) routesDrift(t inventory.RouteTable) {
	object := "route table"
	if t.Part == partPrivateRoutes {
		object += " private"
	}
	for _, r := range t.Others {
		b.drift(object, "if it is not wanted: aws ec2 delete-route --route-table-id "+t.ID,
			"route not made by macaw: %s", r)
	}
	if t.Main {
		b.drift(object, "make another table the main one: aws ec2 replace-route-table-association",
			"it is the vpc's main route table: other subnets use it too")
	}
}

// egress plans the egress rules of an existing group: allow everything. AWS creates each group with
// such a rule, and adds another when the VPC gets IPv6, to groups that have only the first (VPC
// User Guide, vpc-migrate-ipv6). That second rule stays when the VPC loses IPv6.
func (b *up) egress(network string, have []inventory.Rule) {
	part := partGroup(network)
	out := func(to string) inventory.Rule { return inventory.Rule{Protocol: "-1", From: -1, To: -1, Source: to} }
	want := []inventory.Rule{out(inventory.Everywhere)}
	may := append(slices.Clone(want), out(inventory.Everywhere6))
	if v := b.vpc(); b.c.Provider.IPv6 && v != nil && len(v.IPv6) > 0 {
		want = may
	}
	if add := missing(want, have); len(add) > 0 {
		b.change(part+"/allow-out", "security group", network+" allows out "+securitygroups.Describe(add, "to"),
			authorizeEgress(part, add))
	}
	if extra := missing(have, may); len(extra) > 0 {
		b.change(part+"/revoke-out", "security group", network+" no longer allows out "+securitygroups.Describe(extra, "to"),
			revokeEgress(part, extra))
	}
}
