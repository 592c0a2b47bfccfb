// SPDX-License-Identifier: Apache-2.0

package vpc

import "encoding/binary"

// Extension headers (RFC 8200, section 4; RFC 4302).
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	extAuth        = 51
	extNone        = 59
	extDestination = 60
)

const (
	icmp6TooBig    = 2
	icmp6Echo      = 128
	icmp6EchoReply = 129
)

// parse6 parses the IPv6 packet after the frame's Ethernet header. It refuses inconsistent
// ones, and IPv4-mapped addresses, which must not appear on the wire.
func (p *packet) parse6(frame []byte) bool {
	if len(frame) < etherLen+40 {
		return false
	}
	ip := frame[etherLen:]
	total := 40 + int(get16(ip[4:]))
	if ip[0]>>4 != 6 || total > len(ip) {
		return false
	}
	p.frame = frame[:etherLen+total]
	return p.fields6(ip[:total], true) && !p.src.is4() && !p.dst.is4()
}

// fields6 follows the chain of extension headers to the transport. The fabric interprets
// only the fragment header: it is no hop of a source route. A first fragment must hold the
// whole chain and the transport header (RFC 7112); otherwise its ports would be unknown.
func (p *packet) fields6(ip []byte, whole bool) bool {
	p.v6, p.df = true, true
	p.src, p.dst = getAddr16(ip[8:]), getAddr16(ip[24:])
	p.proto, p.head = ip[6], 40
	seen := false // a fragment header; at most one is allowed
	for {
		rest := ip[p.head:]
		var size int
		switch p.proto {
		case extHopByHop, extRouting, extDestination:
			if len(rest) < 8 {
				return false
			}
			size = 8 + 8*int(rest[1])
		case extAuth:
			if len(rest) < 8 {
				return false
			}
			size = 8 + 4*int(rest[1])
		case extFragment:
			if len(rest) < 8 || seen {
				return false
			}
			size, seen = 8, true
			frag := get16(rest[2:])
			p.offset, p.more = frag>>3, frag&1 != 0
			p.id = binary.BigEndian.Uint32(rest[4:])
			if p.offset != 0 {
				p.proto, p.head = rest[0], p.head+8
				return true
			}
		default:
			return p.transport(rest, whole)
		}
		if size > len(rest) {
			return false
		}
		p.proto, p.head = rest[0], p.head+size
	}
}

// putHeader6 writes an IPv6 header, for a packet as long as ip.
func putHeader6(ip []byte, src, dst addr16, proto, hops uint8) {
	clear(ip[:8])
	ip[0] = 0x60
	put16(ip[4:], uint16(len(ip)-40))
	ip[6], ip[7] = proto, hops
	putAddr16(ip[8:], src)
	putAddr16(ip[24:], dst)
}

// checksum6 sums a transport with its pseudo header (RFC 8200, section 8.1). The result is
// zero if the contained checksum is correct.
func checksum6(ip, l4 []byte, proto uint8) uint16 {
	return fold(sum(sum(uint32(proto)+uint32(len(l4)), ip[8:40]), l4))
}
