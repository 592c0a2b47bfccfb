// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"net/netip"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// retag is a resource whose tag does not match its content.
type retag struct{ id, part string }

// retags assigns a part to resources of the cloud whose part tag is unknown, according to their
// content, so that they are not made a second time. For a node's resources, any part of the right
// kind is accepted: it may be another node's.
func (b *up) retags() {
	r := &retagger{up: b}
	b.s = clone(b.s)
	r.network()
	r.groups()
	r.interfaces()
	r.instances()
	r.addresses()
	for _, t := range r.all {
		b.change("tag/"+t.id, "tag", awsapi.TagPart+" of "+t.id+" is "+t.part, setPart(t))
	}
}

type retagger struct {
	*up
	all []retag
}

// fix changes the part of a resource, unless it is of the right kind.
func (r *retagger) fix(id string, part *string, right string) {
	kind, _, _ := strings.Cut(right, "/")
	seen, _, _ := strings.Cut(*part, "/")
	if *part == right || seen == kind && slices.Contains([]string{"eni", "instance", "address"}, kind) {
		return
	}
	*part = right
	r.all = append(r.all, retag{id, right})
}

// network fixes the parts of the VPC and of what is in it once. A subnet is known by its addresses, and a
// private one's zone is its own; a route table with a route to an interface or a
// NAT gateway is the private one.
func (r *retagger) network() {
	s := &r.s
	for i := range s.VPCs {
		r.fix(s.VPCs[i].ID, &s.VPCs[i].Part, partVPC)
	}
	for i := range s.InternetGateways {
		r.fix(s.InternetGateways[i].ID, &s.InternetGateways[i].Part, partInternetGateway)
	}
	for i := range s.NATGateways {
		if !s.NATGateways[i].Deleted() {
			r.fix(s.NATGateways[i].ID, &s.NATGateways[i].Part, partNATGateway)
		}
	}
	for i, t := range s.RouteTables {
		right := partRouteTable
		private := strings.HasPrefix(t.Default, "eni-") || strings.HasPrefix(t.Default, "nat-")
		if t.Part == partPrivateRoutes || t.Part != partRouteTable && private {
			right = partPrivateRoutes
		}
		r.fix(t.ID, &s.RouteTables[i].Part, right)
	}
	for i := range s.KeyPairs {
		r.fix(s.KeyPairs[i].ID, &s.KeyPairs[i].Part, partKeyPair)
	}
	for i, n := range s.Subnets {
		cidr, err := netip.ParsePrefix(n.CIDR)
		switch {
		case err != nil || isPrivate(strings.TrimPrefix(n.Part, partSubnet(""))):
		// What the file says now may not be what it said when the subnets were made.
		case cidr == r.c.Management.Subnet:
			r.fix(n.ID, &s.Subnets[i].Part, partSubnet(partManagement))
		case cidr == r.c.Provider.Subnet:
			r.fix(n.ID, &s.Subnets[i].Part, partSubnet(partProvider))
		case n.Part != partSubnet(partManagement) && n.Part != partSubnet(partProvider):
			for p := range r.c.PrivateSubnets() {
				if p == cidr {
					r.fix(n.ID, &s.Subnets[i].Part, partSubnet(privateNetwork(n.Zone)))
				}
			}
		}
	}
}

func (r *retagger) groups() {
	names := []string{partManagement, partProvider}
	for _, role := range model.Roles() {
		names = append(names, string(role))
	}
	for i, g := range r.s.SecurityGroups {
		for _, network := range names {
			if g.Name == groupName(r.c.Name, network) {
				r.fix(g.ID, &r.s.SecurityGroups[i].Part, partGroup(network))
			}
		}
	}
}

// interfaces fixes the parts of interfaces. One that is attached belongs to its instance's node, and another
// one to the node of which it has the address that a new one would get.
func (r *retagger) interfaces() {
	s := &r.s
	trial := &up{Plan: &Plan{ids: map[string]string{}}, c: r.c, w: r.w, s: *s}
	for _, n := range s.Interfaces {
		if nodeOf(n.Part) == "" {
			trial.gone = append(trial.gone, n.ID) // so that its address is free
		}
	}
	known := trial.locate() == nil && trial.number() == nil
	attached := func(n inventory.Interface, node string) bool {
		return slices.ContainsFunc(s.Instances, func(in inventory.Instance) bool {
			return in.ID == n.Instance && in.Part == partInstance(node)
		})
	}
	for i, n := range s.Interfaces {
		network := r.networkWith(n.Subnet)
		for _, node := range r.c.Nodes {
			at := trial.places[node.Name]
			is := func(a netip.Addr) bool { return !attached(n, node.Name) && known && n.Primary == a.String() }
			switch {
			case attached(n, node.Name) && n.Device == 0, network == at.network && is(at.management):
				r.fix(n.ID, &s.Interfaces[i].Part, awsapi.InterfacePart(node.Name, partManagement))
			case attached(n, node.Name) && n.Device == 1, network == partProvider && is(at.provider):
				r.fix(n.ID, &s.Interfaces[i].Part, awsapi.InterfacePart(node.Name, partProvider))
			}
		}
	}
}

// instances fixes the parts of instances, each by its primary interface.
func (r *retagger) instances() {
	for i, in := range r.s.Instances {
		for _, n := range r.s.Interfaces {
			if rest, ok := strings.CutPrefix(n.Part, "eni/"); ok && in.Live() && n.Instance == in.ID && n.Device == 0 {
				node, _, _ := strings.Cut(rest, "/")
				r.fix(in.ID, &r.s.Instances[i].Part, partInstance(node))
			}
		}
	}
}

// addresses fixes the parts of Elastic IPs, each by the NAT gateway that has it or the address that it is associated
// with.
func (r *retagger) addresses() {
	for i, a := range r.s.Addresses {
		for _, n := range r.s.NATGateways {
			if n.Live() && n.Allocation == a.ID {
				r.fix(a.ID, &r.s.Addresses[i].Part, partNATAddress)
			}
		}
		for _, n := range r.s.Interfaces {
			if a.Interface == "" || a.Interface != n.ID {
				continue
			}
			node := nodeOf(n.Part)
			switch {
			case n.Part == awsapi.InterfacePart(node, partManagement) && a.Private == n.Primary:
				r.fix(a.ID, &r.s.Addresses[i].Part, partNodeAddress(node))
			case awsapi.IsProviderPart(node, n.Part) && r.c.Provider.ElasticIPs == model.ElasticIPsAll &&
				slices.ContainsFunc(r.c.ProviderAddresses(), func(p netip.Addr) bool { return p.String() == a.Private }):
				r.fix(a.ID, &r.s.Addresses[i].Part, awsapi.AddressPart(a.Private))
			}
		}
	}
}

// clone returns a copy whose lists can be modified.
func clone(s inventory.Seen) inventory.Seen {
	s.VPCs = slices.Clone(s.VPCs)
	s.InternetGateways = slices.Clone(s.InternetGateways)
	s.NATGateways = slices.Clone(s.NATGateways)
	s.RouteTables = slices.Clone(s.RouteTables)
	s.KeyPairs = slices.Clone(s.KeyPairs)
	s.Subnets = slices.Clone(s.Subnets)
	s.SecurityGroups = slices.Clone(s.SecurityGroups)
	s.Interfaces = slices.Clone(s.Interfaces)
	s.Instances = slices.Clone(s.Instances)
	s.Addresses = slices.Clone(s.Addresses)
	return s
}
