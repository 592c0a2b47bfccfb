// SPDX-License-Identifier: Apache-2.0

package vpc

const (
	arpLen     = 28
	arpRequest = 1
	arpReply   = 2
)

// arpHeader is the first six bytes of an ARP packet for IPv4 over Ethernet.
var arpHeader = [6]byte{0, 1, 8, 0, 6, 4}

// arp answers as AWS's mapping service does: from the registered addresses, without
// forwarding the request to any instance (Logical Separation on AWS whitepaper).
func (ps *pass) arp(n *nic, frame []byte) {
	if len(frame) < etherLen+arpLen || [6]byte(frame[etherLen:]) != arpHeader {
		ps.drop(n.record, Egress, ReasonMalformed, frame, false)
		return
	}
	b := frame[etherLen : etherLen+arpLen]
	sender, target := getAddr(b[14:]), getAddr(b[24:])
	probe := sender == 0 // RFC 5227: duplicate address detection
	why := ReasonNone
	var answer MAC
	switch {
	case MAC(b[8:14]) != n.mac:
		why = ReasonARPSenderMAC
	case n.check && !probe && !n.owns(mapped(sender)):
		why = ReasonARPSenderAddress
	case get16(b[6:]) == arpReply && sender == n.primary && target == n.seg.gateway:
		// A reply to the router's status check (EC2 User Guide,
		// monitoring-system-instance-status-check).
		n.accept(Egress, 1, len(frame))
		n.answered.Store(ps.now.UnixNano())
		return
	case sender == target && !probe:
		why = ReasonARPGratuitous
	case get16(b[6:]) != arpRequest:
		why = ReasonARPReply
	default:
		var ok bool
		if answer, ok = n.seg.resolve(target); !ok {
			why = ReasonARPUnregistered
		}
	}
	if why != ReasonNone {
		ps.drop(n.record, Egress, why, frame, false)
		return
	}
	n.accept(Egress, 1, len(frame))
	copy(frame, n.mac[:])
	copy(frame[6:], answer[:])
	put16(b[6:], arpReply)
	copy(b[8:], answer[:])
	putAddr(b[14:], target)
	copy(b[18:], n.mac[:])
	putAddr(b[24:], sender)
	ps.deliver(n, frame[:etherLen+arpLen])
}

// resolve returns the MAC that answers for an address on the subnet's link: the router's
// MAC for the router; the ENI's MAC for a registered address, even if its own ENI probes
// for a duplicate; the router's MAC for services, which instances reach without a route
// (DHCP may name a resolver on the link, and Amazon Linux has an on-link route to
// 169.254.169.254).
func (s *segment) resolve(a addr4) (MAC, bool) {
	if a == s.gateway || isService(a) || a == s.net.resolver {
		return s.gatewayMAC, true
	}
	if n := s.net.owners.of(mapped(a)); n != nil && n.seg == s && n.attached {
		return n.mac, true
	}
	return MAC{}, false
}
