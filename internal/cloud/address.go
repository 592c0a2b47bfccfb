// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"encoding/binary"
	"iter"
	"net/netip"
)

// AWS reserves the first four addresses of a subnet and its last one: network, router, DNS, future
// use, broadcast (VPC User Guide, subnet-sizing).
const (
	reservedFirst = 4
	reservedLast  = 1
)

// The size of a subnet or a VPC is between /28 and /16 (VPC User Guide, subnet-sizing and
// vpc-cidr-blocks).
const (
	longestPrefix  = 28
	shortestPrefix = 16
)

// nth returns the n-th address of a prefix. It does not check that the address is in the prefix.
func nth(p netip.Prefix, n int) netip.Addr {
	b := p.Masked().Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
	return netip.AddrFrom4(b)
}

// offset returns the distance from a to b.
func offset(a, b netip.Addr) int {
	x, y := a.As4(), b.As4()
	return int(binary.BigEndian.Uint32(y[:])) - int(binary.BigEndian.Uint32(x[:]))
}

// size returns how many addresses a prefix has.
func size(p netip.Prefix) int { return 1 << (32 - p.Bits()) }

// defaultFirst returns the start of Neutron's range if the file does not set it: the 64th address,
// which leaves room for nodes below it, or if the range does not fit there, as high in the subnet
// as possible.
func defaultFirst(subnet netip.Prefix, addresses int) netip.Addr {
	last := size(subnet) - reservedLast - addresses
	return nth(subnet, max(reservedFirst, min(64, last)))
}

// Usable returns the addresses of a subnet that AWS does not reserve, in ascending order.
func Usable(subnet netip.Prefix) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for i := reservedFirst; i < size(subnet)-reservedLast; i++ {
			if !yield(nth(subnet, i)) {
				return
			}
		}
	}
}

// usable returns how many they are.
func usable(subnet netip.Prefix) int { return size(subnet) - reservedFirst - reservedLast }
