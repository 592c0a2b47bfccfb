// SPDX-License-Identifier: Apache-2.0

package vpc

// fromGSO processes a GSO frame that arrived. It returns false if it is none.
func (ps *pass) fromGSO(frame []byte, size int) bool {
	at := ps.in.ipOffset()
	g, ok := gsoOf(frame, at, size)
	if !ok {
		return false
	}
	if ps.whole(frame, &g) {
		if ps.f.observers.Load() != nil {
			ps.observeWhole(frame, size)
		}
		return true
	}
	for i := range g.frames() {
		part := g.frame(i, ps.out.take(g.longest()))
		before := len(ps.out.Deliveries)
		ps.hops, ps.out.refused = 0, false
		ps.from(part)
		ps.f.observePassed(ps.in, part, ps.now, ps.out, ps.out.Deliveries[before:])
	}
	return true
}

// whole passes a GSO frame, or drops all the frames that it stands for. It returns false, with nothing done, if they
// may have different fates, or be answered.
func (ps *pass) whole(frame []byte, g *gso) bool {
	at := ps.in.ipOffset()
	if g.frames() == 1 || at != 0 && get16(frame[12:]) != etherType(g.v6) {
		return false
	}
	var p packet
	if !p.parse(ps.out.load(frame, etherLen-at)) {
		return false
	}
	p.size = g.size
	return ps.wholeFromENI(&p) || ps.wholeFromInternet(&p)
}

// observeWhole reports the frames of a GSO frame that was passed, and the resulting deliveries.
func (ps *pass) observeWhole(frame []byte, size int) {
	if !ps.out.refused {
		framesOf(frame, ps.in.ipOffset(), size, func(frame []byte) {
			ps.f.observe(Event{Time: ps.now, Port: ps.in, Direction: Egress, Length: len(frame), Frame: frame})
		})
	}
	for _, d := range ps.out.Deliveries {
		ps.f.observeDelivery(d, ps.now)
	}
}

// wholeFromENI is whole for a frame from an instance.
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
	return !ps.cut
}

// wholeFromInternet is whole for a frame from the Internet.
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
	g, hops := p.gso(), ps.hops
	for i := range g.frames() {
		var part packet
		ps.hops = hops
		if part.parse(g.frame(i, ps.out.take(g.longest()))) {
			f(&part)
		}
	}
}
