// SPDX-License-Identifier: Apache-2.0

package node

import (
	"net/netip"

	"macaw.example/internal/nodeapi"
)

// public is the node's address for access from outside.
func public(s nodeapi.OpenStack) netip.Addr {
	if s.Management.Public.IsValid() {
		return s.Management.Public
	}
	return s.Management.Address
}
