package vpc

// fragmentationNeeded tells the sender of a packet that the Internet gateway
// forwards 1500 bytes at most. It comes from the subnet's router, as tracepath
// shows (EC2 User Guide, network_mtu), which security groups do not filter
// (VPC User Guide, vpc-security-groups: reserved addresses of the VPC router).
func (ps *pass) fragmentationNeeded(n *nic, about *packet) {
	if about.isError() || about.offset != 0 || !n.owns(about.src) {
		return // RFC 1122, section 3.2.2: no errors about errors or later fragments
	}
	// As much of the packet as makes 576 bytes in all (RFC 1812, section 4.3.2.3).
	quote := about.ip()[:min(len(about.ip()), 576-20-8)]
	b := ps.out.aside(etherLen + 20 + 8 + len(quote))
	p := packet{frame: b}
	p.setMACs(n.mac, n.seg.gatewayMAC)
	putHeader(p.ip(), n.seg.gateway, about.src, protoICMP)
	icmp := p.ip()[20:]
	clear(icmp[:8])
	icmp[0], icmp[1] = icmpUnreachable, 4
	put16(icmp[6:], internetMTU)
	copy(icmp[8:], quote)
	put16(icmp[2:], fold(sum(0, icmp)))
	ps.deliver(n, p.frame)
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
