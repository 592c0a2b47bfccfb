// SPDX-License-Identifier: Apache-2.0

package internet

import (
	"net/netip"

	"github.com/vishvananda/netlink"

	"macaw.example/lab/internal/namespace"
)

// The Internet's only host with IPv6 answers pings and is a web server. IPv6 ends in the
// namespace: the veth pair to the operator's host has none, and nothing is forwarded. All
// addresses are in the range for documentation (RFC 3849).
var (
	IPv6Host = netip.MustParseAddr("2001:db8:8888::8888")
	// IPv6Pool is the range of VPCs' IPv6 blocks.
	IPv6Pool = netip.MustParsePrefix("2001:db8:1000::/36")
)

// IPv6Name is that host's name.
const IPv6Name = "ipv6.example.com"

// upIPv6 enables IPv6 in the namespace, but not on its veth. The gateway's device needs no
// address; with one it would solicit routers.
func upIPv6() error {
	err := namespace.Sysctl(Namespace, map[string]string{
		"net/ipv6/conf/" + peerDevice + "/disable_ipv6": "1",
		"net/ipv6/conf/default/disable_ipv6":            "0",
		"net/ipv6/conf/default/addr_gen_mode":           "1",
	})
	if err != nil {
		return err
	}
	return namespace.Links(Namespace, func(h *netlink.Handle) error {
		lo, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		return h.AddrReplace(lo, &netlink.Addr{IPNet: single(IPv6Host)})
	})
}

// routeIPv6 routes the VPCs' addresses to the gateway's device, which may come from a lab
// version without IPv6.
func routeIPv6() error {
	// In this order: if IPv6 were enabled first, the device would generate an address.
	for _, s := range [][2]string{{"addr_gen_mode", "1"}, {"disable_ipv6", "0"}} {
		if err := namespace.Sysctl(Namespace, map[string]string{"net/ipv6/conf/" + Gateway + "/" + s[0]: s[1]}); err != nil {
			return err
		}
	}
	return namespace.Links(Namespace, func(h *netlink.Handle) error {
		link, err := h.LinkByName(Gateway)
		if err != nil {
			return err
		}
		return h.RouteReplace(&netlink.Route{Dst: prefix(IPv6Pool), LinkIndex: link.Attrs().Index})
	})
}
