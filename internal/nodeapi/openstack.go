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

// OpenStack describes a node and its cloud to the node's services, apart from secrets.
type OpenStack struct {
	Cloud  string       `json:"cloud"`
	Region string       `json:"region"` // OpenStack's region, not AWS's
	Node   string       `json:"node"`   // host name, as the kernel has it
	Roles  []model.Role `json:"roles"`

	Management Management `json:"management"`
	Controller netip.Addr `json:"controller"` // management address of the controller
	Provider   Provider   `json:"provider"`

	PhysicalNetwork string `json:"physical_network"` // Neutron's name of the provider network
	Bridge          string `json:"bridge"`           // the OVS bridge behind PhysicalNetwork
	ProviderPort    string `json:"provider_port"`    // that bridge's uplink device

	// Tunnels means that the cloud has other nodes, to which the networks of guests reach.
	Tunnels bool `json:"tunnels,omitempty"`
}

// Management is the node's place on the network of APIs, tunnels and SSH.
type Management struct {
	Address netip.Addr `json:"address"` // services listen on it; internal and admin endpoints name it
	Public  netip.Addr `json:"public"`  // its Elastic IP
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
	NICMAC    string       `json:"nic_mac"`
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

// namePattern permits only names that need no quoting in any file, command or query.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Validate returns an error if anything in the spec is missing or contradictory.
func (s OpenStack) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, n := range []struct{ of, name string }{
		{"cloud", s.Cloud}, {"region", s.Region}, {"node", s.Node}, {"physical network", s.PhysicalNetwork},
		{"bridge", s.Bridge},
	} {
		need(namePattern.MatchString(n.name), "name of the %s is %q: want letters, digits, dots, dashes and underscores",
			n.of, n.name)
	}
	need(len(s.Roles) > 0, "node %s has no role", s.Node)
	for _, r := range s.Roles {
		need(r == model.Controller || r == model.Compute || r == model.Gateway,
			"role %q is none of controller, compute, gateway", r)
	}
	need(s.Management.Address.IsValid(), "node %s has no management address", s.Node)
	need(s.Controller.IsValid(), "no address of the controller")
	if s.Has(model.Controller) {
		need(s.Controller == s.Management.Address, "node %s is the controller, but the controller's address is %s and not %s",
			s.Node, s.Controller, s.Management.Address)
	}
	for _, a := range s.Provider.Addresses {
		need(s.Provider.Subnet.Contains(a), "provider address %s is outside the subnet %s", a, s.Provider.Subnet)
		need(a != s.Provider.Gateway && a != s.Provider.Primary, "provider address %s is not Neutron's to give", a)
	}
	if p := s.Provider.IPv6; !p.IsZero() {
		need(p.Subnet.Addr().Is6(), "IPv6 provider subnet %s is not IPv6", p.Subnet)
		need(p.Gateway.Is6(), "no gateway of the IPv6 provider subnet %s", p.Subnet)
		need(len(p.Addresses) > 0, "no addresses of the IPv6 provider subnet %s", p.Subnet)
		for _, a := range p.Addresses {
			need(p.Subnet.Contains(a), "provider address %s is outside the subnet %s", a, p.Subnet)
			need(a != p.Gateway, "provider address %s is not Neutron's to give", a)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("checking the node's spec: %w", err)
	}
	return nil
}
