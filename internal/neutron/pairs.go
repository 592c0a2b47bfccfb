// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// pair is an allowed address pair of a port: an address or a block, and a MAC, by default the
// port's own.
type pair struct {
	Addr string `json:"ip_address"`
	MAC  string `json:"mac_address"`
}

// allowed is a parsed pair.
type allowed struct {
	block netip.Prefix
	mac   net.HardwareAddr
}

// read returns false for a pair that does not parse. Such a pair allows nothing and reserves
// nothing.
func (p pair) read() (a allowed, ok bool) {
	var err error
	if a.mac, err = net.ParseMAC(p.MAC); err != nil || len(a.mac) != 6 {
		return a, false
	}
	if a.block, err = netip.ParsePrefix(p.Addr); err == nil {
		return a, true
	}
	addr, err := netip.ParseAddr(p.Addr)
	a.block = netip.PrefixFrom(addr, addr.BitLen())
	return a, err == nil
}

// vifUnbound is the binding:vif_type of an unbound port. A virtual port of OVN's keeps it, though
// its binding:host_id follows the guest that has claimed it.
const vifUnbound = "unbound"

// bound reports whether the port is plugged in.
func (p port) bound() bool {
	if p.VIF == "" {
		return p.Host != ""
	}
	return p.VIF != vifUnbound
}

// reserves reports whether a port only keeps its addresses for others. A server's port never does,
// even while the server does not exist.
func (p port) reserves() bool {
	for _, kind := range []string{"network:", "compute:", "baremetal:"} {
		if strings.HasPrefix(p.Owner, kind) {
			return false
		}
	}
	return !p.bound()
}

// claimants returns the MACs that may use an address of a port that reserves it: the port's own,
// and those of the project's plugged-in ports on the network that have it among their allowed
// address pairs. Pairs alone prove nothing, since whoever may write pairs can write any address
// into them; the reservation decides which project has the address.
func claimants(reserved port, addr netip.Addr, all []port) []net.HardwareAddr {
	macs := []net.HardwareAddr{reserved.mac}
	for _, p := range all {
		ofProject := p.project() != "" && p.project() == reserved.project()
		if !ofProject || strings.HasPrefix(p.Owner, "network:") || !p.Up || !p.bound() {
			continue
		}
		for _, a := range p.pairs {
			if a.block.Contains(addr) && (bytes.Equal(a.mac, p.mac) || isVirtual(a.mac)) {
				macs = append(macs, a.mac)
			}
		}
	}
	slices.SortFunc(macs, func(a, b net.HardwareAddr) int { return bytes.Compare(a, b) })
	return slices.CompactFunc(macs, func(a, b net.HardwareAddr) bool { return bytes.Equal(a, b) })
}

// isVirtual reports whether a MAC is a virtual router's (RFC 9568, 7.3). Any other MAC than the
// port's own belongs to another device.
func isVirtual(mac net.HardwareAddr) bool {
	return bytes.HasPrefix(mac, []byte{0, 0, 0x5e, 0, 1}) || bytes.HasPrefix(mac, []byte{0, 0, 0x5e, 0, 2})
}
