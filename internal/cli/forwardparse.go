// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"macaw.example/internal/neutron"
)

// protocols are those that OVN can forward ports for (Neutron, "ML2/OVN Port forwarding").
var protocols = []string{"tcp", "udp"}

// cutProtocol cuts off "/tcp" or "/udp"; the default is TCP.
func cutProtocol(s string) (rest, protocol string, err error) {
	rest, protocol, ok := strings.Cut(s, "/")
	if !ok {
		return s, "tcp", nil
	}
	if !slices.Contains(protocols, protocol) {
		return "", "", fmt.Errorf("%s: protocol %q: want %s", s, protocol, strings.Join(protocols, " or "))
	}
	return rest, protocol, nil
}

// parseForward parses "522" or "8000-8010", and "web-1:22" or "dns:53/udp".
func parseForward(outside, to string) (w neutron.WantForward, err error) {
	if w.External, err = neutron.ParsePortRange(outside); err != nil {
		return w, err
	}
	rest, protocol, err := cutProtocol(to)
	if err != nil {
		return w, err
	}
	w.Protocol = protocol
	at := strings.LastIndex(rest, ":")
	if at < 1 {
		return w, fmt.Errorf("%s: want a guest and its port, such as web-1:22 or dns:53/udp", to)
	}
	w.Guest = rest[:at]
	if w.Internal, err = neutron.ParsePortRange(rest[at+1:]); err != nil {
		return w, fmt.Errorf("%s: %w", to, err)
	}
	if w.External.Len() != w.Internal.Len() {
		return w, fmt.Errorf("%s to %s: want as many ports outside as inside", outside, to)
	}
	return w, nil
}

// parseOutside parses "522" or "53/udp".
func parseOutside(s string) (ports neutron.PortRange, protocol string, err error) {
	rest, protocol, err := cutProtocol(s)
	if err != nil {
		return ports, "", err
	}
	ports, err = neutron.ParsePortRange(rest)
	return ports, protocol, err
}

// parseFloating parses the value of --floating-ip.
func parseFloating(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Addr{}, fmt.Errorf("--floating-ip %q: want a floating IP or its Elastic IP, such as 198.51.100.7", s)
	}
	return a, nil
}
