// SPDX-License-Identifier: Apache-2.0

package nodeapi

import (
	"net/netip"
	"slices"

	"macaw.example/internal/model"
)

// OpenStack describes a node and its cloud to the node's services, apart from secrets.
type OpenStack struct {
	Cloud  string       `json:"cloud"`
	Region string       `json:"region"` // OpenStack's region, not AWS's
	Node   string       `json:"node"`   // host name, as the kernel has it
	Roles  []model.Role `json:"roles"`

	Management Management `json:"management"`
	Controller netip.Addr `json:"controller"` // management address of the controller
	// Public is the domain or address by which clients outside reach the controller, for the other
	// nodes: the controller's own is in Management.
	Public string `json:"public,omitempty"`
	// Provider is Neutron's external network, for the controller, which makes it, and gateways.
	Provider Provider `json:"provider"`

	PhysicalNetwork string `json:"physical_network"` // Neutron's name of the provider network
	Bridge          string `json:"bridge"`           // the OVS bridge behind PhysicalNetwork, on gateways
	ProviderPort    string `json:"provider_port"`    // that bridge's uplink device, on gateways

	// Nodes are all nodes of the cloud, with this one. Without any, this one is the only one.
	Nodes []Peer `json:"nodes,omitempty"`
	// NAT are the networks, of nodes without a public address, whose packets to the Internet this
	// gateway masquerades with its management address.
	NAT []netip.Prefix `json:"nat,omitempty"`
	// Spot means that this node is a Spot Instance.
	Spot bool `json:"spot,omitempty"`
	// Evacuate lets the controller evacuate compute nodes whose instance has ended; nil: an operator does.
	Evacuate *Evacuate `json:"evacuate,omitempty"`
}

// Peer is a node of the cloud, as the other nodes know it.
type Peer struct {
	Name    string       `json:"name"`
	Address netip.Addr   `json:"address"` // management address
	Roles   []model.Role `json:"roles"`
	Spot    bool         `json:"spot,omitempty"` // it is a Spot Instance
}

// Has reports whether the node has role r.
func (p Peer) Has(r model.Role) bool { return slices.Contains(p.Roles, r) }

// Management is the node's place on the network of APIs, tunnels and SSH.
type Management struct {
	Address netip.Addr `json:"address"` // services listen on it; internal and admin endpoints name it
	Public  netip.Addr `json:"public"`  // its Elastic IP; not valid on a node without
	// Domain is the DNS name of Public, by which public endpoints and the dashboard are called; empty
	// if they are called by the address.
	Domain string `json:"domain,omitempty"`
	// Foreign means that Domain's certificate is not from the cloud's own authority.
	Foreign bool `json:"foreign,omitempty"`
	// ACME is where Domain's certificate comes from; nil if from elsewhere.
	ACME *ACME `json:"acme,omitempty"`
}

// ACME is a certificate authority that issues certificates by RFC 8555.
type ACME struct {
	Directory string `json:"directory"` // URL
	Email     string `json:"email,omitempty"`
}

// Provider is Neutron's external network.
type Provider struct {
	NICMAC    string       `json:"nic_mac"` // on gateways, as Primary
	Subnet    netip.Prefix `json:"subnet"`
	Gateway   netip.Addr   `json:"gateway"`
	Primary   netip.Addr   `json:"primary"`   // the NIC's own address, never Neutron's
	Addresses []netip.Addr `json:"addresses"` // registered on AWS for Neutron's use
	IPv6      ProviderIPv6 `json:"ipv6,omitzero"`
}

// ProviderIPv6 is the provider network's IPv6 configuration; the zero value is none.
type ProviderIPv6 struct {
	Subnet    netip.Prefix `json:"subnet"`
	Gateway   netip.Addr   `json:"gateway"`
	Addresses []netip.Addr `json:"addresses"` // for Neutron's use
}

// IsZero reports whether there is no IPv6.
func (p ProviderIPv6) IsZero() bool { return !p.Subnet.IsValid() && len(p.Addresses) == 0 }

// Has reports whether the node has role r.
func (s OpenStack) Has(r model.Role) bool { return slices.Contains(s.Roles, r) }

// Tunnels reports whether the cloud has several nodes that guests' networks reach to.
func (s OpenStack) Tunnels() bool { return len(s.Peers(model.Compute, model.Gateway)) > 1 }

// Peers returns the nodes of the cloud with any of these roles, in the order of Nodes.
func (s OpenStack) Peers(roles ...model.Role) []Peer {
	all := s.Nodes
	if len(all) == 0 {
		all = []Peer{{Name: s.Node, Address: s.Management.Address, Roles: s.Roles}}
	}
	var with []Peer
	for _, p := range all {
		if slices.ContainsFunc(roles, p.Has) {
			with = append(with, p)
		}
	}
	return with
}
