// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/model"
)

// nodeOf returns the node that a part belongs to, or the empty string.
func nodeOf(part string) string {
	kind, rest, _ := strings.Cut(part, "/")
	node, what, _ := strings.Cut(rest, "/")
	switch {
	case kind == "instance", kind == "eni", kind == "address" && what == partManagement:
		return node
	}
	return ""
}

// unwanted reports whether a part belongs to a node that the file no longer has, removed or
// renamed.
func (b *up) unwanted(part string) bool {
	node := nodeOf(part)
	return node != "" && !slices.ContainsFunc(b.c.Nodes, func(n cloud.Node) bool { return n.Name == node })
}

// replaced plans the removal of nodes that the file does not have, since the others need their
// addresses. A node's name is its host name, which identifies it to Nova and OVN, so a renamed node
// is another machine.
func (b *up) replaced() {
	var instances []string
	for _, in := range b.s.Instances {
		if in.live() && b.unwanted(in.Part) {
			instances = append(instances, in.ID)
			b.remove(in.ID, "instance", name(in.Part)+" "+in.ID, terminateInstance(in.ID))
		}
	}
	for _, n := range b.s.Interfaces {
		if b.unwanted(n.Part) {
			b.gone = append(b.gone, n.ID)
			b.remove(n.ID, "network interface", name(n.Part)+" "+n.ID, deleteInterface(n.ID), instances...)
		}
	}
}

// interfaces plans both ENIs of the i-th node. They are made before the instance and outlive it, so
// that addresses and MACs stay. A bakery's only one is made and deleted with its instance.
func (b *up) interfaces(i int) {
	if b.w.Bakery {
		return
	}
	node := b.c.Nodes[i].Name
	b.eni(node, partManagement, b.c.ManagementAddress(i), nil, nil)
	var made, agents []string
	for _, a := range b.c.ProviderAddresses() {
		switch {
		case b.c.Provider.ElasticIPs != model.ElasticIPsAll:
			agents = append(agents, a.String())
		case i == 0: // with several nodes the gateways' agents distribute them
			made = append(made, a.String())
		}
	}
	b.eni(node, partProvider, b.c.ProviderPrimary(i), made, agents)
}

// eni plans an ENI with its secondary addresses. The gateways' agents decide which of the addresses
// in agents it has.
func (b *up) eni(node, network string, primary netip.Addr, secondary, agents []string) {
	part := awsapi.InterfacePart(node, network)
	label := fmt.Sprintf("%s of %s", network, node)
	for _, n := range b.s.Interfaces {
		if n.Part != part || n.Subnet != b.ids[partSubnet(network)] {
			continue
		}
		b.ids[part] = n.ID
		if n.Primary != primary.String() {
			b.drift("network interface "+label, "macaw down, then macaw up",
				"its primary address is %s, the file makes it %s", n.Primary, primary)
		}
		// Unassign first: the instance type limits how many fit.
		if extra := missing(n.Secondary, slices.Concat(secondary, agents)); len(extra) > 0 {
			b.change(part+"/unassign", "network interface", label+" gives up "+strings.Join(extra, " "),
				unassign(part, extra))
		}
		if add := missing(secondary, n.Secondary); len(add) > 0 {
			b.change(part+"/assign", "network interface", label+" gets "+strings.Join(add, " "), assign(part, add),
				part+"/unassign")
		}
		b.interfaceAttributes(n, label, network)
		return
	}
	detail := fmt.Sprintf("%s with %s", label, primary)
	if k := len(secondary); k > 0 {
		detail += fmt.Sprintf(" and %s to %s", secondary[0], secondary[k-1])
	}
	b.create(part, "network interface", detail,
		createInterface(part, partSubnet(network), partGroup(network), primary.String(), secondary),
		append([]string{partSubnet(network), partGroup(network)}, b.gone...)...)
}

func (b *up) instance(i int) error {
	node := b.c.Nodes[i]
	part := partInstance(node.Name)
	var gone []string
	for _, in := range b.s.Instances {
		if in.Part != part {
			continue
		}
		if !in.live() {
			gone = append(gone, in.ID)
			continue
		}
		b.ids[part] = in.ID
		b.instanceDrift(i, in)
		b.instanceAttributes(node, in)
		b.instanceAtRest(node, in)
		b.profile(node, in)
		return nil
	}
	l := launch{node: node, image: b.w.Image, key: keyName(b.c.Name), userData: b.w.UserData, gone: gone,
		nested: b.w.nests(node.Type)}
	needs := append(partENIs(node.Name), partKeyPair)
	if b.w.Bakery {
		l.primary = b.c.ManagementAddress(i)
		needs = []string{partSubnet(partManagement), partGroup(partManagement), partKeyPair}
	}
	if isGateway(node) {
		l.profile = GatewayName(b.c.Name, b.s.Region)
		needs = append(needs, partProfile, partProfile+"/role")
	}
	// Once there is an instance, its agent may have ended an association, see agentsChoice.
	for _, t := range b.targets() {
		needs = append(needs, t.part+"/associate")
	}
	b.create(part, "instance", fmt.Sprintf("%s %s from %s", node.Name, node.Type, b.w.Image.ID),
		runInstance(l), needs...)
	b.guests(node, nil, false)
	return nil
}

// instanceDrift reports differences that only a new instance could correct. That would destroy the
// cloud's data, so it is the operator's decision.
func (b *up) instanceDrift(i int, in Instance) {
	node := b.c.Nodes[i]
	object, hint := "instance "+node.Name, "macaw down, then macaw up makes a new one; its data is lost"
	// A newer image is no difference as long as the file does not name one.
	if node.Image != "" && in.Image != node.Image {
		b.drift(object, hint, "its image is %s, the file says %s", in.Image, node.Image)
	}
	for device, network := range []string{partManagement, partProvider} {
		for _, n := range b.s.Interfaces {
			ours := n.ID == b.ids[awsapi.InterfacePart(node.Name, network)]
			if ours && (n.Instance != in.ID || n.Device != int32(device)) {
				b.drift(object, "attach it, then reboot the instance",
					"network interface %s (%s) is not its device %d", n.ID, network, device)
			}
		}
	}
}

// target is the destination of an Elastic IP.
type target struct {
	part    string // of the Elastic IP
	eni     string // part of the ENI
	private string
	label   string
}

func (b *up) targets() []target {
	if b.w.Bakery {
		return nil
	}
	var out []target
	for i, n := range b.c.Nodes {
		private := b.c.ManagementAddress(i).String()
		out = append(out, target{
			part: partNodeAddress(n.Name), eni: awsapi.InterfacePart(n.Name, partManagement), private: private,
			label: fmt.Sprintf("%s, management of %s", private, n.Name),
		})
	}
	if b.c.Provider.ElasticIPs != model.ElasticIPsAll {
		return out
	}
	for _, a := range b.c.ProviderAddresses() {
		private := a.String()
		out = append(out, target{
			part: awsapi.AddressPart(private), eni: awsapi.InterfacePart(b.c.Nodes[0].Name, partProvider),
			private: private, label: private,
		})
	}
	return out
}

// addresses plans the Elastic IPs. They depend on nothing, so they come early. It also releases
// unwanted ones, including duplicates: AllocateAddress has no ClientToken (EC2 API Reference,
// AllocateAddress) and each costs money. The agents lose the right to allocate before their Elastic
// IPs are released.
func (b *up) addresses() {
	keep := map[string]bool{}
	for _, t := range b.targets() {
		if a := b.address(t); a != nil {
			b.ids[t.part] = a.ID
			keep[a.ID] = true
		}
	}
	var needs []string // under a tight quota, releases must come first
	for _, a := range b.s.Addresses {
		if !keep[a.ID] && !b.agents(a) {
			b.remove(a.ID, "elastic ip", strings.TrimSpace(a.Public+" "+a.Private), releaseAddress(a), partRights)
			needs = append(needs, a.ID)
		}
	}
	for _, t := range b.targets() {
		if b.ids[t.part] == "" {
			b.create(t.part, "elastic ip", "for "+t.label, allocateAddress(t.part), needs...)
		}
	}
}

// agents reports whether the gateways' agents decide on an Elastic IP. It has the same part as one
// made with the cloud, so that switching the policy loses none that is in use.
func (b *up) agents(a Address) bool {
	private, ok := strings.CutPrefix(a.Part, awsapi.AddressParts)
	_, err := netip.ParseAddr(private)
	return ok && err == nil && b.c.Provider.ElasticIPs == model.ElasticIPsOnDemand
}

// address returns the Elastic IP of a target; of duplicates, the one associated with the target.
func (b *up) address(t target) *Address {
	var best *Address
	for i, a := range b.s.Addresses {
		if a.Part == t.part && (best == nil || a.Private == t.private && best.Private != t.private) {
			best = &b.s.Addresses[i]
		}
	}
	return best
}

func (b *up) associations() {
	for _, t := range b.targets() {
		a, eni := b.address(t), b.ids[t.eni]
		if a != nil && eni != "" && a.Interface == eni && a.Private == t.private || b.agentsChoice(a, t) {
			continue
		}
		b.change(t.part+"/associate", "elastic ip", "associated with "+t.label, associateAddress(t),
			// Without an attached Internet gateway AWS returns Gateway.NotAttached.
			t.part, t.eni, t.eni+"/assign", partAttachment)
	}
}

// agentsChoice reports whether an Elastic IP is without an association because an agent may have
// ended it: a tenant's tag asks for none or another. The agent also associates it again, when
// Neutron uses the address without such a tag. Before the instance exists, and as long as the
// address is not registered, there was no agent that could decide.
func (b *up) agentsChoice(a *Address, t target) bool {
	if a == nil || a.Interface != "" || a.Private != "" {
		return false
	}
	for _, n := range b.s.Interfaces {
		if n.ID == b.ids[t.eni] && n.ID != "" && slices.Contains(n.Secondary, t.private) {
			return slices.ContainsFunc(b.s.Instances, func(i Instance) bool { return i.ID == n.Instance && i.live() })
		}
	}
	return false
}
