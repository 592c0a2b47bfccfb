// SPDX-License-Identifier: Apache-2.0

package nodeapi

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"macaw.example/internal/model"
)

// namePattern permits only names that need no quoting in any file, command or query.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// ValidName reports whether a name may be a node's.
func ValidName(name string) bool { return namePattern.MatchString(name) }

// checks collects what is wrong with a spec.
type checks []error

func (c *checks) need(ok bool, format string, args ...any) {
	if !ok {
		*c = append(*c, fmt.Errorf(format, args...))
	}
}

func (c *checks) name(of, name string) {
	c.need(namePattern.MatchString(name), "name of the %s is %q: want letters, digits, dots, dashes and underscores", of,
		name)
}

func (c *checks) roles(node string, roles []model.Role) {
	c.need(len(roles) > 0, "node %s has no role", node)
	for _, r := range roles {
		c.need(slices.Contains(model.Roles(), r), "role %q of node %s is none of controller, compute, gateway", r, node)
	}
}

// Validate returns an error if anything in the spec is missing or contradictory.
func (s OpenStack) Validate() error {
	var c checks
	c.name("cloud", s.Cloud)
	c.name("region", s.Region)
	c.name("node", s.Node)
	c.roles(s.Node, s.Roles)
	c.need(s.Management.Address.IsValid(), "node %s has no management address", s.Node)
	c.need(s.Controller.IsValid(), "no address of the controller")
	if s.Has(model.Controller) {
		c.need(s.Controller == s.Management.Address,
			"node %s is the controller, but the controller's address is %s and not %s",
			s.Node, s.Controller, s.Management.Address)
		c.need(s.Public == "", "node %s is the controller, but told that clients reach the controller as %s",
			s.Node, s.Public)
	} else {
		c.need(s.Controller != s.Management.Address, "node %s is not the controller, but has the controller's address %s",
			s.Node, s.Controller)
		if s.Has(model.Compute) { // consoles
			c.name("controller for clients outside", s.Public)
		}
	}
	s.validateProvider(&c)
	s.validateNodes(&c)
	s.validateNAT(&c)
	if err := errors.Join(c...); err != nil {
		return fmt.Errorf("checking the node's spec: %w", err)
	}
	return nil
}

// validateProvider checks the external network, which the controller makes, and what carries it on a
// gateway.
func (s OpenStack) validateProvider(c *checks) {
	if s.Has(model.Controller) || s.Has(model.Gateway) {
		c.name("physical network", s.PhysicalNetwork)
	}
	if s.Has(model.Gateway) {
		c.name("bridge", s.Bridge)
	} else {
		c.need(s.Provider.NICMAC == "" && !s.Provider.Primary.IsValid(),
			"node %s is no gateway, but has the provider NIC %s %s", s.Node, s.Provider.NICMAC, s.Provider.Primary)
		c.need(s.ProviderPort == "", "node %s is no gateway, but has the provider port %s", s.Node, s.ProviderPort)
	}
	for _, a := range s.Provider.Addresses {
		c.need(s.Provider.Subnet.Contains(a), "provider address %s is outside the subnet %s", a, s.Provider.Subnet)
		c.need(a != s.Provider.Gateway && a != s.Provider.Primary, "provider address %s is not Neutron's to give", a)
	}
	p := s.Provider.IPv6
	if p.IsZero() {
		return
	}
	c.need(p.Subnet.Addr().Is6(), "IPv6 provider subnet %s is not IPv6", p.Subnet)
	c.need(p.Gateway.Is6(), "no gateway of the IPv6 provider subnet %s", p.Subnet)
	c.need(len(p.Addresses) > 0, "no addresses of the IPv6 provider subnet %s", p.Subnet)
	for _, a := range p.Addresses {
		c.need(p.Subnet.Contains(a), "provider address %s is outside the subnet %s", a, p.Subnet)
		c.need(a != p.Gateway, "provider address %s is not Neutron's to give", a)
	}
}

// validateNodes checks the list of the cloud's nodes, and that it says of this one what the spec does.
func (s OpenStack) validateNodes(c *checks) {
	if len(s.Nodes) == 0 {
		return
	}
	names, addresses := map[string]bool{}, map[netip.Addr]bool{}
	for _, p := range s.Nodes {
		c.name("node", p.Name)
		c.roles(p.Name, p.Roles)
		c.need(p.Address.IsValid(), "node %s has no management address", p.Name)
		c.need(!names[p.Name], "two nodes have the name %s", p.Name)
		c.need(!addresses[p.Address], "two nodes have the address %s", p.Address)
		names[p.Name], addresses[p.Address] = true, true
		if p.Has(model.Controller) {
			c.need(p.Address == s.Controller, "node %s at %s is a controller, but the controller's address is %s", p.Name,
				p.Address, s.Controller)
		}
		if p.Name == s.Node {
			c.need(p.Address == s.Management.Address && sameRoles(p.Roles, s.Roles),
				"node %s is at %s with the roles %v, but at %s with %v in the list of nodes", s.Node, s.Management.Address,
				s.Roles, p.Address, p.Roles)
		}
	}
	c.need(names[s.Node], "node %s is not in the list of nodes", s.Node)
	c.need(len(s.Peers(model.Controller)) > 0, "no controller in the list of nodes")
}

// validateNAT checks the networks that this node masquerades.
func (s OpenStack) validateNAT(c *checks) {
	c.need(len(s.NAT) == 0 || s.Has(model.Gateway), "node %s is no gateway, but is to masquerade %v", s.Node, s.NAT)
	for _, p := range s.NAT {
		c.need(p.IsValid() && p.Addr().Is4() && p == p.Masked() && p.Bits() > 0, "%s to masquerade is no IPv4 network", p)
		c.need(!p.Contains(s.Management.Address), "node %s at %s is in %s, which it is to masquerade", s.Node,
			s.Management.Address, p)
	}
}

func sameRoles(a, b []model.Role) bool {
	return !slices.ContainsFunc(model.Roles(), func(r model.Role) bool {
		return slices.Contains(a, r) != slices.Contains(b, r)
	})
}
