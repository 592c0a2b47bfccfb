// SPDX-License-Identifier: Apache-2.0

package vpc

// internetMTU is the MTU of an Internet gateway, in bytes (EC2 User Guide, network_mtu).
const internetMTU = 1500

// toInternet passes a packet through its VPC's Internet gateway: one-to-one NAT from the
// private source address to its Elastic IP for IPv4, and no NAT for IPv6, whose addresses
// are public (VPC User Guide, VPC_Internet_Gateway). The source address decides, not the
// sending ENI, which may be a middlebox.
func (ps *pass) toInternet(n *nic, p *packet) {
	why := ReasonNone
	var ip *elastic
	if !p.v6 {
		ip = n.seg.net.elastic[p.src.v4()]
	}
	switch {
	case n.closed():
		why = ReasonBlockPublicAccess
	case p.v6 && (ps.tables.blocks[p.src.block56()] != n.seg.net || n.seg.net.owners.of(p.src) == nil):
		why = ReasonNoIPv6Address
	case !p.v6 && ip == nil:
		why = ReasonNoElasticIP
	}
	if why != ReasonNone {
		ps.refuse(n.record, Egress, why, p)
		return
	}
	if p.size != 0 && p.longest() > internetMTU { // each frame is fragmented or answered
		ps.cut = true
		return
	}
	if p.size == 0 && len(p.ip()) > internetMTU && p.df {
		ps.refuse(n.record, Egress, ReasonInternetMTU, p)
		ps.tooBig(n, p)
		return
	}
	n.acceptPacket(Egress, p)
	if ip != nil {
		p.translateSource(ip.public)
	}
	if p.size == 0 && len(p.ip()) > internetMTU {
		ps.fragment(p)
		return
	}
	ps.leave(p)
}

// closed reports whether VPC Block Public Access keeps an ENI's traffic from the Internet gateway.
func (n *nic) closed() bool {
	public := n.seg.net.public
	return public == PublicAccessNone || public == PublicAccessNAT && n.nat == nil
}

// leave sends a packet that has passed an Internet gateway to the Internet, or back in if
// its destination is a public address of the fabric: private addresses then see each
// other's public ones.
func (ps *pass) leave(p *packet) {
	if n, ip := ps.tables.behind(p); n != nil {
		ps.enter(n, ip, p)
		return
	}
	ps.deliverRaw(ps.f.internet, p)
}

// behind returns the ENI of a public destination address, and for IPv4 the Elastic IP.
func (t *tables) behind(p *packet) (*nic, *elastic) {
	if p.v6 {
		if v := t.blocks[p.dst.block56()]; v != nil {
			return v.owners.of(p.dst), nil
		}
		return nil, nil
	}
	if ip := t.public[p.dst.v4()]; ip != nil {
		return ip.nic, ip
	}
	return nil, nil
}

// fromInternet handles a packet from the Internet.
func (ps *pass) fromInternet(raw []byte) {
	r := ps.f.internet
	frame := ps.out.load(raw, etherLen)
	var p packet
	why := ReasonNone
	var n *nic
	var ip *elastic
	switch {
	case !p.parse(frame):
		why = ReasonMalformed
	case len(p.ip()) > internetMTU:
		why = ReasonInternetMTU
	case p.isND():
		why = ReasonNDRouted
	default:
		n, ip = ps.tables.behind(&p)
		switch {
		case n == nil && p.v6:
			why = ReasonUnknownIPv6
		case n == nil:
			why = ReasonUnknownElasticIP
		}
	}
	if why != ReasonNone {
		ps.drop(r, Egress, why, raw, true)
		return
	}
	r.acceptRaw(Egress, &p)
	ps.enter(n, ip, &p)
}

// enter passes a packet for a public address through the Internet gateway into
// its VPC.
func (ps *pass) enter(n *nic, ip *elastic, p *packet) {
	if ip != nil {
		p.translateDestination(ip.private)
	}
	p.setMACs(n.mac, n.seg.gatewayMAC)
	if n.seg.net.igw == "" {
		ps.refuse(n.record, Ingress, ReasonNoInternetGateway, p)
		return
	}
	if n.closed() {
		ps.refuse(n.record, Ingress, ReasonBlockPublicAccess, p)
		return
	}
	ps.arrive(n, p)
}
