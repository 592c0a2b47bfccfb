// SPDX-License-Identifier: Apache-2.0

package vpc

const (
	offSource      = 12 // in an IPv4 header
	offDestination = 16
)

// translateSource replaces an IPv4 packet's source. An ICMP error quotes a packet that was
// sent to the error's source, so the quoted destination changes too (RFC 5508, section
// 4.2).
func (p *packet) translateSource(to addr4) {
	from := p.src.v4()
	p.rewrite(offSource, from, to)
	p.src = mapped(to)
	p.rewriteQuoted(offDestination, from, to)
}

// translateDestination replaces an IPv4 packet's destination, and the source of the packet
// quoted in an ICMP error.
func (p *packet) translateDestination(to addr4) {
	from := p.dst.v4()
	p.rewrite(offDestination, from, to)
	p.dst = mapped(to)
	p.rewriteQuoted(offSource, from, to)
}

func (p *packet) rewrite(off int, from, to addr4) {
	ip := p.ip()
	putAddr(ip[off:], to)
	put16(ip[10:], mend32(get16(ip[10:]), from, to))
	if p.offset == 0 {
		p.mendTransport(from, to)
	}
}

// mendTransport updates the transport checksum for a changed address. That of a GSO frame holds the sum of the pseudo
// header, and not its complement.
func (p *packet) mendTransport(from, to addr4) {
	if p.size == 0 {
		mendTransport(p.proto, p.l4(), from, to)
		return
	}
	g := p.gso()
	field := g.whole[g.checksum:]
	put16(field, ^mend32(^get16(field), from, to))
}

// mendTransport updates the transport checksum for a changed address of its pseudo header.
// It returns the offset of the checksum and its old value, or false if nothing changes:
// ICMP's checksum does not cover addresses.
func mendTransport(proto uint8, l4 []byte, from, to addr4) (at int, was uint16, ok bool) {
	at, ok = checksumAt(proto, l4)
	if !ok || proto == protoICMP {
		return 0, 0, false
	}
	was = get16(l4[at:])
	putChecksum(proto, l4[at:], mend32(was, from, to))
	return at, was, true
}

// rewriteQuoted changes an address in the packet that an ICMP error quotes, and every
// checksum that covers it: the quoted header's, the quoted transport's if it was quoted,
// and the error's own.
func (p *packet) rewriteQuoted(off int, from, to addr4) {
	q, ok := p.quoted()
	if !ok || p.v6 {
		return
	}
	icmp := p.l4()
	ip := icmp[8:]
	if getAddr(ip[off:]) != from {
		return
	}
	check := get16(icmp[2:])
	putAddr(ip[off:], to)
	check = mend32(check, from, to)
	old := get16(ip[10:])
	put16(ip[10:], mend32(old, from, to))
	check = mend16(check, old, get16(ip[10:]))
	if q.offset == 0 {
		l4 := ip[q.head:]
		if at, old, ok := mendTransport(q.proto, l4, from, to); ok {
			check = mend16(check, old, get16(l4[at:]))
		}
	}
	put16(icmp[2:], check)
}
