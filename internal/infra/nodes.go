// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
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
		if in.Live() && b.unwanted(in.Part) {
			instances = append(instances, in.ID)
			b.remove(in.ID, "instance", name(in.Part)+" "+in.ID, terminateInstance(in.ID))
		}
	}
	for _, n := range b.s.Interfaces {
		if b.unwanted(n.Part) || b.misplaced(n) {
			b.gone = append(b.gone, n.ID)
			b.remove(n.ID, "network interface", name(n.Part)+" "+n.ID, deleteInterface(n.ID), instances...)
		}
	}
}

// interfaces plans the ENIs of a node. They are made before the instance and outlive it, so that addresses
// and MACs stay. A bakery's only one is made and deleted with its instance.
func (b *up) interfaces(n cloud.Node) {
	if b.w.Bakery {
		return
	}
	at := b.places[n.Name]
	b.eni(eni{node: n.Name, kind: partManagement, network: at.network, primary: at.management, groups: b.groupsOf(n),
		forwards: b.first(n) && len(b.privates) > 0 && !b.usesNAT()})
	if !isGateway(n) {
		return
	}
	provider := eni{node: n.Name, kind: partProvider, network: partProvider, primary: at.provider,
		groups: []string{partProvider}}
	for _, a := range b.c.ProviderAddresses() {
		private := a.String()
		// Where there are several gateways, their agents move addresses to the one that uses them.
		provider.agents = append(provider.agents, private)
		here := b.first(n) && b.c.Provider.ElasticIPs == model.ElasticIPsAll
		if here && b.holder(private) == awsapi.InterfacePart(n.Name, partProvider) {
			provider.secondary = append(provider.secondary, private)
		}
	}
	b.eni(provider)
}

// holder returns the part of the ENI that has one of Neutron's addresses: that of any gateway, or, if none has
// it, the one on which it is made.
func (b *up) holder(private string) string {
	for _, e := range b.s.Interfaces {
		if !b.inVPC(e.VPC) || slices.Contains(b.gone, e.ID) || !slices.Contains(e.Secondary, private) {
			continue
		}
		for _, n := range b.c.With(model.Gateway) {
			if awsapi.IsProviderPart(n.Name, e.Part) {
				b.ids[e.Part] = e.ID
				return e.Part
			}
		}
	}
	gateway, _ := b.gateway()
	return awsapi.InterfacePart(gateway.Name, partProvider)
}

// eni is a network interface that a node is made with.
type eni struct {
	node, kind, network string
	primary             netip.Addr
	secondary           []string // addresses that it has
	agents              []string // those that it may have: the gateways' agents decide
	groups              []string
	forwards            bool // for others: without the source/destination check
}

func (e eni) label() string { return e.kind + " of " + e.node }

// partGroups are the parts of its security groups.
func (e eni) partGroups() (parts []string) {
	for _, g := range e.groups {
		parts = append(parts, partGroup(g))
	}
	return parts
}

// eni plans an ENI with its secondary addresses.
func (b *up) eni(e eni) {
	part, label, secondary := awsapi.InterfacePart(e.node, e.kind), e.label(), e.secondary
	for _, n := range b.s.Interfaces {
		if n.Part != part || n.Subnet != b.ids[partSubnet(e.network)] {
			continue
		}
		b.ids[part] = n.ID
		if a, err := netip.ParseAddr(n.Primary); err == nil && e.kind == partProvider && b.c.InRange(a) {
			b.drift("network interface "+label, "macaw down, then macaw up",
				"its primary address is %s, which the file gives to Neutron", n.Primary)
		}
		// Unassign first: the instance type limits how many fit.
		if extra := missing(n.Secondary, slices.Concat(secondary, e.agents)); len(extra) > 0 {
			b.change(part+"/unassign", "network interface", label+" gives up "+strings.Join(extra, " "),
				unassign(part, extra))
		}
		if add := missing(secondary, n.Secondary); len(add) > 0 {
			b.change(part+"/assign", "network interface", label+" gets "+strings.Join(add, " "), assign(part, add),
				append([]string{part + "/unassign"}, b.gone...)...)
		}
		b.interfaceAttributes(n, e)
		return
	}
	detail := fmt.Sprintf("%s with %s", label, e.primary)
	switch k := len(secondary); k {
	case 0:
	case b.c.Provider.Addresses:
		detail += fmt.Sprintf(" and %s to %s", secondary[0], secondary[k-1])
	default:
		detail += " and " + strings.Join(secondary, " ")
	}
	b.create(part, "network interface", detail,
		createInterface(part, partSubnet(e.network), e.partGroups(), e.primary.String(), secondary),
		slices.Concat([]string{partSubnet(e.network)}, e.partGroups(), b.gone)...)
	if e.forwards {
		b.change(part+"/forward", "network interface", label+forwards, checkSources(part, false), part)
	}
}

// forwards ends the description of an interface that passes on the packets of others.
const forwards = " forwards for private subnets: no source/destination check"

func (b *up) instance(node cloud.Node) {
	part := partInstance(node.Name)
	var gone []string
	for _, in := range b.s.Instances {
		if in.Part != part {
			continue
		}
		if !in.Live() {
			gone = append(gone, in.ID)
			continue
		}
		b.ids[part] = in.ID
		b.instanceDrift(node, in)
		b.instanceAttributes(node, in)
		b.instanceAtRest(node, in)
		b.profile(node, in)
		return
	}
	l := launch{node: node, image: b.w.ImageOf(node), key: keyName(b.c.Name), userData: b.w.userData(node), gone: gone,
		nested: b.w.nests(node.Type)}
	needs := append(partENIs(node), partKeyPair)
	if b.w.Bakery {
		l.primary = b.places[node.Name].management
		needs = []string{partSubnet(partManagement), partGroup(partManagement), partKeyPair}
	}
	if h := holderOf(b.c, node); h != "" {
		l.profile = h.RoleName(b.c.Name, b.s.Region)
		needs = append(needs, partOf(h, partProfile), partOf(h, partProfile)+"/role")
	}
	// Once there is an instance, its agent may have ended an association, see agentsChoice.
	for _, t := range b.targets() {
		if t.node == node.Name || t.node == "" && isGateway(node) {
			needs = append(needs, t.part+"/associate")
		}
	}
	what := node.Name + " " + node.Type
	if node.Spot {
		what += " (spot)"
	}
	b.create(part, "instance", what+" from "+l.image.ID, runInstance(l), needs...)
	b.guests(node, nil, false)
}

// instanceDrift reports differences that only a new instance could correct. That would destroy the
// cloud's data, so it is the operator's decision.
func (b *up) instanceDrift(node cloud.Node, in inventory.Instance) {
	object, hint := "instance "+node.Name, "macaw down, then macaw up makes a new one; its data is lost"
	// A newer image is no difference as long as the file does not name one.
	if node.Image != "" && in.Image != node.Image {
		b.drift(object, hint, "its image is %s, the file says %s", in.Image, node.Image)
	}
	switch {
	case in.Spot && !node.Spot:
		b.drift(object, anotherNode, "it is a Spot Instance, the file says otherwise")
	case !in.Spot && node.Spot:
		b.drift(object, anotherNode, "it is no Spot Instance, the file says so")
	}
	for device, part := range partENIs(node) {
		for _, n := range b.s.Interfaces {
			if n.ID == b.ids[part] && (n.Instance != in.ID || n.Device != int32(device)) {
				_, kind, _ := strings.Cut(name(part), " ")
				b.drift(object, "attach it, then reboot the instance",
					"network interface %s (%s) is not its device %d", n.ID, kind, device)
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
	node    string // whose management address it is, or empty
}

func (b *up) targets() []target {
	if b.w.Bakery {
		return nil
	}
	var out []target
	for _, n := range b.c.Nodes {
		at := b.places[n.Name]
		if at.network != partManagement {
			continue // in a private subnet
		}
		private := at.management.String()
		out = append(out, target{
			part: partNodeAddress(n.Name), eni: awsapi.InterfacePart(n.Name, partManagement), private: private,
			label: fmt.Sprintf("%s, management of %s", private, n.Name), node: n.Name,
		})
	}
	if _, ok := b.gateway(); !ok || b.c.Provider.ElasticIPs != model.ElasticIPsAll {
		return out
	}
	for _, a := range b.c.ProviderAddresses() {
		private := a.String()
		out = append(out, target{
			part: awsapi.AddressPart(private), eni: b.holder(private), private: private, label: private,
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
		if !keep[a.ID] && !b.agents(a) && !b.ofNAT(a) {
			b.remove(a.ID, "elastic ip", strings.TrimSpace(a.Public+" "+a.Private), releaseAddress(a), partRights)
			needs = append(needs, a.ID)
		}
	}
	for _, t := range b.targets() {
		if b.ids[t.part] == "" {
			b.create(t.part, "elastic ip", "for "+t.label, allocateAddress(t.part), needs...)
		}
	}
	b.natAddress(needs)
}

// agents reports whether the gateways' agents decide on an Elastic IP. It has the same part as one
// made with the cloud, so that switching the policy loses none that is in use.
func (b *up) agents(a inventory.Address) bool {
	private, ok := strings.CutPrefix(a.Part, awsapi.AddressParts)
	_, err := netip.ParseAddr(private)
	return ok && err == nil && b.c.Provider.ElasticIPs == model.ElasticIPsOnDemand
}

// address returns the Elastic IP of a target; of duplicates, the one associated with the target.
func (b *up) address(t target) *inventory.Address {
	var best *inventory.Address
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
func (b *up) agentsChoice(a *inventory.Address, t target) bool {
	if a == nil || a.Interface != "" || a.Private != "" {
		return false
	}
	for _, n := range b.s.Interfaces {
		if n.ID == b.ids[t.eni] && n.ID != "" && slices.Contains(n.Secondary, t.private) {
			return slices.ContainsFunc(b.s.Instances, func(i inventory.Instance) bool { return i.ID == n.Instance && i.Live() })
		}
	}
	return false
}
