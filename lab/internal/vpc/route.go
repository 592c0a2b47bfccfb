// SPDX-License-Identifier: Apache-2.0

package vpc

// route forwards a packet that an ENI sent to its subnet's router.
//
// The router does not decrement the TTL: within a VPC, traceroute shows no hop for it.
func (ps *pass) route(n *nic, p *packet) {
	s := n.seg
	why := ReasonNone
	switch {
	case p.dst == mapped(broadcastAddr):
		why = ReasonBroadcast
	case p.dst.multicast():
		why = ReasonMulticast
	case p.dst == mapped(s.gateway) || s.isRouter6(p.dst):
		why = ReasonRouter
	case p.dst.hi>>32 == serviceBlock6:
		why = ReasonIPv6Service
	case p.dst.linkLocal() || p.v6 && p.src.linkLocal():
		why = ReasonLinkLocal
	}
	if why != ReasonNone {
		ps.refuse(n.record, Egress, why, p)
		return
	}
	h := s.lookup(p)
	if h == nil {
		ps.refuse(n.record, Egress, ReasonNoRoute, p)
		return
	}
	target := h.nic
	switch h.kind {
	case TargetLocal:
		if target = s.net.owners.of(p.dst); target == nil || !target.attached {
			why = ReasonUnassigned
		}
	case TargetENI:
		// The target must have SourceDestCheck off, unless the packet is addressed to it
		// (VPC User Guide, route-table-options, middlebox appliances). A route with a
		// deleted or detached target is a blackhole (EC2 API Reference, Route).
		switch {
		case target == nil || !target.attached:
			why = ReasonBlackhole
		case target.check && !target.owns(p.dst):
			why = ReasonTargetSourceDestCheck
		}
	case TargetInternetGateway:
		if s.net.igw == "" || s.net.igw != h.igw {
			ps.refuse(n.record, Egress, ReasonNoInternetGateway, p)
			return
		}
		ps.toInternet(n, p)
		return
	case TargetNATGateway:
		if target != nil && target.attached {
			ps.toNAT(n, target, p)
			return
		}
		why = ReasonBlackhole
	default:
		why = ReasonBlackhole
	}
	if why != ReasonNone {
		ps.refuse(n.record, Egress, why, p)
		return
	}
	n.acceptPacket(Egress, p)
	p.setMACs(target.mac, target.seg.gatewayMAC)
	ps.arrive(target, p)
}

// lookup returns the route with the longest matching prefix (VPC User Guide,
// route-tables-priority), or nil. A table has at most 500 entries by default, and few in
// practice, so a list is the fastest structure.
func (s *segment) lookup(p *packet) *hop {
	routes := s.routes[family(p.v6)]
	for i := range routes {
		if h := &routes[i]; h.contains(p.dst) {
			return h
		}
	}
	return nil
}
