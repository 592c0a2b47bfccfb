// SPDX-License-Identifier: Apache-2.0

package vpc

// setWord changes a 16-bit word of a transport header and updates its checksum. It returns
// the checksum's offset and its old value, or false if there is none.
func setWord(proto uint8, l4 []byte, off int, to uint16) (at int, was uint16, ok bool) {
	from := get16(l4[off:])
	put16(l4[off:], to)
	if at, ok = checksumAt(proto, l4); !ok {
		return 0, 0, false
	}
	was = get16(l4[at:])
	putChecksum(proto, l4[at:], mend16(was, from, to))
	return at, was, true
}

// portAt returns the offset of the source or destination port, or of an echo's identifier.
func portAt(icmp, source bool) int {
	switch {
	case icmp:
		return 4
	case source:
		return 0
	}
	return 2
}

// setPort changes the source or destination port of an IPv4 packet, or the identifier of an
// echo or echo reply.
func (p *packet) setPort(source bool, to uint16) {
	if p.size == 0 {
		setWord(p.proto, p.l4(), portAt(p.icmp, source), to)
	} else {
		put16(p.l4()[portAt(false, source):], to) // a checksum field with the sum of the pseudo header covers no port
	}
	switch {
	case p.icmp:
		p.icmpID = to
	case source:
		p.sport = to
	default:
		p.dport = to
	}
}

// setQuotedPort changes a port in the packet that an ICMP error quotes, and updates every
// checksum that covers it.
func (p *packet) setQuotedPort(source bool, to uint16) {
	q, ok := p.quoted()
	if !ok || q.offset != 0 || q.proto != protoTCP && q.proto != protoUDP && q.proto != protoICMP {
		return
	}
	icmp := p.l4()
	l4 := icmp[8+q.head:]
	off := portAt(q.icmp, source)
	check := mend16(get16(icmp[2:]), get16(l4[off:]), to)
	if at, was, ok := setWord(q.proto, l4, off, to); ok {
		check = mend16(check, was, get16(l4[at:]))
	}
	put16(icmp[2:], check)
}

// decrementTTL decrements the time to live, and updates the checksum.
func (p *packet) decrementTTL() {
	ip := p.ip()
	before := get16(ip[8:])
	ip[8]--
	put16(ip[10:], mend16(get16(ip[10:]), before, get16(ip[8:])))
}
