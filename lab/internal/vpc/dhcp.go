// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"net"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

const (
	dhcpServerPort = 67
	dhcpClientPort = 68

	// dhcpLease is EC2's lease time.
	dhcpLease = time.Hour
)

// isDHCP tells whether the packet is for the subnet's DHCP server. Its source is the only
// unregistered address that is allowed: 0.0.0.0, used by a client without an address (RFC
// 2131, section 4.1).
func (p *packet) isDHCP(n *nic) bool {
	return p.proto == protoUDP && p.offset == 0 && !p.more &&
		p.sport == dhcpClientPort && p.dport == dhcpServerPort &&
		(p.dst == mapped(broadcastAddr) || p.dst == mapped(n.seg.gateway)) &&
		(p.src == mapped(0) || n.owns(p.src) || !n.check)
}

// dhcp answers a DHCP client. The server offers only the ENI's primary address (EC2 User
// Guide, instance-secondary-ip-addresses: secondary ones are configured in the operating
// system). Security groups do not filter DHCP (VPC User Guide, vpc-security-groups).
func (ps *pass) dhcp(n *nic, p *packet) {
	request, err := dhcpv4.FromBytes(p.l4()[8:])
	if err != nil || request.OpCode != dhcpv4.OpcodeBootRequest ||
		request.HWType != iana.HWTypeEthernet || len(request.ClientHWAddr) != len(n.mac) {
		ps.refuse(n.record, Egress, ReasonMalformed, p)
		return
	}
	if MAC(request.ClientHWAddr) != n.mac {
		ps.refuse(n.record, Egress, ReasonDHCPClient, p)
		return
	}
	kind := n.dhcpAnswer(request)
	if kind == dhcpv4.MessageTypeNone {
		ps.refuse(n.record, Egress, ReasonDHCPIgnored, p)
		return
	}
	n.acceptPacket(Egress, p)
	to, mac := n.dhcpDestination(request, kind)
	ps.deliver(n, ps.dhcpFrame(n, to, mac, ps.dhcpReply(n, request, kind).ToBytes()))
}

// dhcpAnswer returns the type of the answer to a request, or
// MessageTypeNone if there is none.
func (n *nic) dhcpAnswer(request *dhcpv4.DHCPv4) dhcpv4.MessageType {
	server := fromIP(request.ServerIdentifier())
	if fromIP(request.GatewayIPAddr) != 0 || server != 0 && server != n.seg.gateway {
		return dhcpv4.MessageTypeNone
	}
	switch request.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return dhcpv4.MessageTypeOffer
	case dhcpv4.MessageTypeInform:
		return dhcpv4.MessageTypeAck
	case dhcpv4.MessageTypeRequest:
		wanted := fromIP(request.RequestedIPAddress())
		if wanted == 0 {
			wanted = fromIP(request.ClientIPAddr)
		}
		if wanted != n.primary {
			return dhcpv4.MessageTypeNak
		}
		return dhcpv4.MessageTypeAck
	}
	return dhcpv4.MessageTypeNone
}

// dhcpDestination returns where an answer goes (RFC 2131, section 4.1): to the client's
// address if it has one, by broadcast if the client asks for that or is refused, else to
// the offered address.
func (n *nic) dhcpDestination(request *dhcpv4.DHCPv4, kind dhcpv4.MessageType) (addr4, MAC) {
	current := fromIP(request.ClientIPAddr)
	switch {
	case kind == dhcpv4.MessageTypeNak || request.IsBroadcast() && current == 0:
		return broadcastAddr, broadcastMAC
	case current != 0:
		return current, n.mac
	}
	return n.primary, n.mac
}

// dhcpReply makes an answer with the options of EC2's server (VPC User Guide,
// VPC_DHCP_Options, AmazonProvidedDNS; EC2 User Guide, network_mtu).
func (ps *pass) dhcpReply(n *nic, request *dhcpv4.DHCPv4, kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	reply := &dhcpv4.DHCPv4{}
	set := func(options ...dhcpv4.Option) {
		for _, o := range options {
			reply.UpdateOption(o)
		}
	}
	dhcpv4.WithReply(request)(reply)
	set(dhcpv4.OptMessageType(kind), dhcpv4.OptServerIdentifier(n.seg.gateway.ip()))
	if kind == dhcpv4.MessageTypeNak {
		return reply
	}
	reply.ClientIPAddr = request.ClientIPAddr
	if request.MessageType() != dhcpv4.MessageTypeInform {
		reply.YourIPAddr = n.primary.ip()
		set(dhcpv4.OptIPAddressLeaseTime(dhcpLease))
	}
	host := n.hostname
	if host == "" {
		// EC2 User Guide, ec2-instance-naming: IP name.
		host = "ip-" + strings.ReplaceAll(n.primary.netip().String(), ".", "-")
	}
	mtu := ps.f.cfg.MTU
	set(
		dhcpv4.OptSubnetMask(net.CIDRMask(n.seg.bits, 32)),
		dhcpv4.OptBroadcastAddress((n.seg.base | ^mask(n.seg.bits)).ip()),
		dhcpv4.OptRouter(n.seg.gateway.ip()),
		dhcpv4.OptDNS(n.seg.net.resolver.ip()),
		dhcpv4.OptHostName(host),
		dhcpv4.OptDomainName(ps.f.cfg.Domain),
		dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, []byte{byte(mtu >> 8), byte(mtu)}),
	)
	return reply
}

// dhcpFrame wraps a message of the server in a frame.
func (ps *pass) dhcpFrame(n *nic, to addr4, mac MAC, msg []byte) []byte {
	const start = etherLen + 20 + 8
	b := ps.out.take(start + len(msg))
	copy(b[start:], msg)
	p := packet{frame: b}
	p.setMACs(mac, n.seg.gatewayMAC)
	ip := p.ip()
	putHeader(ip, n.seg.gateway, to, protoUDP)
	putUDP(ip[20:], dhcpServerPort, dhcpClientPort, ip[12:20])
	return b
}
