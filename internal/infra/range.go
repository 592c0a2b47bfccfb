package infra

import (
	"net/netip"

	"macaw.example/internal/cloud"
)

// Range returns the fewest blocks that together are the cloud's addresses: what
// Neutron may give out, and what a gateway's agent may register.
func Range(c *cloud.Cloud) []netip.Prefix {
	return cover(c.Provider.First, c.Provider.Addresses)
}
