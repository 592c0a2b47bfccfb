// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"

	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// externalName is the name of the external network.
const externalName = "public"

// ensureExternal makes the external network, or updates its addresses to those registered on AWS.
func ensureExternal(ctx context.Context, s nodeapi.OpenStack, password string) error {
	if len(s.Provider.Addresses) == 0 {
		return errNothingToDo
	}
	c, err := neutron.Connect(ctx, neutron.Auth{
		URL: keystoneURL(s), User: "admin", Password: password, Project: "admin",
		Region: s.Region, Interface: "internal",
	})
	if err != nil {
		return err
	}
	seen, err := c.EnsureExternal(ctx, neutron.External{
		Name: externalName, PhysicalNetwork: s.PhysicalNetwork, CIDR: s.Provider.Subnet, Gateway: s.Provider.Gateway,
		Addresses: s.Provider.Addresses,
		CIDR6:     s.Provider.IPv6.Subnet, Gateway6: s.Provider.IPv6.Gateway, Addresses6: s.Provider.IPv6.Addresses,
	})
	if err != nil {
		return fmt.Errorf("making the external network: %w", err)
	}
	if len(seen.Changed) == 0 {
		return errNothingToDo
	}
	return nil
}
