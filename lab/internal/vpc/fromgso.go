// SPDX-License-Identifier: Apache-2.0

package vpc

// fromGSO processes a GSO frame that arrived. It returns false if it is none.
func (ps *pass) fromGSO(frame []byte, size int) bool {
	at := ps.in.ipOffset()
	frame = ps.out.load(frame, etherLen-at)
	g, ok := gsoOf(frame, etherLen, size)
	if !ok || at != 0 && get16(frame[12:]) != etherType(g.v6) {
		return false
	}
	var p packet
	if g.frames() > 1 && p.parse(frame) {
		p.size = size
		if ps.wholeFromENI(&p) || ps.wholeFromInternet(&p) {
			return true
		}
	}
	for i := range g.frames() {
		ps.from(g.frame(i, ps.out.take(g.longest()))[etherLen-at:])
	}
	return true
}

// wholeFromENI forwards a GSO frame from an instance. It returns false if it did not, because the frame is for the
// fabric itself, or not all its frames may have the same fate, or to be told which.
func (ps *pass) wholeFromENI(p *packet) bool {
	n := ps.tables.nics[ps.in.ENI]
	switch {
	case ps.in.Kind != PortENI, n == nil, !n.attached, n.nat != nil, n.down, MAC(p.frame[6:12]) != n.mac, n.each != 0:
		return false
	case p.v6 && (!n.seg.hasIPv6() || p.isDHCPv6(n) || p.dst.multicast() || p.src == addr16{}):
		return false
	case !p.v6 && p.isDHCP(n):
		return false
	}
	ps.onward(n, p)
	return true
}

// wholeFromInternet forwards a GSO frame from the Internet. It returns false if it did not.
func (ps *pass) wholeFromInternet(p *packet) bool {
	if ps.in != Internet || p.longest() > internetMTU {
		return false
	}
	n, ip := ps.tables.behind(p)
	if n == nil {
		return false
	}
	ps.f.internet.acceptRaw(Egress, p)
	ps.enter(n, ip, p)
	return true
}

// each calls f with each packet that a GSO frame stands for, in memory that remains valid.
func (ps *pass) each(p *packet, f func(p *packet)) {
	g := p.gso()
	for i := range g.frames() {
		var part packet
		if part.parse(g.frame(i, ps.out.take(g.longest()))) {
			f(&part)
		}
	}
}
