package vpc

// fromENI takes a frame from an instance.
func (ps *pass) fromENI(in Port, frame []byte) {
	n := ps.tables.nics[in.ENI]
	switch {
	case n == nil:
		ps.drop(ps.f.unknown, Egress, ReasonUnknownENI, frame, false)
		return
	case !n.attached:
		ps.drop(n.record, Egress, ReasonDetached, frame, false)
		return
	case len(frame) < etherLen:
		ps.drop(n.record, Egress, ReasonMalformed, frame, false)
		return
	}
	// The host lets no frame out whose source MAC is not the instance's own,
	// whatever it carries and whatever SourceDestCheck says (AWS Overview of
	// Security Processes; EC2 User Guide, using-eni, speaks of addresses only).
	if MAC(frame[6:12]) != n.mac {
		ps.drop(n.record, Egress, ReasonSourceMAC, frame, false)
		return
	}
	frame = ps.out.load(frame, 0)
	why := ReasonNone
	switch get16(frame[12:]) {
	case etherIPv4:
		ps.ipv4(n, frame)
		return
	case etherARP:
		ps.arp(n, frame)
		return
	case etherIPv6:
		// IPv6 comes in here, beside ipv4: its own packet and address types,
		// the same tables by port, records and flow keys.
		why = ReasonIPv6
	case etherVLAN, etherQinQ:
		why = ReasonVLAN
	default:
		why = ReasonEtherType
	}
	ps.drop(n.record, Egress, why, frame, false)
}

// ipv4 takes a packet from an instance.
func (ps *pass) ipv4(n *nic, frame []byte) {
	var p packet
	if !p.parse(frame) {
		ps.drop(n.record, Egress, ReasonMalformed, frame, false)
		return
	}
	if p.isDHCP(n) {
		ps.dhcp(n, &p)
		return
	}
	// The source must be one of the ENI's addresses, unless SourceDestCheck is
	// off (EC2 User Guide, using-eni; VPC User Guide, VPC_NAT_Instance).
	if n.check && !n.owns(p.src) {
		ps.drop(n.record, Egress, ReasonSourceAddress, frame, false)
		return
	}
	to := MAC(frame[:6])
	switch {
	case to == n.seg.gatewayMAC:
		if isService(p.dst) || p.dst == n.seg.net.resolver {
			ps.toServices(n, &p)
			return
		}
		if ps.permit(n, &p, Egress) {
			ps.route(n, &p)
		}
	case to == broadcastMAC:
		ps.drop(n.record, Egress, ReasonBroadcast, frame, false)
	case to.multicast():
		ps.drop(n.record, Egress, ReasonMulticast, frame, false)
	case to == n.mac:
		ps.drop(n.record, Egress, ReasonOwnMAC, frame, false)
	default:
		// Within a subnet the Ethernet destination decides, not the route
		// table (VPC User Guide, gateway-route-tables).
		peer := n.seg.nics[to.key()]
		if peer == nil {
			ps.drop(n.record, Egress, ReasonUnknownUnicast, frame, false)
			return
		}
		if ps.permit(n, &p, Egress) {
			n.accept(Egress, len(p.frame))
			ps.arrive(peer, &p)
		}
	}
}

// arrive brings a packet with its Ethernet header to an ENI, which takes it or
// not.
func (ps *pass) arrive(n *nic, p *packet) {
	if !n.attached {
		ps.drop(n.record, Ingress, ReasonDetached, p.frame, false)
		return
	}
	// The destination must be one of the ENI's addresses, unless
	// SourceDestCheck is off (EC2 User Guide, using-eni).
	if n.check && !n.owns(p.dst) {
		ps.drop(n.record, Ingress, ReasonDestinationAddress, p.frame, false)
		return
	}
	if ps.permit(n, p, Ingress) {
		ps.deliver(n, p.frame)
	}
}
