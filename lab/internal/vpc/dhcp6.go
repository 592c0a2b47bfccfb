package vpc

import "encoding/binary"

const (
	dhcp6ServerPort = 547
	dhcp6ClientPort = 546

	// The lifetimes of an address in seconds, as instances show them. AWS
	// documents none.
	dhcp6Preferred = 140
	dhcp6Valid     = 450
	dhcp6Renew     = dhcp6Preferred / 2
	dhcp6Rebind    = dhcp6Preferred * 4 / 5

	dhcp6MostIAs = 8   // of a message that are answered
	dhcp6MostID  = 130 // bytes of an identifier (RFC 8415, section 11.1)
)

// DHCPv6 messages (RFC 8415, section 7.3).
const (
	dhcp6Solicit     = 1
	dhcp6Advertise   = 2
	dhcp6Request     = 3
	dhcp6Confirm     = 4
	dhcp6RenewMsg    = 5
	dhcp6RebindMsg   = 6
	dhcp6Reply       = 7
	dhcp6Release     = 8
	dhcp6Decline     = 9
	dhcp6Information = 11
)

// DHCPv6 options and status codes (RFC 8415, sections 21 and 21.13).
const (
	opt6Client  = 1
	opt6Server  = 2
	opt6IANA    = 3
	opt6Address = 5
	opt6Status  = 13
	opt6Rapid   = 14

	status6Success    = 0
	status6NoAddrs    = 2
	status6NotOnLink  = 4
	dhcp6ServerIDSize = 10 // DUID-LL of an Ethernet address
)

// isDHCPv6 tells whether the packet is for the subnet's DHCPv6 server.
func (p *packet) isDHCPv6(n *nic) bool {
	return p.proto == protoUDP && !p.fragmented() &&
		p.sport == dhcp6ClientPort && p.dport == dhcp6ServerPort &&
		(p.dst == dhcpServers || n.seg.isRouter6(p.dst)) &&
		(n.owns(p.src) || !n.check && p.src.linkLocal())
}

// dhcp6Ask is what matters of a client's message.
type dhcp6Ask struct {
	kind       byte
	id         [3]byte // of the transaction
	client     []byte  // option, as it came
	server     []byte  // identifier
	rapid      bool
	ias        [dhcp6MostIAs]dhcp6IA
	count      int
	wellFormed bool
	notOnLink  bool // an address in an IA is not the ENI's
	hasAddress bool
}

type dhcp6IA struct {
	id      uint32
	foreign addr16 // an address in it that is not the ENI's, or zero
}

// dhcp6 answers a DHCPv6 client. As over IPv4 it gives one address, the first;
// the operating system must be told of others (EC2 User Guide,
// instance-secondary-ip-addresses). It names no resolver: that of AWS,
// fd00:ec2::253, the lab does not have.
func (ps *pass) dhcp6(n *nic, p *packet) {
	udp := p.l4()
	size := int(get16(udp[4:]))
	if size < 12 || size > len(udp) || checksum6(p.ip(), udp[:size], protoUDP) != 0 {
		ps.drop(n.record, Egress, ReasonMalformed, p.frame, false)
		return
	}
	ask := parseDHCPv6(n, udp[8:size])
	kind := ask.answer(n)
	if !ask.wellFormed || kind == 0 {
		ps.drop(n.record, Egress, ReasonDHCPIgnored, p.frame, false)
		return
	}
	n.accept(Egress, len(p.frame))
	ps.deliver(n, ps.dhcp6Reply(n, p.src, &ask, kind))
}

func parseDHCPv6(n *nic, msg []byte) (ask dhcp6Ask) {
	ask.kind, ask.id = msg[0], [3]byte(msg[1:4])
	ask.wellFormed = eachOption6(msg[4:], func(code uint16, v []byte) {
		switch {
		case code == opt6Client:
			ask.client = v
		case code == opt6Server:
			ask.server = v
		case code == opt6Rapid:
			ask.rapid = true
		case code == opt6IANA && len(v) >= 12 && ask.count < dhcp6MostIAs:
			ia := &ask.ias[ask.count]
			ask.count++
			ia.id = binary.BigEndian.Uint32(v)
			eachOption6(v[12:], func(code uint16, v []byte) {
				if code != opt6Address || len(v) < 24 {
					return
				}
				if a := getAddr16(v); a != n.ipv6 {
					ia.foreign = a
					ask.notOnLink = ask.notOnLink || !n.owns(a)
				}
				ask.hasAddress = true
			})
		}
	})
	return ask
}

// eachOption6 goes through options. It returns false if they are cut short.
func eachOption6(b []byte, f func(code uint16, value []byte)) bool {
	for len(b) >= 4 {
		size := int(get16(b[2:]))
		if len(b) < 4+size {
			return false
		}
		f(get16(b), b[4:4+size])
		b = b[4+size:]
	}
	return len(b) == 0
}

// answer returns the type of the answer, or 0 for none (RFC 8415, section 16).
func (a *dhcp6Ask) answer(n *nic) byte {
	var id [dhcp6ServerIDSize]byte
	n.seg.putServerID(id[:])
	if a.server != nil && string(a.server) != string(id[:]) {
		return 0
	}
	if len(a.client) > dhcp6MostID || len(a.client) == 0 && a.kind != dhcp6Information {
		return 0
	}
	switch a.kind {
	case dhcp6Solicit:
		if a.server != nil {
			return 0
		}
		if a.rapid {
			return dhcp6Reply
		}
		return dhcp6Advertise
	case dhcp6Confirm:
		if a.server != nil || !a.hasAddress {
			return 0
		}
		return dhcp6Reply
	case dhcp6RebindMsg:
		if a.server != nil {
			return 0
		}
		return dhcp6Reply
	case dhcp6Request, dhcp6RenewMsg, dhcp6Release, dhcp6Decline:
		if a.server == nil {
			return 0
		}
		return dhcp6Reply
	case dhcp6Information:
		return dhcp6Reply
	}
	return 0
}

// putServerID writes the server's identifier: DUID-LL (RFC 8415, section 11.4).
func (s *segment) putServerID(b []byte) {
	put16(b, 3)
	put16(b[2:], 1)
	copy(b[4:], s.gatewayMAC[:])
}

func (ps *pass) dhcp6Reply(n *nic, to addr16, ask *dhcp6Ask, kind byte) []byte {
	const start = etherLen + 40 + 8
	b := ps.out.aside(start + 128 + len(ask.client) + ask.count*96)
	o := append(b[start:start], kind, ask.id[0], ask.id[1], ask.id[2])
	if ask.client != nil {
		o = append(appendOption6(o, opt6Client, len(ask.client)), ask.client...)
	}
	o = appendOption6(o, opt6Server, dhcp6ServerIDSize)
	o = append(o, make([]byte, dhcp6ServerIDSize)...)
	n.seg.putServerID(o[len(o)-dhcp6ServerIDSize:])
	switch ask.kind {
	case dhcp6Confirm:
		status := uint16(status6Success)
		if ask.notOnLink {
			status = status6NotOnLink
		}
		o = appendStatus6(o, status)
	case dhcp6Release, dhcp6Decline:
		o = appendStatus6(o, status6Success)
	case dhcp6Information:
	default:
		if ask.kind == dhcp6Solicit && kind == dhcp6Reply {
			o = appendOption6(o, opt6Rapid, 0)
		}
		for i := range ask.ias[:ask.count] {
			o = n.appendIA(o, &ask.ias[i], i == 0)
		}
	}
	b = b[:start+len(o)]
	p := packet{frame: b, v6: true}
	p.setMACs(n.mac, n.seg.gatewayMAC)
	ip := p.ip()
	putHeader6(ip, n.seg.router6, to, protoUDP, 64)
	udp := ip[40:]
	put16(udp, dhcp6ServerPort)
	put16(udp[2:], dhcp6ClientPort)
	put16(udp[4:], uint16(len(udp)))
	put16(udp[6:], 0)
	check := checksum6(ip, udp, protoUDP)
	if check == 0 {
		check = 0xffff
	}
	put16(udp[6:], check)
	return b
}

// appendIA answers an association: the first gets the ENI's address, and an
// address in it that is another is taken away (RFC 8415, section 18.3.4).
func (n *nic) appendIA(o []byte, ia *dhcp6IA, first bool) []byte {
	at := len(o)
	o = appendOption6(o, opt6IANA, 0)
	o = binary.BigEndian.AppendUint32(o, ia.id)
	if first && n.ipv6 != (addr16{}) {
		o = binary.BigEndian.AppendUint32(o, dhcp6Renew)
		o = binary.BigEndian.AppendUint32(o, dhcp6Rebind)
		o = appendAddress6(o, n.ipv6, dhcp6Preferred, dhcp6Valid)
	} else {
		o = append(o, make([]byte, 8)...)
		o = appendStatus6(o, status6NoAddrs)
	}
	if ia.foreign != (addr16{}) {
		o = appendAddress6(o, ia.foreign, 0, 0)
	}
	put16(o[at+2:], uint16(len(o)-at-4))
	return o
}

func appendOption6(o []byte, code uint16, size int) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(o, code), uint16(size))
}

func appendStatus6(o []byte, status uint16) []byte {
	return binary.BigEndian.AppendUint16(appendOption6(o, opt6Status, 2), status)
}

func appendAddress6(o []byte, a addr16, preferred, valid uint32) []byte {
	o = appendOption6(o, opt6Address, 24)
	o = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(o, a.hi), a.lo)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(o, preferred), valid)
}
