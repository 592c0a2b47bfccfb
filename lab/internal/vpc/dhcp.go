package vpc

import (
	"encoding/binary"
	"fmt"
	"time"
)

const (
	dhcpServerPort = 67
	dhcpClientPort = 68
	dhcpCookie     = 0x63825363
	dhcpFixed      = 240 // bytes up to and with the cookie
	dhcpLeast      = 300 // bytes of a BOOTP message (RFC 1542, section 2.1)

	// dhcpLease is what EC2 gives.
	dhcpLease = time.Hour
)

// DHCP message types (RFC 2132, section 9.6).
const (
	dhcpDiscover = 1
	dhcpOffer    = 2
	dhcpRequest  = 3
	dhcpAck      = 5
	dhcpNak      = 6
	dhcpInform   = 8
)

// DHCP options.
const (
	optMask      = 1
	optRouter    = 3
	optDNS       = 6
	optHostname  = 12
	optDomain    = 15
	optMTU       = 26
	optBroadcast = 28
	optRequested = 50
	optLease     = 51
	optType      = 53
	optServer    = 54
	optEnd       = 255
)

// isDHCP tells whether the packet is for the subnet's DHCP server. Its source is
// the one case of an address that is not registered: 0.0.0.0, before there is
// one (RFC 2131, section 4.1).
func (p *packet) isDHCP(n *nic) bool {
	return p.proto == protoUDP && p.offset == 0 && !p.more &&
		p.sport == dhcpClientPort && p.dport == dhcpServerPort &&
		(p.dst == mapped(broadcastAddr) || p.dst == mapped(n.seg.gateway)) &&
		(p.src == mapped(0) || n.owns(p.src) || !n.check)
}

// dhcp answers a DHCP client. The server gives the ENI's primary address and
// nothing else (EC2 User Guide, instance-secondary-ip-addresses: the operating
// system must be told of secondary ones). Security groups do not filter it
// (VPC User Guide, vpc-security-groups).
func (ps *pass) dhcp(n *nic, p *packet) {
	msg := p.l4()[8:]
	if len(msg) < dhcpFixed || msg[0] != 1 || msg[1] != 1 || msg[2] != 6 || binary.BigEndian.Uint32(msg[236:]) != dhcpCookie {
		ps.drop(n.record, Egress, ReasonMalformed, p.frame, false)
		return
	}
	if MAC(msg[28:34]) != n.mac {
		ps.drop(n.record, Egress, ReasonDHCPClient, p.frame, false)
		return
	}
	ask := parseDHCP(msg)
	kind := ask.answer(n)
	if kind == 0 {
		ps.drop(n.record, Egress, ReasonDHCPIgnored, p.frame, false)
		return
	}
	n.accept(Egress, len(p.frame))
	ps.deliver(n, ps.dhcpReply(n, msg, ask, kind))
}

// dhcpAsk is what matters of a client's message.
type dhcpAsk struct {
	kind      byte
	current   addr4 // ciaddr
	relay     addr4 // giaddr
	requested addr4
	server    addr4
	broadcast bool
}

func parseDHCP(msg []byte) dhcpAsk {
	ask := dhcpAsk{
		current:   getAddr(msg[12:]),
		relay:     getAddr(msg[24:]),
		broadcast: msg[10]&0x80 != 0,
	}
	for o := msg[dhcpFixed:]; len(o) > 0 && o[0] != optEnd; {
		if o[0] == 0 {
			o = o[1:]
			continue
		}
		if len(o) < 2 || len(o) < 2+int(o[1]) {
			break
		}
		v := o[2 : 2+int(o[1])]
		switch {
		case o[0] == optType && len(v) == 1:
			ask.kind = v[0]
		case o[0] == optRequested && len(v) == 4:
			ask.requested = getAddr(v)
		case o[0] == optServer && len(v) == 4:
			ask.server = getAddr(v)
		}
		o = o[2+int(o[1]):]
	}
	return ask
}

// answer returns the type of the answer, or 0 for none.
func (a dhcpAsk) answer(n *nic) byte {
	if a.relay != 0 || a.server != 0 && a.server != n.seg.gateway {
		return 0
	}
	switch a.kind {
	case dhcpDiscover:
		return dhcpOffer
	case dhcpInform:
		return dhcpAck
	case dhcpRequest:
		wanted := a.requested
		if wanted == 0 {
			wanted = a.current
		}
		if wanted != n.primary {
			return dhcpNak
		}
		return dhcpAck
	}
	return 0
}

func (ps *pass) dhcpReply(n *nic, msg []byte, ask dhcpAsk, kind byte) []byte {
	const start = etherLen + 20 + 8
	b := ps.out.aside(start + 1024)
	clear(b)
	m := b[start:]
	m[0], m[1], m[2] = 2, 1, 6
	copy(m[4:8], msg[4:8])     // transaction
	copy(m[10:12], msg[10:12]) // flags
	copy(m[28:44], msg[28:44]) // client's hardware address
	binary.BigEndian.PutUint32(m[236:], dhcpCookie)
	if kind != dhcpNak {
		copy(m[12:16], msg[12:16])
		if ask.kind != dhcpInform {
			putAddr(m[16:], n.primary)
		}
	}
	end := dhcpFixed + len(ps.dhcpOptions(m[dhcpFixed:dhcpFixed], n, ask, kind))
	b = b[:start+max(end, dhcpLeast)]

	// RFC 2131, section 4.1: to the client's address if it has one, by
	// broadcast if it asks for that or must be refused, else to the address it
	// is about to have.
	to, mac := n.primary, n.mac
	switch {
	case kind == dhcpNak || ask.broadcast && ask.current == 0:
		to, mac = broadcastAddr, broadcastMAC
	case ask.current != 0:
		to = ask.current
	}
	p := packet{frame: b}
	p.setMACs(mac, n.seg.gatewayMAC)
	ip := p.ip()
	putHeader(ip, n.seg.gateway, to, protoUDP)
	udp := ip[20:]
	put16(udp, dhcpServerPort)
	put16(udp[2:], dhcpClientPort)
	put16(udp[4:], uint16(len(udp)))
	pseudo := sum(sum(protoUDP+uint32(len(udp)), ip[12:20]), udp)
	if put16(udp[6:], fold(pseudo)); fold(pseudo) == 0 {
		put16(udp[6:], 0xffff)
	}
	return b
}

// dhcpOptions appends the options that EC2's server gives (VPC User Guide,
// VPC_DHCP_Options, AmazonProvidedDNS; EC2 User Guide, network_mtu).
func (ps *pass) dhcpOptions(o []byte, n *nic, ask dhcpAsk, kind byte) []byte {
	addr := func(code byte, a addr4) {
		o = append(o, code, 4, byte(a>>24), byte(a>>16), byte(a>>8), byte(a))
	}
	text := func(code byte, s string) {
		s = s[:min(len(s), 255)]
		o = append(append(o, code, byte(len(s))), s...)
	}
	o = append(o, optType, 1, kind)
	addr(optServer, n.seg.gateway)
	if kind == dhcpNak {
		return append(o, optEnd)
	}
	if ask.kind != dhcpInform {
		addr(optLease, addr4(dhcpLease/time.Second))
	}
	addr(optMask, mask(n.seg.bits))
	addr(optBroadcast, n.seg.base|^mask(n.seg.bits))
	addr(optRouter, n.seg.gateway)
	addr(optDNS, n.seg.net.resolver)
	host := n.hostname
	if host == "" {
		a := n.primary // EC2 User Guide, ec2-instance-naming: IP name
		host = fmt.Sprintf("ip-%d-%d-%d-%d", a>>24, a>>16&255, a>>8&255, a&255)
	}
	text(optHostname, host)
	text(optDomain, ps.f.cfg.Domain)
	o = append(o, optMTU, 2, byte(ps.f.cfg.MTU>>8), byte(ps.f.cfg.MTU))
	return append(o, optEnd)
}
