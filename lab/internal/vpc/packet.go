// SPDX-License-Identifier: Apache-2.0

package vpc

const (
	etherLen  = 14
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherVLAN = 0x8100
	etherQinQ = 0x88a8
	etherIPv6 = 0x86dd

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58

	icmpEchoReply   = 0
	icmpUnreachable = 3
	icmpEcho        = 8

	tcpFIN = 1
	tcpSYN = 2
	tcpRST = 4
	tcpPSH = 8
	tcpACK = 16
	tcpCWR = 128
)

var broadcastMAC = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func (m MAC) multicast() bool { return m[0]&1 != 0 }

// key packs the address into a word, the key type that maps hash fastest.
func (m MAC) key() uint64 {
	return uint64(m[0])<<40 | uint64(m[1])<<32 | uint64(m[2])<<24 | uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5])
}

// packet is a parsed IP packet in transit. Setters keep parsed fields and bytes consistent.
type packet struct {
	frame    []byte // Ethernet header and packet, without padding
	head     int    // bytes before the transport header, including extension headers
	src, dst addr16
	v6       bool
	proto    uint8 // of the transport
	df, more bool
	offset   uint16 // of a fragment, in units of 8 bytes
	id       uint32 // of a fragment
	size     int    // of a GSO frame, the payload of each frame that it stands for; otherwise 0

	// Of a packet that is not a later fragment:
	icmp               bool   // ICMP in IPv4, ICMPv6 in IPv6
	sport, dport       uint16 // TCP and UDP
	flags              uint8  // TCP
	icmpType, icmpCode uint8
	icmpID             uint16
}

func (p *packet) ip() []byte { return p.frame[etherLen:] }
func (p *packet) l4() []byte { return p.frame[etherLen+p.head:] }

// gso describes a GSO frame.
func (p *packet) gso() gso {
	g, _ := gsoOf(p.frame, etherLen, p.size)
	return g
}

// longest returns the length of the packet: of a GSO frame, that of the longest packet that it stands for.
func (p *packet) longest() int {
	if p.size == 0 {
		return len(p.ip())
	}
	g := p.gso()
	return g.longest() - etherLen
}

// fragmented tells whether the packet is a fragment.
func (p *packet) fragmented() bool { return p.more || p.offset != 0 }

// parse parses the packet after the frame's Ethernet header, of the family given by its
// version field.
func (p *packet) parse(frame []byte) bool {
	if len(frame) > etherLen && frame[etherLen]>>4 == 6 {
		return p.parse6(frame)
	}
	return p.parse4(frame)
}

// transport fills in the fields of the transport header. A whole packet must hold all of
// it; a packet quoted in an ICMP error must hold at least 8 bytes of it (RFC 792).
func (p *packet) transport(l4 []byte, whole bool) bool {
	switch p.proto {
	case protoTCP:
		if len(l4) < 8 || whole && len(l4) < 20 {
			return false
		}
		p.sport, p.dport = get16(l4), get16(l4[2:])
		if len(l4) >= 14 {
			p.flags = l4[13]
		}
	case protoUDP:
		if len(l4) < 8 {
			return false
		}
		p.sport, p.dport = get16(l4), get16(l4[2:])
	case protoICMP, protoICMPv6:
		if p.v6 != (p.proto == protoICMPv6) {
			return true // the other family's ICMP, treated like any other protocol
		}
		if len(l4) < 8 {
			return false
		}
		p.icmp, p.icmpType, p.icmpCode, p.icmpID = true, l4[0], l4[1], get16(l4[4:])
	}
	return true
}

// isError tells whether the packet is an ICMP error, which quotes the offending packet.
func (p *packet) isError() bool {
	if !p.icmp {
		return false
	}
	if p.v6 {
		return p.icmpType < 128 // RFC 4443, section 2.1
	}
	switch p.icmpType {
	case icmpUnreachable, 4, 5, 11, 12: // and source quench, redirect, time exceeded, parameter problem
		return true
	}
	return false
}

// isEchoReply tells whether an ICMP packet is a reply: to an echo, or in IPv4 also to a
// timestamp, information or address mask request.
func (p *packet) isEchoReply() bool {
	if p.v6 {
		return p.icmpType == icmp6EchoReply
	}
	switch p.icmpType {
	case icmpEchoReply, 14, 16, 18:
		return true
	}
	return false
}

// quoted parses the packet that an ICMP error quotes. It does not set frame.
func (p *packet) quoted() (q packet, ok bool) {
	if !p.isError() {
		return q, false
	}
	ip := p.l4()[8:]
	if p.v6 {
		return q, len(ip) >= 40 && ip[0]>>4 == 6 && q.fields6(ip, false)
	}
	if len(ip) < 20 || ip[0]>>4 != 4 {
		return q, false
	}
	head := int(ip[0]&15) * 4
	if head < 20 || head > len(ip) {
		return q, false
	}
	return q, q.fields4(ip, head, false)
}

// setMACs writes the Ethernet header in front of the packet.
func (p *packet) setMACs(dst, src MAC) {
	copy(p.frame, dst[:])
	copy(p.frame[6:], src[:])
	put16(p.frame[12:], etherType(p.v6))
}

// etherType returns the type of frames that carry IPv6 or IPv4.
func etherType(v6 bool) uint16 {
	if v6 {
		return etherIPv6
	}
	return etherIPv4
}
