// SPDX-License-Identifier: Apache-2.0

package vpc

// Neighbour discovery (RFC 4861).
const (
	ndRouterSolicit    = 133
	ndRouterAdvert     = 134
	ndNeighbourSolicit = 135
	ndNeighbourAdvert  = 136
	ndRedirect         = 137

	ndOptSource = 1 // link-layer address
	ndOptTarget = 2
	ndOptPrefix = 3

	ndHops = 255 // a packet that was routed has a lower one
)

func (p *packet) isND() bool {
	return p.v6 && p.icmp && ndRouterSolicit <= p.icmpType && p.icmpType <= ndRedirect
}

// nd answers neighbour discovery as arp answers ARP: from the registered addresses, without
// forwarding the request to any instance. That AWS does so for IPv6 too is inferred; its
// documents mention only ARP.
func (ps *pass) nd(n *nic, p *packet) {
	l4 := p.l4()
	source, valid := MAC{}, p.validND()
	if valid {
		source, valid = ndSource(l4[ndFixed(p.icmpType):])
	}
	why := ReasonNone
	switch {
	case !valid:
		why = ReasonMalformed
	case p.icmpType == ndRouterAdvert:
		why = ReasonRouterAdvertisement
	case p.icmpType == ndRedirect:
		why = ReasonRedirect
	case source != MAC{} && source != n.mac:
		why = ReasonNDLinkLayer
	case p.icmpType == ndNeighbourAdvert:
		why = ReasonNDAdvertisement
	case p.src != addr16{} && n.check && !n.owns(p.src):
		why = ReasonSourceAddress
	}
	var answer MAC
	if why == ReasonNone && p.icmpType == ndNeighbourSolicit {
		answer, why = ps.neighbour(n, p, getAddr16(l4[8:]))
	}
	if why != ReasonNone {
		ps.refuse(n.record, Egress, why, p)
		return
	}
	n.acceptPacket(Egress, p)
	to, mac := p.src, n.mac
	if to == (addr16{}) { // RFC 4861, sections 6.2.6 and 7.2.4
		to, mac = allNodes, multicastMAC(allNodes)
	}
	if p.icmpType == ndRouterSolicit {
		ps.deliver(n, ps.routerAdvertisement(n, mac, to))
		return
	}
	target := getAddr16(l4[8:])
	flags := byte(0x20) // override
	if p.src != (addr16{}) {
		flags |= 0x40 // solicited
	}
	if n.seg.isRouter6(target) {
		flags |= 0x80
	}
	ps.deliver(n, ps.advertisement(mac, answer, to, target, flags))
}

// neighbour returns the MAC that answers for an address on the subnet's link. Nobody gets
// an answer for its own address: unlike with ARP probes, Linux would treat it as a
// duplicate and remove the address (RFC 4862, section 5.4.4), and IPv6 works on EC2.
func (ps *pass) neighbour(n *nic, p *packet, target addr16) (MAC, Reason) {
	probe := p.src == addr16{}
	switch {
	case target.multicast() || probe && p.dst != target.solicitedNode():
		return MAC{}, ReasonMalformed // RFC 4861, section 7.1.1
	case n.owns(target):
		return MAC{}, ReasonNDOwn
	case target.hi>>32 == serviceBlock6:
		return MAC{}, ReasonIPv6Service
	}
	if mac, ok := n.seg.resolve6(target); ok {
		return mac, ReasonNone
	}
	return MAC{}, ReasonNDUnregistered
}

// resolve6 returns the MAC that answers for an address on the subnet's link: the router's,
// or that of the address's ENI.
func (s *segment) resolve6(a addr16) (MAC, bool) {
	if s.isRouter6(a) {
		return s.gatewayMAC, true
	}
	var n *nic
	if key, ok := linkLocalMAC(a); ok {
		n = s.nics[key]
	} else {
		n = s.net.owners.of(a)
	}
	if n != nil && n.seg == s && n.attached {
		return n.mac, true
	}
	return MAC{}, false
}

// validND validates a message as a receiver must (RFC 4861, sections 6.1 and 7.1; RFC 6980:
// no fragment header; no other extensions are in use).
func (p *packet) validND() bool {
	ip, l4 := p.ip(), p.l4()
	return ip[7] == ndHops && p.icmpCode == 0 && p.head == 40 &&
		len(l4) >= ndFixed(p.icmpType) && checksum6(ip, l4, protoICMPv6) == 0
}

// ndFixed is the length of a message without options.
func ndFixed(kind uint8) int {
	switch kind {
	case ndRouterSolicit:
		return 8
	case ndRouterAdvert:
		return 16
	case ndRedirect:
		return 40
	}
	return 24
}

// ndSource returns the link-layer address in the options, if any: a solicitation's source,
// an advertisement's target.
func ndSource(options []byte) (mac MAC, valid bool) {
	for len(options) > 0 {
		if len(options) < 2 || options[1] == 0 || len(options) < int(options[1])*8 {
			return mac, false
		}
		if (options[0] == ndOptSource || options[0] == ndOptTarget) && options[1] == 1 {
			mac = MAC(options[2:8])
		}
		options = options[int(options[1])*8:]
	}
	return mac, true
}

// advertisement makes a neighbour advertisement, from target, that target is at a MAC.
func (ps *pass) advertisement(to, at MAC, dst, target addr16, flags byte) []byte {
	b := ps.out.take(etherLen + 40 + 32)
	l4 := b[etherLen+40:]
	clear(l4)
	l4[0], l4[4] = ndNeighbourAdvert, flags
	putAddr16(l4[8:], target)
	l4[24], l4[25] = ndOptTarget, 1
	copy(l4[26:], at[:])
	finishND(b, to, at, target, dst)
	return b
}

// finishND writes a message's headers and checksum.
func finishND(b []byte, to, from MAC, src, dst addr16) {
	p := packet{frame: b, v6: true}
	p.setMACs(to, from)
	ip := p.ip()
	putHeader6(ip, src, dst, protoICMPv6, ndHops)
	put16(ip[42:], 0)
	put16(ip[42:], checksum6(ip, ip[40:], protoICMPv6))
}
