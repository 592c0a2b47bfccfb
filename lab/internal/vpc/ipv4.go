// SPDX-License-Identifier: Apache-2.0

package vpc

// parse4 parses the IPv4 packet after the frame's Ethernet header. Like a router, it
// refuses an inconsistent one (RFC 1812, 5.2.2).
func (p *packet) parse4(frame []byte) bool {
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
	return p.fields4(ip[:total], head, true)
}

func (p *packet) fields4(ip []byte, head int, whole bool) bool {
	p.head = head
	p.proto = ip[9]
	p.src, p.dst = mapped(getAddr(ip[12:])), mapped(getAddr(ip[16:]))
	frag := get16(ip[6:])
	p.df, p.more, p.offset = frag&0x4000 != 0, frag&0x2000 != 0, frag&0x1fff
	p.id = uint32(get16(ip[4:]))
	return p.offset != 0 || p.transport(ip[head:], whole)
}

// putHeader writes an IPv4 header without options, for a packet as long as ip.
func putHeader(ip []byte, src, dst addr4, proto uint8) {
	clear(ip[:20])
	ip[0] = 0x45
	put16(ip[2:], uint16(len(ip)))
	ip[8] = 64
	ip[9] = proto
	putAddr(ip[offSource:], src)
	putAddr(ip[offDestination:], dst)
	put16(ip[10:], fold(sum(0, ip[:20])))
}

// putUDP writes a UDP header. addresses are those of the IP header, for the checksum.
func putUDP(udp []byte, from, to uint16, addresses []byte) {
	put16(udp, from)
	put16(udp[2:], to)
	put16(udp[4:], uint16(len(udp)))
	put16(udp[6:], 0)
	putChecksum(protoUDP, udp[6:], fold(sum(sum(protoUDP+uint32(len(udp)), addresses), udp)))
}
