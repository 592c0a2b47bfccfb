// SPDX-License-Identifier: Apache-2.0

package vpc

// tooBig reports the Internet gateway's MTU of 1500 bytes to a packet's sender. The error
// comes from the subnet's router, as tracepath shows (EC2 User Guide, network_mtu);
// security groups do not filter that (VPC User Guide, vpc-security-groups: reserved
// addresses of the VPC router).
//
// For IPv6 the source is the reserved address with the same last number as the router's
// IPv4 address: a link-local one would not reach a sender behind the ENI (RFC 4291, section
// 2.5.6). AWS documents neither.
func (ps *pass) tooBig(n *nic, about *packet) {
	if !about.answerable() || !n.owns(about.src) {
		return
	}
	var p packet
	if about.v6 {
		p = ps.packetTooBig(addr16{n.seg.v6.base.hi, 1}, about, internetMTU)
	} else {
		p = ps.icmpAbout(n.seg.gateway, about, icmpUnreachable, 4, internetMTU)
	}
	p.setMACs(n.mac, n.seg.gatewayMAC)
	if n.nat != nil { // the error is for the gateway's client
		ps.arrive(n, &p)
		return
	}
	ps.deliver(n, p.frame)
}

// answerable tells whether an ICMP error may be sent about a packet: never about errors or
// later fragments (RFC 1122, section 3.2.2; RFC 4443, section 2.4).
func (p *packet) answerable() bool { return !p.isError() && p.offset == 0 }

// icmpAbout makes an IPv4 ICMP error. It quotes as much of the packet as fits in 576 bytes
// (RFC 1812, section 4.3.2.3).
func (ps *pass) icmpAbout(from addr4, about *packet, kind, code uint8, mtu uint16) packet {
	quote := about.ip()[:min(len(about.ip()), 576-20-8)]
	b := ps.out.take(etherLen + 20 + 8 + len(quote))
	ip := b[etherLen:]
	putHeader(ip, from, about.src.v4(), protoICMP)
	icmp := ip[20:]
	clear(icmp[:8])
	icmp[0], icmp[1] = kind, code
	put16(icmp[6:], mtu)
	copy(icmp[8:], quote)
	put16(icmp[2:], fold(sum(0, icmp)))
	var p packet
	p.parse4(b)
	return p
}

// packetTooBig makes an ICMPv6 Packet Too Big error. It quotes as much of the packet as
// fits in 1280 bytes (RFC 4443, section 3.2).
func (ps *pass) packetTooBig(from addr16, about *packet, mtu uint16) packet {
	quote := about.ip()[:min(len(about.ip()), 1280-40-8)]
	b := ps.out.take(etherLen + 40 + 8 + len(quote))
	ip := b[etherLen:]
	putHeader6(ip, from, about.src, protoICMPv6, 64)
	icmp := ip[40:]
	clear(icmp[:8])
	icmp[0] = icmp6TooBig
	put16(icmp[6:], mtu)
	copy(icmp[8:], quote)
	put16(icmp[2:], checksum6(ip, icmp, protoICMPv6))
	var p packet
	p.parse6(b)
	return p
}
