// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
)

// addr4 is an IPv4 address in host order, the key type that maps hash fastest.
type addr4 uint32

// addr16 is an IPv6 or IPv4-mapped address, as two words in host order. No IPv6 packet
// carries a mapped one: parse6 refuses it.
type addr16 struct{ hi, lo uint64 }

const (
	broadcastAddr addr4 = 0xffffffff

	mappedPart uint64 = 0xffff << 32 // of lo, when hi is 0
)

// The IPv6 addresses that the fabric itself uses (RFC 4291, section 2.7.1; RFC 8415,
// section 7.1).
var (
	allNodes    = addr16{0xff02 << 48, 1}
	dhcpServers = addr16{0xff02 << 48, 0x1_0002}
	everyRouter = addr16{0xfe80_0ec2 << 32, 1} // fe80:ec2::1 (VPC User Guide, subnet-sizing)
)

func fromAddr(a netip.Addr) addr4 {
	b := a.As4()
	return getAddr(b[:])
}

// fromAddr16 converts an address of either family.
func fromAddr16(a netip.Addr) addr16 {
	b := a.As16()
	return getAddr16(b[:])
}

func (a addr4) netip() netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

// ip converts to net.IP, which older libraries use.
func (a addr4) ip() net.IP { return a.netip().AsSlice() }

func (a addr16) ip() net.IP { return a.netip().AsSlice() }

// fromIP is the inverse of ip; anything but an IPv4 address becomes 0.0.0.0.
func fromIP(ip net.IP) addr4 {
	if ip = ip.To4(); ip == nil {
		return 0
	}
	return getAddr(ip)
}

func (a addr16) netip() netip.Addr {
	var b [16]byte
	putAddr16(b[:], a)
	return netip.AddrFrom16(b).Unmap()
}

func getAddr(b []byte) addr4    { return addr4(binary.BigEndian.Uint32(b)) }
func putAddr(b []byte, a addr4) { binary.BigEndian.PutUint32(b, uint32(a)) }

func getAddr16(b []byte) addr16 {
	return addr16{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func putAddr16(b []byte, a addr16) {
	binary.BigEndian.PutUint64(b, a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
}

func mapped(a addr4) addr16 { return addr16{0, mappedPart | uint64(a)} }

// is4 tells whether the address is an IPv4 one.
func (a addr16) is4() bool { return a.hi == 0 && a.lo>>32 == 0xffff }

// v4 returns the mapped IPv4 address.
func (a addr16) v4() addr4 { return addr4(a.lo) }

// multicast tells whether the address is of 224.0.0.0/4 or ff00::/8.
func (a addr16) multicast() bool {
	return a.hi>>56 == 0xff || a.is4() && a.v4()>>28 == 0xe
}

// linkLocal tells whether the address is of 169.254.0.0/16 or fe80::/10.
func (a addr16) linkLocal() bool {
	return a.hi>>54 == 0xfe80>>6 || a.is4() && a.v4()>>16 == 169<<8|254
}

// delegated returns the base of the delegated prefix that would contain the address: IPv4
// ones are /28 and IPv6 ones /80 (EC2 User Guide, ec2-prefix-eni).
func (a addr16) delegated() addr16 {
	if a.is4() {
		return addr16{a.hi, a.lo &^ 15}
	}
	return addr16{a.hi, a.lo &^ (1<<48 - 1)}
}

// solicitedNode returns the solicited-node multicast address (RFC 4291, section 2.7.1).
func (a addr16) solicitedNode() addr16 {
	return addr16{0xff02 << 48, 0x1_ff00_0000 | a.lo&0xff_ffff}
}

// linkLocalOf returns the link-local address formed from a MAC (RFC 4291,
// appendix A).
func linkLocalOf(m MAC) addr16 {
	k := m.key()
	return addr16{0xfe80 << 48, (k>>24<<40 | 0xfffe<<24 | k&0xff_ffff) ^ 1<<57}
}

// linkLocalMAC is the inverse of linkLocalOf; it returns the MAC's key.
func linkLocalMAC(a addr16) (key uint64, ok bool) {
	lo := a.lo ^ 1<<57
	if a.hi != 0xfe80<<48 || lo>>24&0xffff != 0xfffe {
		return 0, false
	}
	return lo>>40<<24 | lo&0xff_ffff, true
}

// multicastMAC returns the Ethernet address of an IPv6 multicast address (RFC
// 2464, section 7).
func multicastMAC(a addr16) MAC {
	return MAC{0x33, 0x33, byte(a.lo >> 24), byte(a.lo >> 16), byte(a.lo >> 8), byte(a.lo)}
}

func mask(bits int) addr4 { return ^addr4(0) << (32 - bits) }

// block is a prefix of either family.
type block struct{ base, mask addr16 }

func (b *block) contains(a addr16) bool {
	return a.lo&b.mask.lo == b.base.lo && a.hi&b.mask.hi == b.base.hi
}

// blockOf compiles a prefix of either family.
func blockOf(p netip.Prefix) (block, error) {
	switch {
	case !p.IsValid() || p.Addr().Is4In6():
		return block{}, fmt.Errorf("%s is not a prefix", p)
	case p != p.Masked():
		return block{}, fmt.Errorf("%s has host bits set", p)
	}
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	b := block{base: fromAddr16(p.Addr()), mask: addr16{^uint64(0), ^uint64(0)}}
	if bits <= 64 {
		b.mask = addr16{^uint64(0) << (64 - bits), 0}
	} else {
		b.mask.lo <<= 128 - bits
	}
	return b, nil
}

// prefix4 returns an IPv4 prefix's network address and length.
func prefix4(p netip.Prefix) (addr4, int, error) {
	if !p.IsValid() || !p.Addr().Is4() {
		return 0, 0, fmt.Errorf("%s is not an IPv4 prefix", p)
	}
	if p != p.Masked() {
		return 0, 0, fmt.Errorf("%s has host bits set", p)
	}
	return fromAddr(p.Addr()), p.Bits(), nil
}
