// SPDX-License-Identifier: Apache-2.0

package vpc

// fromENI handles a frame from an instance.
func (ps *pass) fromENI(in Port, frame []byte) {
	n := ps.tables.nics[in.ENI]
	if n == nil {
		ps.drop(ps.f.unknown, Egress, ReasonUnknownENI, frame, false)
		return
	}
	why := ReasonNone
	switch {
	case !n.attached || n.nat != nil: // a NAT gateway is no instance
		why = ReasonDetached
	case n.down:
		why = ReasonNICDown
	case len(frame) < etherLen:
		why = ReasonMalformed
	case MAC(frame[6:12]) != n.mac:
		// The host drops every frame whose source MAC is not the ENI's, regardless of
		// payload and SourceDestCheck (AWS Overview of Security Processes; EC2 User Guide,
		// using-eni, covers IP addresses only).
		why = ReasonSourceMAC
	case ps.exceeds(n):
		why = ReasonPPSAllowance
	}
	if why != ReasonNone {
		ps.drop(n.record, Egress, why, frame, false)
		return
	}
	frame = ps.out.load(frame, 0)
	switch get16(frame[12:]) {
	case etherIPv4:
		ps.ipv4(n, frame)
		return
	case etherARP:
		ps.arp(n, frame)
		return
	case etherIPv6:
		ps.ipv6(n, frame)
		return
	case etherVLAN, etherQinQ:
		why = ReasonVLAN
	default:
		why = ReasonEtherType
	}
	ps.drop(n.record, Egress, why, frame, false)
}

// ipv4 handles an IPv4 packet from an instance.
func (ps *pass) ipv4(n *nic, frame []byte) {
	var p packet
	if !p.parse4(frame) {
		ps.drop(n.record, Egress, ReasonMalformed, frame, false)
		return
	}
	if p.isDHCP(n) {
		ps.dhcp(n, &p)
		return
	}
	ps.onward(n, &p)
}

// ipv6 handles an IPv6 packet from an instance.
func (ps *pass) ipv6(n *nic, frame []byte) {
	var p packet
	why := ReasonNone
	switch {
	case !n.seg.hasIPv6():
		why = ReasonIPv6
	case !p.parse6(frame):
		why = ReasonMalformed
	case p.isND():
		ps.nd(n, &p)
		return
	case p.isDHCPv6(n):
		ps.dhcp6(n, &p)
		return
	case p.dst.multicast():
		// Checked before the source: multicast listener reports may come from the
		// unspecified address (RFC 3810, section 5.2.13).
		why = ReasonMulticast
	case p.src == addr16{}:
		why = ReasonSourceAddress // never forwarded by a router (RFC 4291, section 2.5.2)
	}
	if why != ReasonNone {
		ps.drop(n.record, Egress, why, frame, false)
		return
	}
	ps.onward(n, &p)
}

// onward forwards an instance's packet that is not for the fabric itself.
func (ps *pass) onward(n *nic, p *packet) {
	to := MAC(p.frame[:6])
	why := ReasonNone
	var peer *nic
	switch {
	case n.check && !n.owns(p.src):
		// The source must be one of the ENI's addresses, unless SourceDestCheck
		// is off (EC2 User Guide, using-eni; VPC User Guide, VPC_NAT_Instance).
		why = ReasonSourceAddress
	case p.longest() > ps.f.cfg.MTU:
		why = ReasonMTU
	case to == n.seg.gatewayMAC:
		if !p.v6 && (isService(p.dst.v4()) || p.dst.v4() == n.seg.net.resolver) {
			ps.toServices(n, p)
		} else if ps.permit(n, p, Egress) {
			ps.route(n, p)
		}
		return
	case to == broadcastMAC:
		why = ReasonBroadcast
	case to.multicast():
		why = ReasonMulticast
	case to == n.mac:
		why = ReasonOwnMAC
	default:
		// Within a subnet the Ethernet destination decides, not the route
		// table (VPC User Guide, gateway-route-tables).
		if peer = n.seg.nics[to.key()]; peer == nil {
			why = ReasonUnknownUnicast
		}
	}
	if why != ReasonNone {
		ps.refuse(n.record, Egress, why, p)
		return
	}
	if ps.permit(n, p, Egress) {
		n.acceptPacket(Egress, p)
		ps.arrive(peer, p)
	}
}

// arrive delivers a packet with its Ethernet header to an ENI, or drops it.
func (ps *pass) arrive(n *nic, p *packet) {
	why := ReasonNone
	switch {
	case !n.attached:
		why = ReasonDetached
	case n.down:
		why = ReasonNICDown
	case (n.check || n.nat != nil) && !n.owns(p.dst):
		// The destination must be one of the ENI's addresses, unless
		// SourceDestCheck is off (EC2 User Guide, using-eni).
		why = ReasonDestinationAddress
	}
	switch {
	case why != ReasonNone:
		ps.refuse(n.record, Ingress, why, p)
	case n.nat != nil:
		ps.fromNAT(n, p)
	case ps.permit(n, p, Ingress):
		ps.deliverPacket(n, p)
	}
}
