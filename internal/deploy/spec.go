// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// specOf returns the spec of a node of the cloud, one of all.
func specOf(c *cloud.Cloud, all []infra.NodeOutput, n infra.NodeOutput) (nodeapi.Spec, error) {
	of := c.Nodes[slices.IndexFunc(c.Nodes, func(of cloud.Node) bool { return of.Name == n.Name })]
	controller := all[first(c, model.Controller)]
	spec := nodeapi.Spec{OpenStack: nodeapi.OpenStack{
		Cloud: c.Name, Region: "RegionOne", Node: n.Name, Roles: of.Roles,
		Controller: netip.MustParseAddr(controller.ManagementAddress),
		Management: nodeapi.Management{Address: netip.MustParseAddr(n.ManagementAddress)},
	}}
	s := &spec.OpenStack
	if n.ManagementPublic != "" {
		s.Management.Public = netip.MustParseAddr(n.ManagementPublic)
	}
	if of.Has(model.Controller) {
		s.Management.Domain, s.Management.Foreign = c.Management.Domain, !c.Management.TLS.Own()
		if acme := c.Management.TLS.ACME; acme.Directory != "" {
			s.Management.ACME = &nodeapi.ACME{Directory: acme.Directory, Email: acme.Email}
		}
	} else {
		s.Public = cmp.Or(c.Management.Domain, controller.ManagementPublic)
	}
	if len(all) > 1 {
		s.Nodes = peersOf(c, all)
	}
	s.Spot = of.Spot
	if of.Has(model.Controller) && c.Evacuate {
		s.Evacuate = &nodeapi.Evacuate{Region: region(c), Cloud: c.Name}
	}
	s.PhysicalNetwork, s.Bridge = "provider", "br-ex"
	if of.Has(model.Controller) || of.Has(model.Gateway) {
		ipv6, err := ipv6Of(c, all[first(c, model.Gateway)])
		if err != nil {
			return spec, err
		}
		s.Provider = nodeapi.Provider{Subnet: c.Provider.Subnet, Gateway: c.Provider.Subnet.Masked().Addr().Next(),
			Addresses: c.ProviderAddresses(), IPv6: ipv6}
	}
	if !of.Has(model.Gateway) {
		return spec, nil
	}
	s.NAT = n.NAT
	mac, err := model.ParseMAC(n.ProviderENI.MAC)
	if err != nil {
		return spec, fmt.Errorf("reading the addresses of node %s: %w", n.Name, err)
	}
	s.ProviderPort = "mcw1"
	s.Provider.NICMAC, s.Provider.Primary = n.ProviderENI.MAC, netip.MustParseAddr(n.ProviderENI.Primary)
	spec.Agent = nodeapi.Agent{
		Cloud: c.Name, Node: n.Name, Gateways: gatewaysOf(c),
		Region: region(c), Instance: n.InstanceID, InstanceType: of.Type, SubnetID: n.ProviderENI.Subnet,
		Policy: c.Provider.ElasticIPs, Pool: c.Provider.Pool,
		ReleaseAfter: c.Provider.ReleaseAfter, Range: infra.Range(c),
		NICMAC: mac, Primary: s.Provider.Primary, Subnet: c.Provider.Subnet, VPC: []netip.Prefix{c.VPC.CIDR},
		Network: externalNetwork,
		Metrics: netip.AddrPortFrom(s.Management.Address, nodeapi.AgentPort), AuthFile: nodeapi.AgentAuth,
	}
	if len(gatewaysOf(c)) > 1 {
		spec.Agent.Southbound = &nodeapi.Database{
			Endpoint:    "ssl:" + netip.AddrPortFrom(s.Controller, nodeapi.SouthboundPort).String(),
			Certificate: nodeapi.OVNCertificate, Key: nodeapi.OVNKey, Authorities: nodeapi.OVNAuthorities,
		}
	}
	if ipv6 := s.Provider.IPv6; ipv6.Subnet.IsValid() {
		spec.Agent.Range = append(spec.Agent.Range, cloud.IPv6Block(ipv6.Subnet))
		spec.Agent.VPC = append(spec.Agent.VPC, cloud.VPCIPv6Block(ipv6.Subnet))
	}
	return spec, nil
}

// peersOf are all nodes, as each of them knows them.
func peersOf(c *cloud.Cloud, all []infra.NodeOutput) (peers []nodeapi.Peer) {
	for i, n := range all {
		peers = append(peers, nodeapi.Peer{Name: n.Name, Address: netip.MustParseAddr(n.ManagementAddress),
			Roles: c.Nodes[i].Roles, Spot: c.Nodes[i].Spot})
	}
	return peers
}

// ipv6Of returns the provider network's IPv6 settings, if the cloud has IPv6.
func ipv6Of(c *cloud.Cloud, n infra.NodeOutput) (nodeapi.ProviderIPv6, error) {
	if !c.Provider.IPv6 {
		return nodeapi.ProviderIPv6{}, nil
	}
	subnet, err := netip.ParsePrefix(n.ProviderENI.IPv6Subnet)
	if err != nil {
		return nodeapi.ProviderIPv6{}, fmt.Errorf("reading the IPv6 block of node %s's provider subnet: %w", n.Name, err)
	}
	return nodeapi.ProviderIPv6{Subnet: subnet, Gateway: cloud.IPv6Gateway(subnet),
		Addresses: c.ProviderIPv6Addresses(subnet)}, nil
}

// gatewaysOf returns the names of the cloud's gateway nodes.
func gatewaysOf(c *cloud.Cloud) (names []string) {
	for _, n := range c.With(model.Gateway) {
		names = append(names, n.Name)
	}
	return names
}
