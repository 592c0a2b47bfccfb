// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
)

// Outputs is what the rest of Macaw needs to know of a cloud's resources.
type Outputs struct {
	Nodes []NodeOutput `json:"nodes"`
}

// NodeOutput is a node's resources on AWS. Fields of missing resources are empty.
type NodeOutput struct {
	Name       string `json:"name"`
	InstanceID string `json:"instanceID"`
	// ManagementAddress is the private address, ManagementPublic its public one, an Elastic IP unless it is
	// a bakery. A node that only computes has none.
	ManagementAddress string      `json:"managementAddress"`
	ManagementPublic  string      `json:"managementPublic"`
	ProviderENI       ProviderENI `json:"providerENI"`
	// Addresses are the registered ones: with ElasticIPsAll all of Neutron's range, otherwise those
	// that the agent has registered so far.
	Addresses []AddressPair `json:"addresses"`
	// IPv6Addresses are the registered IPv6 addresses, in ascending order.
	IPv6Addresses []string `json:"ipv6Addresses,omitempty"`
	// NAT are the private subnets whose packets to the Internet the node passes on as its own.
	NAT []netip.Prefix `json:"nat,omitempty"`
}

// ProviderENI is the second network interface of a gateway.
type ProviderENI struct {
	ID      string `json:"id"`
	Subnet  string `json:"subnet"` // ID
	MAC     string `json:"mac"`
	Primary string `json:"primary"`
	// IPv6Subnet is the subnet's IPv6 block as a CIDR, empty if it has none.
	IPv6Subnet string `json:"ipv6Subnet,omitempty"`
}

// AddressPair is one of Neutron's addresses that is registered on a provider ENI of the node.
// Public is empty if the address has no Elastic IP, or one that is not the cloud's.
type AddressPair struct {
	Private string `json:"private"`
	Public  string `json:"public,omitempty"`
}

// OutputsOf returns the outputs of each node of the cloud, in the cloud file's order.
func OutputsOf(c *cloud.Cloud, s inventory.Seen) Outputs {
	public := func(eni, private string) string {
		for _, a := range s.Addresses {
			if a.Interface == eni && a.Private == private {
				return a.Public
			}
		}
		return ""
	}
	out := Outputs{Nodes: []NodeOutput{}}
	for _, n := range c.Nodes {
		node := NodeOutput{Name: n.Name, Addresses: []AddressPair{}}
		for _, i := range s.Instances {
			if i.Part == partInstance(n.Name) && i.Live() {
				node.InstanceID = i.ID
			}
		}
		for _, e := range s.Interfaces {
			switch e.Part {
			case awsapi.InterfacePart(n.Name, partManagement):
				node.ManagementAddress, node.ManagementPublic = e.Primary, cmp.Or(public(e.ID, e.Primary), e.Public)
			case awsapi.InterfacePart(n.Name, partProvider):
				node.ProviderENI = ProviderENI{ID: e.ID, Subnet: e.Subnet, MAC: e.MAC, Primary: e.Primary}
			}
		}
		for _, a := range c.ProviderAddresses() {
			private := a.String()
			for _, e := range s.Interfaces {
				if awsapi.IsProviderPart(n.Name, e.Part) && slices.Contains(e.Secondary, private) {
					node.Addresses = append(node.Addresses, AddressPair{private, public(e.ID, private)})
				}
			}
		}
		if subnet, ok := inventory.IPv6Of(s.Subnets, node.ProviderENI.Subnet); ok {
			node.ProviderENI.IPv6Subnet = subnet.String()
			for _, a := range c.ProviderIPv6Addresses(subnet) {
				for _, e := range s.Interfaces {
					if awsapi.IsProviderPart(n.Name, e.Part) && slices.Contains(e.IPv6, a.String()) {
						node.IPv6Addresses = append(node.IPv6Addresses, a.String())
					}
				}
			}
		}
		if gateway, ok := firstGateway(c); ok && gateway.Name == n.Name && !c.UsesNATGateway() {
			node.NAT = privateCIDRs(s)
		}
		out.Nodes = append(out.Nodes, node)
	}
	return out
}

// privateCIDRs returns the networks of the private subnets in ascending order.
func privateCIDRs(s inventory.Seen) (all []netip.Prefix) {
	for _, n := range s.Subnets {
		p, err := netip.ParsePrefix(n.CIDR)
		if network, ok := strings.CutPrefix(n.Part, partSubnet("")); ok && err == nil && isPrivate(network) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(x, y netip.Prefix) int { return x.Addr().Compare(y.Addr()) })
	return all
}
