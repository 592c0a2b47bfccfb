// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// pair is an allowed address pair of a port: an address or a block, and a MAC, the
// port's own where its owner gave none.
type pair struct {
	Addr string `json:"ip_address"`
	MAC  string `json:"mac_address"`
}

// allowed is the same, read.
type allowed struct {
	block netip.Prefix
	mac   net.HardwareAddr
}

// read returns false for a pair that says nothing sensible: it allows nothing, and
// its owner keeps nobody else from theirs by it.
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

// vifUnbound is the binding:vif_type of a port that is bound nowhere. A virtual port
// of OVN's stays so, though its binding:host_id follows the guest that has claimed it.
const vifUnbound = "unbound"

// bound says whether somebody has plugged the port in.
func (p port) bound() bool {
	if p.VIF == "" {
		return p.Host != ""
	}
	return p.VIF != vifUnbound
}

// reserves says whether a port does no more than keep its addresses for others. A
// server's never does, also while the server is not there.
func (p port) reserves() bool {
	for _, kind := range []string{"network:", "compute:", "baremetal:"} {
		if strings.HasPrefix(p.Owner, kind) {
			return false
		}
	}
	return !p.bound()
}

// claimants returns the MACs that may use an address of a port that reserves it: the
// port's own, and those of the project's plugged-in ports on the network that have
// it among their allowed address pairs. Everybody may write any address into his
// pairs who may write pairs at all; it is the reservation that says whose the
// address is.
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

// isVirtual says whether a MAC is a virtual router's (RFC 9568, 7.3). Another than
// the port's own is somebody else's.
func isVirtual(mac net.HardwareAddr) bool {
	return bytes.HasPrefix(mac, []byte{0, 0, 0x5e, 0, 1}) || bytes.HasPrefix(mac, []byte{0, 0, 0x5e, 0, 2})
}
