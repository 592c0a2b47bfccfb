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

// nodeOf returns the node that a part belongs to, or nothing.
func nodeOf(part string) string {
	kind, rest, _ := strings.Cut(part, "/")
	node, what, _ := strings.Cut(rest, "/")
	switch {
	case kind == "instance", kind == "eni", kind == "address" && what == partManagement:
		return node
	}
	return ""
}

// unwanted reports whether a part belongs to a node that the file does not have:
// it has another name there, or is gone.
func (b *up) unwanted(part string) bool {
	node := nodeOf(part)
	return node != "" && !slices.ContainsFunc(b.c.Nodes, func(n cloud.Node) bool { return n.Name == node })
}

// replaced plans that nodes which the file does not have go: the others need
// their addresses. A node's name is its host name, by which Nova and OVN know it,
// so one under another name is another machine.
func (b *up) replaced() {
	var instances []string
	for _, in := range b.s.Instances {
		if in.live() && b.unwanted(in.Part) {
			instances = append(instances, in.ID)
			b.add(Action{ID: in.ID, Verb: Delete, Object: "instance", Detail: name(in.Part) + " " + in.ID, do: terminateInstance(in.ID)})
		}
	}
	for _, n := range b.s.Interfaces {
		if b.unwanted(n.Part) {
			b.gone = append(b.gone, n.ID)
			b.add(Action{ID: n.ID, Verb: Delete, Object: "network interface", Detail: name(n.Part) + " " + n.ID,
				Needs: instances, do: deleteInterface(n.ID)})
		}
	}
}

// interfaces plans both ENIs of the i-th node. They are made before the
// instance and outlive it, so that addresses and MACs stay.
func (b *up) interfaces(i int) {
	node := b.c.Nodes[i].Name
	b.eni(node, partManagement, b.c.ManagementAddress(i), nil, nil)
	var made, agents []string
	for _, a := range b.c.ProviderAddresses() {
		switch {
		case b.c.Provider.ElasticIPs != model.ElasticIPsAll:
			agents = append(agents, a.String())
		case i == 0: // with several nodes the gateways' agents will share them out
			made = append(made, a.String())
		}
	}
	b.eni(node, partProvider, b.c.ProviderPrimary(i), made, agents)
}

// eni plans an ENI with the secondary addresses that it shall have. Which of
// those in agents it has is the business of the gateways' agents.
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
		// Removing comes first: the type limits how many fit.
		if extra := missing(n.Secondary, slices.Concat(secondary, agents)); len(extra) > 0 {
			b.add(Action{ID: part + "/unassign", Verb: Change, Object: "network interface",
				Detail: label + " gives up " + strings.Join(extra, " "), do: unassign(part, extra)})
		}
		if add := missing(secondary, n.Secondary); len(add) > 0 {
			b.add(Action{ID: part + "/assign", Verb: Change, Object: "network interface",
				Detail: label + " gets " + strings.Join(add, " "), Needs: []string{part + "/unassign"}, do: assign(part, add)})
		}
		b.interfaceAttributes(n, label, network)
		return
	}
	detail := fmt.Sprintf("%s with %s", label, primary)
	if k := len(secondary); k > 0 {
		detail += fmt.Sprintf(" and %s to %s", secondary[0], secondary[k-1])
	}
	b.add(Action{ID: part, Verb: Create, Object: "network interface", Detail: detail,
		Needs: append([]string{partSubnet(network), partGroup(network)}, b.gone...),
		do:    createInterface(part, partSubnet(network), partGroup(network), primary.String(), secondary)})
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
		switch in.State {
		case "stopped", "stopping":
			b.add(Action{ID: part, Verb: Start, Object: "instance", Detail: node.Name, Needs: []string{part + "/type", part + "/user-data"}, do: startInstance(part)})
		case "pending":
			b.add(Action{ID: part, Verb: Start, Object: "instance", Detail: node.Name + " (it is starting)", do: awaitInstance(part)})
		}
		b.profile(node, in)
		return nil
	}
	if b.w.Image.ID == "" {
		return fmt.Errorf("planning instance %s: no image to boot", node.Name)
	}
	l := launch{node: node, image: b.w.Image, key: keyName(b.c.Name), userData: b.w.UserData, gone: gone}
	needs := []string{awsapi.InterfacePart(node.Name, partManagement), awsapi.InterfacePart(node.Name, partProvider), partKeyPair}
	if isGateway(node) {
		l.profile = gatewayName(b.c.Name, b.s.Region)
		needs = append(needs, partProfile, partProfile+"/role")
	}
	b.add(Action{ID: part, Verb: Create, Object: "instance", Detail: fmt.Sprintf("%s %s from %s", node.Name, node.Type, b.w.Image.ID),
		Needs: needs, do: runInstance(l)})
	return nil
}

// instanceDrift reports what only a new instance could put right: that would
// take the cloud's data with it, so it is for the operator to say.
func (b *up) instanceDrift(i int, in Instance) {
	node := b.c.Nodes[i]
	object, hint := "instance "+node.Name, "macaw down, then macaw up makes a new one; its data is lost"
	// That there is a newer image by now is no difference to the file, as long
	// as the file does not name one.
	if node.Image != "" && in.Image != node.Image {
		b.drift(object, hint, "its image is %s, the file says %s", in.Image, node.Image)
	}
	for device, network := range []string{partManagement, partProvider} {
		for _, n := range b.s.Interfaces {
			if n.ID == b.ids[awsapi.InterfacePart(node.Name, network)] && (n.Instance != in.ID || n.Device != int32(device)) {
				b.drift(object, "attach it, then reboot the instance", "network interface %s (%s) is not its device %d", n.ID, network, device)
			}
		}
	}
}

// target is where an Elastic IP leads.
type target struct {
	part    string // of the Elastic IP
	eni     string // part of the ENI
	private string
	label   string
}

func (b *up) targets() []target {
	var out []target
	for i, n := range b.c.Nodes {
		private := b.c.ManagementAddress(i).String()
		out = append(out, target{partNodeAddress(n.Name), awsapi.InterfacePart(n.Name, partManagement), private, fmt.Sprintf("%s, management of %s", private, n.Name)})
	}
	if b.c.Provider.ElasticIPs != model.ElasticIPsAll {
		return out
	}
	for _, a := range b.c.ProviderAddresses() {
		out = append(out, target{awsapi.AddressPart(a.String()), awsapi.InterfacePart(b.c.Nodes[0].Name, partProvider), a.String(), a.String()})
	}
	return out
}

// addresses plans the Elastic IPs themselves, which need nothing and so come
// early, and lets go of those that are not wanted: twins too, for AllocateAddress
// has no ClientToken (EC2 API Reference, AllocateAddress) and each costs money.
// The agents lose the right to allocate before their Elastic IPs are released.
func (b *up) addresses() {
	keep := map[string]bool{}
	for _, t := range b.targets() {
		if a := b.address(t); a != nil {
			b.ids[t.part] = a.ID
			keep[a.ID] = true
		}
	}
	var needs []string // with a quota that is just enough, letting go must come first
	for _, a := range b.s.Addresses {
		if !keep[a.ID] && !b.agents(a) {
			b.add(Action{ID: a.ID, Verb: Delete, Object: "elastic ip", Detail: strings.TrimSpace(a.Public + " " + a.Private),
				Needs: []string{partRole + "/rights"}, do: releaseAddress(a)})
			needs = append(needs, a.ID)
		}
	}
	for _, t := range b.targets() {
		if b.ids[t.part] == "" {
			b.add(Action{ID: t.part, Verb: Create, Object: "elastic ip", Detail: "for " + t.label, Needs: needs, do: allocateAddress(t.part)})
		}
	}
}

// agents reports whether an Elastic IP is the gateways' agents' to keep or to
// release. It has the same part as one that is made with the cloud, so that who
// changes the policy from one to the other loses none that is in use.
func (b *up) agents(a Address) bool {
	private, is := strings.CutPrefix(a.Part, awsapi.AddressParts)
	_, err := netip.ParseAddr(private)
	return is && err == nil && b.c.Provider.ElasticIPs == model.ElasticIPsOnDemand
}

// address returns the Elastic IP of a target: of twins the one that leads there.
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
		if a != nil && eni != "" && a.Interface == eni && a.Private == t.private {
			continue
		}
		b.add(Action{ID: t.part + "/associate", Verb: Change, Object: "elastic ip", Detail: "leads to " + t.label,
			// Without an attached Internet gateway AWS answers Gateway.NotAttached.
			Needs: []string{t.part, t.eni, t.eni + "/assign", "internet-gateway/attach"},
			do:    associateAddress(t)})
	}
}
