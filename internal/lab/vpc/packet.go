package vpc

import "net/netip"

const (
	etherLen  = 14
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherVLAN = 0x8100
	etherQinQ = 0x88a8
	etherIPv6 = 0x86dd

	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17

	icmpEchoReply   = 0
	icmpUnreachable = 3
	icmpEcho        = 8

	tcpFIN = 1
	tcpSYN = 2
	tcpRST = 4
	tcpACK = 16
)

var broadcastMAC = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func (m MAC) multicast() bool { return m[0]&1 != 0 }

// key packs the address into a word, which maps hash fastest.
func (m MAC) key() uint64 {
	return uint64(m[0])<<40 | uint64(m[1])<<32 | uint64(m[2])<<24 | uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5])
}

// addr4 is an IPv4 address in host order, which maps hash fastest.
type addr4 uint32

func fromAddr(a netip.Addr) addr4 {
	b := a.As4()
	return getAddr(b[:])
}

func (a addr4) netip() netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

// multicast tells whether the address is of 224.0.0.0/4.
func (a addr4) multicast() bool { return a>>28 == 0xe }

const broadcastAddr addr4 = 0xffffffff

// packet is an IPv4 packet under way, parsed. Setters keep the parsed fields
// and the bytes the same.
type packet struct {
	frame    []byte // Ethernet header and packet, without padding
	head     int    // length of the IPv4 header
	src, dst addr4
	proto    uint8
	df, more bool
	offset   uint16 // of a fragment, in units of 8 bytes

	// Of a packet that is not a later fragment:
	sport, dport       uint16 // TCP and UDP
	flags              uint8  // TCP
	icmpType, icmpCode uint8
	icmpID             uint16
}

func (p *packet) ip() []byte { return p.frame[etherLen:] }
func (p *packet) l4() []byte { return p.frame[etherLen+p.head:] }

// parse reads the IPv4 packet that follows the frame's Ethernet header, as a
// router would: what is wrong in itself goes no further (RFC 1812, 5.2.2).
func (p *packet) parse(frame []byte) bool {
	if len(frame) < etherLen+20 {
		return false
	}
	ip := frame[etherLen:]
	total := int(get16(ip[2:]))
	head := int(ip[0]&15) * 4
	if ip[0]>>4 != 4 || head < 20 || total < head || total > len(ip) || fold(sum(0, ip[:head])) != 0 {
		return false
	}
	p.frame = frame[:etherLen+total]
	return p.fields(ip[:total], head, true)
}

// unparsed says why a bare packet did not parse.
func unparsed(ip []byte) Reason {
	if len(ip) > 0 && ip[0]>>4 == 6 {
		return ReasonIPv6
	}
	return ReasonMalformed
}

// fields fills in the parsed fields. A whole packet must hold its transport
// header; what an ICMP error quotes holds 8 bytes of it at least (RFC 792).
func (p *packet) fields(ip []byte, head int, whole bool) bool {
	p.head = head
	p.proto = ip[9]
	p.src, p.dst = getAddr(ip[12:]), getAddr(ip[16:])
	frag := get16(ip[6:])
	p.df, p.more, p.offset = frag&0x4000 != 0, frag&0x2000 != 0, frag&0x1fff
	if p.offset != 0 {
		return true
	}
	l4 := ip[head:]
	switch p.proto {
	case protoTCP, protoUDP, protoICMP:
		if len(l4) < 8 || whole && p.proto == protoTCP && len(l4) < 20 {
			return false
		}
	}
	switch p.proto {
	case protoTCP:
		p.sport, p.dport = get16(l4), get16(l4[2:])
		if len(l4) >= 14 {
			p.flags = l4[13]
		}
	case protoUDP:
		p.sport, p.dport = get16(l4), get16(l4[2:])
	case protoICMP:
		p.icmpType, p.icmpCode, p.icmpID = l4[0], l4[1], get16(l4[4:])
	}
	return true
}

// isError tells whether the packet is an ICMP error, which quotes the packet
// it is about.
func (p *packet) isError() bool {
	if p.proto != protoICMP || p.offset != 0 {
		return false
	}
	switch p.icmpType {
	case icmpUnreachable, 4, 5, 11, 12: // and source quench, redirect, time exceeded, parameter problem
		return true
	}
	return false
}

// quoted parses the packet that an ICMP error is about. Its frame is not set.
func (p *packet) quoted() (q packet, ok bool) {
	if !p.isError() {
		return q, false
	}
	ip := p.l4()[8:]
	if len(ip) < 20 || ip[0]>>4 != 4 {
		return q, false
	}
	head := int(ip[0]&15) * 4
	if head < 20 || head > len(ip) {
		return q, false
	}
	return q, q.fields(ip, head, false)
}

// setMACs writes the Ethernet header in front of the packet.
func (p *packet) setMACs(dst, src MAC) {
	copy(p.frame, dst[:])
	copy(p.frame[6:], src[:])
	put16(p.frame[12:], etherIPv4)
}
