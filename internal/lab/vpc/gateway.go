package vpc

// internetMTU is what an Internet gateway forwards at most, in bytes (EC2 User
// Guide, network_mtu).
const internetMTU = 1500

// toInternet passes a packet through the Internet gateway of its VPC: one-to-one
// NAT from the private source address to its Elastic IP (VPC User Guide,
// VPC_Internet_Gateway). The address decides, not the ENI that sent the packet,
// which may be a middlebox.
func (ps *pass) toInternet(n *nic, p *packet) {
	ip := n.seg.net.elastic[p.src]
	if ip == nil {
		ps.drop(n.record, Egress, ReasonNoElasticIP, p.frame, false)
		return
	}
	if len(p.ip()) > internetMTU && p.df {
		ps.drop(n.record, Egress, ReasonInternetMTU, p.frame, false)
		ps.fragmentationNeeded(n, p)
		return
	}
	n.accept(Egress, len(p.frame))
	p.translateSource(ip.public)
	if len(p.ip()) > internetMTU {
		ps.fragment(p)
		return
	}
	ps.leave(p)
}

// leave brings a packet that has passed an Internet gateway to the Internet, or
// back in if its destination is an Elastic IP of the fabric: the private
// addresses then see each other's public ones.
func (ps *pass) leave(p *packet) {
	if ip := ps.tables.public[p.dst]; ip != nil {
		ps.enter(ip, p)
		return
	}
	ps.deliverRaw(ps.f.internet, p.ip())
}

// fromInternet takes a packet from the Internet.
func (ps *pass) fromInternet(raw []byte) {
	r := ps.f.internet
	frame := ps.out.load(raw, etherLen)
	var p packet
	if !p.parse(frame) {
		ps.drop(r, Egress, unparsed(raw), raw, true)
		return
	}
	if len(p.ip()) > internetMTU {
		ps.drop(r, Egress, ReasonInternetMTU, raw, true)
		return
	}
	ip := ps.tables.public[p.dst]
	if ip == nil {
		ps.drop(r, Egress, ReasonUnknownElasticIP, raw, true)
		return
	}
	r.accept(Egress, len(p.ip()))
	ps.enter(ip, &p)
}

// enter passes a packet for an Elastic IP through the Internet gateway into its
// VPC.
func (ps *pass) enter(ip *elastic, p *packet) {
	n := ip.nic
	p.translateDestination(ip.private)
	p.setMACs(n.mac, n.seg.gatewayMAC)
	if n.seg.net.igw == "" {
		ps.drop(n.record, Ingress, ReasonNoInternetGateway, p.frame, false)
		return
	}
	ps.arrive(n, p)
}
