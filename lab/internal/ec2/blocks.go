// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/binary"
	"net/netip"
)

// parseBlock parses an IPv4 CIDR and makes it canonical, as EC2 does: 100.68.0.18/18
// becomes 100.68.0.0/18 (EC2 API Reference, CreateVpc).
func parseBlock(s, name string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, invalidParameter("Value (%s) for parameter %s is invalid. "+
			"This is not a valid CIDR block.", s, name)
	}
	return p.Masked(), nil
}

// parseBlock6 parses an IPv6 CIDR.
func parseBlock6(s, name string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !isIPv6(p.Addr()) {
		return netip.Prefix{}, invalidParameter("Value (%s) for parameter %s is invalid. "+
			"This is not a valid IPv6 CIDR block.", s, name)
	}
	return p.Masked(), nil
}

func isIPv6(a netip.Addr) bool { return a.Is6() && !a.Is4In6() && a.Zone() == "" }

// within reports whether a block lies in another.
func within(p, outer netip.Prefix) bool {
	return outer.IsValid() && outer.Bits() <= p.Bits() && outer.Contains(p.Addr())
}

// size is the number of addresses of an IPv4 block.
func size(p netip.Prefix) int { return 1 << (32 - p.Bits()) }

// addressAt is the nth address of a block, which must be large enough.
func addressAt(p netip.Prefix, n int) netip.Addr {
	base := p.Masked().Addr()
	if base.Is4() {
		b := base.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
		return netip.AddrFrom4(b)
	}
	b := base.As16()
	binary.BigEndian.PutUint64(b[8:], binary.BigEndian.Uint64(b[8:])+uint64(n))
	return netip.AddrFrom16(b)
}

// lastOf is the last address of a block.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b) // the length is right
	return a
}

// blocksIn yields the blocks of a given length in a larger block.
func blocksIn(p netip.Prefix, bits int) func(yield func(netip.Prefix) bool) {
	return func(yield func(netip.Prefix) bool) {
		if bits < p.Bits() {
			return
		}
		for b := netip.PrefixFrom(p.Masked().Addr(), bits); b.IsValid() && p.Contains(b.Addr()); {
			if !yield(b) {
				return
			}
			b = netip.PrefixFrom(lastOf(b).Next(), bits)
		}
	}
}
