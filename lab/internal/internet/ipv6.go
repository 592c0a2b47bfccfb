// SPDX-License-Identifier: Apache-2.0

package internet

import (
	"net/netip"

	"github.com/vishvananda/netlink"

	"macaw.example/lab/internal/namespace"
)

// The Internet's one host with IPv6 answers ping, and as a web server. IPv6 ends
// in the namespace: the cable to the operator's host has none, and nothing is
// forwarded. All are of the range for documentation (RFC 3849).
var (
	IPv6Host = netip.MustParseAddr("2001:db8:8888::8888")
	// IPv6Pool is the range that VPCs' IPv6 blocks are taken from.
	IPv6Pool = netip.MustParsePrefix("2001:db8:1000::/36")
)

// IPv6Name is that host's name.
const IPv6Name = "ipv6.example.com"

// upIPv6 gives the namespace IPv6, but not its cable. The gateway's device needs
// no address of its own, and one would make it ask for routers.
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

// routeIPv6 sends the VPCs' addresses to the Internet gateway's device, which may
// be of a lab that had no IPv6.
func routeIPv6() error {
	// One after the other: enabled first, the device would make an address.
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
