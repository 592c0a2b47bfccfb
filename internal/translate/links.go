// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"macaw.example/internal/model"
)

// linkLocalOf returns the link-local address that a router makes from its MAC;
// RFC 4291, appendix A.
func linkLocalOf(mac model.MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80,
		8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
}

// aliases returns, for each router's link-local address, the registered address in whose
// name its neighbour discovery leaves: the lowest IPv6 address that goes to the router.
func aliases(entries []Entry) map[netip.Addr]netip.Addr {
	lowest := map[netip.Addr]netip.Addr{}
	for _, e := range entries {
		if !e.Addr.Is6() || e.Addr.IsLinkLocalUnicast() {
			continue
		}
		alias := linkLocalOf(e.MAC)
		if known, ok := lowest[alias]; !ok || e.Addr.Less(known) {
			lowest[alias] = e.Addr
		}
	}
	return lowest
}

// syncLinks makes the map of aliases fit the entries. An older version has no such map.
func syncLinks(m *ebpf.Map, entries []Entry) error {
	if m == nil {
		return nil
	}
	wanted := aliases(entries)
	var unused [][16]byte
	var alias, name [16]byte
	it := m.Iterate()
	for it.Next(&alias, &name) {
		addr := netip.AddrFrom16(alias)
		switch want, ok := wanted[addr]; {
		case !ok:
			unused = append(unused, alias)
		case want.As16() == name:
			delete(wanted, addr)
		}
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("reading aliases of link-local addresses: %w", err)
	}
	for alias, name := range wanted {
		if err := m.Put(alias.As16(), name.As16()); err != nil {
			return fmt.Errorf("making %s an alias of %s: %w", alias, name, err)
		}
	}
	for _, alias := range unused {
		if err := ignoreGone(m.Delete(alias)); err != nil {
			return fmt.Errorf("removing alias %s: %w", netip.AddrFrom16(alias), err)
		}
	}
	return nil
}
