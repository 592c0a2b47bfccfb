// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"net/netip"
	"slices"

	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// specOf returns the spec of a node of the cloud.
func specOf(c *cloud.Cloud, n infra.NodeOutput) (nodeapi.Spec, error) {
	ipv6, err := ipv6Of(c, n)
	if err != nil {
		return nodeapi.Spec{}, err
	}
	management := netip.MustParseAddr(n.ManagementAddress)
	primary := netip.MustParseAddr(n.ProviderENI.Primary)
	spec := nodeapi.Spec{
		OpenStack: nodeapi.OpenStack{
			Cloud: c.Name, Region: "RegionOne", Node: n.Name, Controller: management,
			Management: nodeapi.Management{Address: management, Public: netip.MustParseAddr(n.ManagementPublic),
				Domain: c.Management.Domain, Foreign: !c.Management.TLS.Own()},
			Provider: nodeapi.Provider{
				NICMAC: n.ProviderENI.MAC, Subnet: c.Provider.Subnet, Gateway: c.Provider.Subnet.Masked().Addr().Next(),
				Primary: primary, Addresses: c.ProviderAddresses(), IPv6: ipv6,
			},
			PhysicalNetwork: "provider", Bridge: "br-ex", ProviderPort: "mcw1",
		},
	}
	mac, err := model.ParseMAC(n.ProviderENI.MAC)
	if err != nil {
		return nodeapi.Spec{}, fmt.Errorf("reading the addresses of node %s: %w", n.Name, err)
	}
	if acme := c.Management.TLS.ACME; acme.Directory != "" {
		spec.OpenStack.Management.ACME = &nodeapi.ACME{Directory: acme.Directory, Email: acme.Email}
	}
	spec.Agent = nodeapi.Agent{
		Cloud: c.Name, Node: n.Name, Gateways: gatewaysOf(c),
		Region: region(c), Instance: n.InstanceID, SubnetID: n.ProviderENI.Subnet,
		Policy: c.Provider.ElasticIPs, Pool: c.Provider.Pool,
		ReleaseAfter: c.Provider.ReleaseAfter, Range: infra.Range(c),
		NICMAC: mac, Primary: primary, Subnet: c.Provider.Subnet, VPC: []netip.Prefix{c.VPC.CIDR}, Network: externalNetwork,
		Metrics: netip.AddrPortFrom(management, metricsPort), AuthFile: nodeapi.AgentAuth,
	}
	if ipv6.Subnet.IsValid() {
		spec.Agent.Range = append(spec.Agent.Range, cloud.IPv6Block(ipv6.Subnet))
		spec.Agent.VPC = append(spec.Agent.VPC, cloud.VPCIPv6Block(ipv6.Subnet))
	}
	for _, of := range c.Nodes {
		if of.Name == n.Name {
			spec.Agent.InstanceType = of.Type
			spec.OpenStack.Roles = of.Roles
		}
	}
	return spec, nil
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

// metricsPort is the port of a gateway agent's Prometheus endpoint, at the node's management
// address.
const metricsPort = 9478

// gatewaysOf returns the names of the cloud's gateway nodes.
func gatewaysOf(c *cloud.Cloud) (names []string) {
	for _, n := range c.Nodes {
		if slices.Contains(n.Roles, model.Gateway) {
			names = append(names, n.Name)
		}
	}
	return names
}
