// SPDX-License-Identifier: Apache-2.0

package vpc

// natHops is how many NAT gateways a packet may pass: their route tables may form a loop.
const natHops = 4

// toNAT passes a packet that an ENI's route table sends to a NAT gateway. The translated
// packet follows the route table of the gateway's own subnet. No security group applies,
// because a gateway has none (VPC User Guide, nat-gateway-basics).
func (ps *pass) toNAT(n, g *nic, p *packet) {
	if p.size != 0 && p.longest() > internetMTU { // each frame may be fragmented or answered
		ps.cut = true
		return
	}
	n.acceptPacket(Egress, p)
	ps.hops++
	var why Reason
	switch {
	case g.down:
		why = ReasonNICDown
	case g == n || ps.hops > natHops:
		why = ReasonNATLoop
	default:
		why = ps.translateOut(g, p)
	}
	if why != ReasonNone {
		ps.refuse(g.record, Ingress, why, p)
		if p.size == 0 {
			ps.natError(g, p, why)
		} else {
			ps.each(p, func(p *packet) { ps.natError(g, p, why) })
		}
		return
	}
	g.acceptPacket(Ingress, p)
	p.setMACs(g.seg.gatewayMAC, g.mac)
	ps.route(g, p)
}

// natError sends the ICMP error or reset, if any, for a packet that a NAT gateway refused.
func (ps *pass) natError(g *nic, p *packet, why Reason) {
	var q packet
	switch {
	case why == ReasonNATIdle && p.flags&tcpRST == 0:
		q = ps.reset(p)
	case !p.answerable():
		return
	case why == ReasonNATMTU && p.df:
		q = ps.icmpAbout(g.primary, p, icmpUnreachable, 4, natMTU)
	case why == ReasonNATTTL:
		q = ps.icmpAbout(g.primary, p, 11, 0, 0)
	default:
		return
	}
	q.setMACs(g.seg.gatewayMAC, g.mac)
	ps.route(g, &q)
}

// translateOut replaces a client's address and port by the gateway's.
func (ps *pass) translateOut(g *nic, p *packet) Reason {
	if why := natTakes(p); why != ReasonNone {
		return why
	}
	if p.ip()[8] <= 1 {
		return ReasonNATTTL // traceroute shows the gateway as a hop (nat-gateway-troubleshooting)
	}
	now := ps.since()
	if p.offset != 0 {
		if !g.nat.fragments[Egress].knows(p, now) {
			return ReasonFragment
		}
		p.decrementTTL()
		p.translateSource(g.primary)
		return ReasonNone
	}
	if q, ok := p.quoted(); ok {
		// The error is about a returned packet, whose receiver is the client.
		f := g.nat.ofClient(q.flow(Ingress), now)
		if f == nil || p.src != f.inside.local {
			return ReasonNATNoConnection
		}
		p.decrementTTL()
		p.translateSource(g.primary)
		p.setQuotedPort(false, f.outside.lport)
		return ReasonNone
	}
	k := p.flow(Egress)
	f := g.nat.ofClient(k, now)
	opens := p.proto == protoTCP && p.flags&(tcpSYN|tcpACK) == tcpSYN
	switch {
	case f != nil:
		if opens && closing(f.state.Load()) {
			f.reuse()
		}
	case p.proto == protoTCP && !opens:
		// A client that continues a timed-out connection gets a reset
		// (nat-gateway-troubleshooting).
		return ReasonNATIdle
	case p.icmp && p.icmpType != icmpEcho:
		return ReasonNATNoConnection
	default:
		if f = g.nat.add(k, mapped(g.primary), now); f == nil {
			return ReasonNATPorts
		}
	}
	f.note(p, Egress, now)
	if p.more {
		g.nat.fragments[Egress].remember(p, now, 0)
	}
	p.decrementTTL()
	p.translateSource(g.primary)
	p.setPort(true, f.outside.lport)
	p.clampMSS()
	return ReasonNone
}

// fromNAT passes a packet for a NAT gateway's own address back to the client: a reply of a
// connection, or an error about one. Anything else is dropped.
func (ps *pass) fromNAT(g *nic, p *packet) {
	if p.size != 0 && p.longest() > internetMTU { // as in toNAT, but counted at its sender already
		ps.each(p, func(p *packet) { ps.fromNAT(g, p) })
		return
	}
	if ps.hops++; ps.hops > natHops {
		ps.refuse(g.record, Ingress, ReasonNATLoop, p)
		return
	}
	if why := ps.translateBack(g, p); why != ReasonNone {
		ps.refuse(g.record, Ingress, why, p)
		return
	}
	g.acceptPacket(Ingress, p)
	p.setMACs(g.seg.gatewayMAC, g.mac)
	ps.route(g, p)
}

func (ps *pass) translateBack(g *nic, p *packet) Reason {
	if why := natTakes(p); why != ReasonNone {
		return why
	}
	now := ps.since()
	if p.offset != 0 {
		client, ok := g.nat.fragments[Ingress].find(p, now)
		if !ok {
			return ReasonFragment
		}
		p.translateDestination(client)
		return ReasonNone
	}
	if q, ok := p.quoted(); ok {
		f := g.nat.ofGateway(q.flow(Egress), now)
		if f == nil {
			return ReasonNATNoConnection
		}
		p.translateDestination(f.inside.local.v4())
		p.setQuotedPort(true, f.inside.lport)
		return ReasonNone
	}
	f := g.nat.ofGateway(p.flow(Ingress), now)
	if f == nil {
		return ReasonNATNoConnection
	}
	f.note(p, Ingress, now)
	client := f.inside.local.v4()
	if p.more {
		g.nat.fragments[Ingress].remember(p, now, client)
	}
	p.translateDestination(client)
	p.setPort(false, f.inside.lport)
	p.clampMSS()
	return ReasonNone
}

// natTakes tells whether a NAT gateway passes a packet: TCP, UDP and ICMP over IPv4, up to
// 8500 bytes; fragments only of UDP (VPC User Guide, nat-gateway-basics,
// nat-gateway-troubleshooting).
func natTakes(p *packet) Reason {
	switch {
	case p.v6 || p.proto != protoTCP && p.proto != protoUDP && p.proto != protoICMP:
		return ReasonNATProtocol
	case p.icmp && !p.isError() && p.icmpType != icmpEcho && p.icmpType != icmpEchoReply:
		return ReasonNATProtocol
	case p.fragmented() && p.proto != protoUDP:
		return ReasonNATFragment
	case p.longest() > natMTU:
		return ReasonNATMTU
	}
	return ReasonNone
}

// reset makes a TCP reset in response to a segment (RFC 9293, section 3.10.7.1).
func (ps *pass) reset(about *packet) packet {
	b := ps.out.take(etherLen + 20 + 20)
	ip := b[etherLen:]
	putHeader(ip, about.dst.v4(), about.src.v4(), protoTCP)
	seg, tcp := about.l4(), ip[20:]
	clear(tcp)
	put16(tcp, about.dport)
	put16(tcp[2:], about.sport)
	tcp[12] = 5 << 4
	if about.flags&tcpACK != 0 {
		copy(tcp[4:8], seg[8:12])
		tcp[13] = tcpRST
	} else {
		length := uint32(max(0, len(seg)-int(seg[12]>>4)*4))
		if about.flags&tcpFIN != 0 {
			length++
		}
		putAddr(tcp[8:], getAddr(seg[4:])+addr4(length))
		tcp[13] = tcpRST | tcpACK
	}
	put16(tcp[16:], fold(sum(sum(protoTCP+20, ip[12:20]), tcp)))
	var p packet
	p.parse4(b)
	return p
}
