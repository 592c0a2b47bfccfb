// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// place is where a node's interfaces are.
type place struct {
	// network of the management interface: partManagement, or the private one of a zone.
	network string
	// management and provider are the interfaces' primary addresses; only gateways have the latter.
	management, provider netip.Addr
}

// privateSubnet is the subnet of the nodes that only compute in a zone.
type privateSubnet struct {
	network, zone string
	cidr          netip.Prefix
}

// anotherNode is the way out where an instance cannot become what the file makes of it.
const anotherNode = "give the node another name: macaw up --yes then makes a new one in its place; its data is lost"

// locate determines the cloud's VPC and zone, each node's network, and the private subnets.
func (b *up) locate() (err error) {
	if v := b.vpc(); v != nil {
		b.ids[partVPC] = v.ID
	}
	if b.home, err = b.zone(); err != nil {
		return err
	}
	b.places = map[string]place{}
	for _, n := range b.c.Nodes {
		network, err := b.networkOf(n)
		if err != nil {
			return err
		}
		b.places[n.Name] = place{network: network}
	}
	return b.locatePrivate()
}

// networkOf returns the network of a node's management interface. An instance's primary interface cannot be
// detached (EC2 User Guide, using-eni), nor can an interface leave its subnet, so an instance stays where it
// was made.
func (b *up) networkOf(n cloud.Node) (string, error) {
	want := partManagement
	if !n.Public() && !b.w.Bakery {
		want = privateNetwork(cmp.Or(n.Zone, b.home))
	}
	// That says more than what follows from the management interface.
	wasGateway := func(e inventory.Interface) bool { return b.holds(e) && awsapi.IsProviderPart(n.Name, e.Part) }
	if !isGateway(n) && slices.ContainsFunc(b.s.Interfaces, wasGateway) {
		return "", b.c.Reject(n.Field("roles"), anotherNode, "%s was made as a gateway, and its instance stays one", n.Name)
	}
	for _, e := range b.s.Interfaces {
		if !b.holds(e) || e.Part != awsapi.InterfacePart(n.Name, partManagement) {
			continue
		}
		have := b.networkWith(e.Subnet)
		switch {
		case have == "", have == want:
		case isPrivate(have) && isPrivate(want):
			b.drift("instance "+n.Name, anotherNode, "it is in %s, the file says %s",
				strings.TrimPrefix(have, privateNetwork("")), strings.TrimPrefix(want, privateNetwork("")))
			return have, nil
		case isPrivate(have):
			return "", b.c.Reject(n.Field("roles"), anotherNode,
				"%s was made for computing only, in a private subnet that it cannot leave", n.Name)
		default:
			return "", b.c.Reject(n.Field("roles"), anotherNode,
				"%s was made as a controller or a gateway, in a subnet that nodes which only compute are not in", n.Name)
		}
	}
	return want, nil
}

// holds reports whether an interface is in the cloud's VPC and attached to a live instance of the cloud.
func (b *up) holds(e inventory.Interface) bool {
	return b.inVPC(e.VPC) && e.Instance != "" &&
		slices.ContainsFunc(b.s.Instances, func(i inventory.Instance) bool { return i.ID == e.Instance && i.Live() })
}

// inVPC reports whether an ID is that of the cloud's VPC, which exists.
func (b *up) inVPC(id string) bool { return id != "" && id == b.ids[partVPC] }

// networkWith returns the network of a subnet, or the empty string.
func (b *up) networkWith(subnet string) string {
	for _, n := range b.s.Subnets {
		if n.ID == subnet && subnet != "" {
			return strings.TrimPrefix(n.Part, partSubnet(""))
		}
	}
	return ""
}

// locatePrivate determines the private subnets in use. Existing ones keep their networks; further ones take
// the next that overlap no subnet of the cloud.
func (b *up) locatePrivate() error {
	var networks []string
	for _, n := range b.c.Nodes {
		if network := b.places[n.Name].network; isPrivate(network) && !slices.Contains(networks, network) {
			networks = append(networks, network)
		}
	}
	slices.Sort(networks)
	var taken []netip.Prefix
	have := map[string]netip.Prefix{}
	for _, n := range b.s.Subnets {
		if p, err := netip.ParsePrefix(n.CIDR); err == nil && b.inVPC(n.VPC) {
			taken = append(taken, p)
			have[strings.TrimPrefix(n.Part, partSubnet(""))] = p
		}
	}
	for _, network := range networks {
		cidr, ok := have[network]
		if !ok {
			for p := range b.c.PrivateSubnets() {
				if cidr, ok = p, !slices.ContainsFunc(taken, p.Overlaps); ok {
					break
				}
			}
		}
		if !ok {
			return fmt.Errorf("planning the subnets: the vpc has no room left for that of %s", network)
		}
		taken = append(taken, cidr)
		b.privates = append(b.privates, privateSubnet{network, strings.TrimPrefix(network, privateNetwork("")), cidr})
	}
	return nil
}

// misplaced reports whether an interface of a node is not in the node's network, or one of a gateway that the
// node no longer is, and free to go.
func (b *up) misplaced(e inventory.Interface) bool {
	for _, n := range b.c.Nodes {
		if nodeOf(e.Part) != n.Name || !b.inVPC(e.VPC) || b.holds(e) {
			continue
		}
		if awsapi.IsProviderPart(n.Name, e.Part) {
			return !isGateway(n)
		}
		network := b.networkWith(e.Subnet)
		return e.Part == awsapi.InterfacePart(n.Name, partManagement) && network != "" &&
			network != b.places[n.Name].network
	}
	return false
}

// number determines the primary address of each node's interfaces. Existing interfaces keep theirs. New ones
// take the lowest free ones of their subnets, the controller's first and then in the file's order, so that no
// change of the file renumbers a node, and a cloud made anew has the addresses that it had.
func (b *up) number() error {
	nodes := slices.Clone(b.c.Nodes)
	slices.SortStableFunc(nodes, func(x, y cloud.Node) int {
		first := func(n cloud.Node) int { return map[bool]int{false: 1}[n.Has(model.Controller)] }
		return cmp.Compare(first(x), first(y))
	})
	var taken []netip.Addr
	for _, e := range b.s.Interfaces {
		if !b.inVPC(e.VPC) || slices.Contains(b.gone, e.ID) {
			continue
		}
		for _, text := range append([]string{e.Primary}, e.Secondary...) {
			if a, err := netip.ParseAddr(text); err == nil {
				taken = append(taken, a)
			}
		}
	}
	for _, n := range b.s.NATGateways {
		if a, err := netip.ParseAddr(n.Private); err == nil && n.Live() && b.inVPC(n.VPC) {
			taken = append(taken, a)
		}
	}
	take := func(node, network string, free func(netip.Addr) bool) (netip.Addr, error) {
		part := awsapi.InterfacePart(node, kindOf(network))
		for _, e := range b.s.Interfaces {
			if e.Part == part && b.inVPC(e.VPC) && b.networkWith(e.Subnet) == network && !slices.Contains(b.gone, e.ID) {
				return netip.ParseAddr(e.Primary)
			}
		}
		for a := range cloud.Usable(b.cidr(network)) {
			if free(a) && !slices.Contains(taken, a) {
				taken = append(taken, a)
				return a, nil
			}
		}
		return netip.Addr{}, errors.New("no address is free in subnet " + b.cidr(network).String() + " for node " + node)
	}
	for _, n := range nodes {
		p := b.places[n.Name]
		var err error
		if p.management, err = take(n.Name, p.network, func(netip.Addr) bool { return true }); err != nil {
			return err
		}
		if isGateway(n) {
			// AWS could choose one in Neutron's range.
			p.provider, err = take(n.Name, partProvider, func(a netip.Addr) bool { return !b.c.InRange(a) })
			if err != nil {
				return err
			}
		}
		b.places[n.Name] = p
	}
	return b.numberNAT(taken)
}

// kindOf is the kind of interface that nodes have in a network.
func kindOf(network string) string {
	if isPrivate(network) {
		return partManagement
	}
	return network
}

// cidr returns the network's addresses, as AWS has them or the file says.
func (b *up) cidr(network string) netip.Prefix {
	for _, n := range b.s.Subnets {
		if p, err := netip.ParsePrefix(n.CIDR); err == nil && n.Part == partSubnet(network) && b.inVPC(n.VPC) {
			return p
		}
	}
	for _, p := range b.privates {
		if p.network == network {
			return p.cidr
		}
	}
	if network == partProvider {
		return b.c.Provider.Subnet
	}
	return b.c.Management.Subnet
}

// gateway returns the first gateway, where Neutron's addresses are made with the cloud and through which the
// private subnets reach the Internet.
func (b *up) gateway() (cloud.Node, bool) { return firstGateway(b.c) }

func firstGateway(c *cloud.Cloud) (cloud.Node, bool) {
	if all := c.With(model.Gateway); len(all) > 0 {
		return all[0], true
	}
	return cloud.Node{}, false
}

// first reports whether a node is the first gateway.
func (b *up) first(n cloud.Node) bool {
	gateway, ok := b.gateway()
	return ok && gateway.Name == n.Name
}
