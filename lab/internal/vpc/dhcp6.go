// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"net"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

const (
	dhcp6ServerPort = 547
	dhcp6ClientPort = 546

	// The lifetimes of an address, as observed on instances. AWS documents none.
	dhcp6Preferred = 140 * time.Second
	dhcp6Valid     = 450 * time.Second
	dhcp6Renew     = dhcp6Preferred / 2
	dhcp6Rebind    = dhcp6Preferred * 4 / 5

	dhcp6MostIAs = 8   // associations per message that are answered
	dhcp6MostID  = 130 // maximum length of an identifier in bytes (RFC 8415, section 11.1)
)

// isDHCPv6 tells whether the packet is for the subnet's DHCPv6 server.
func (p *packet) isDHCPv6(n *nic) bool {
	return p.proto == protoUDP && !p.fragmented() &&
		p.sport == dhcp6ClientPort && p.dport == dhcp6ServerPort &&
		(p.dst == dhcpServers || n.seg.isRouter6(p.dst)) &&
		(n.owns(p.src) || !n.check && p.src.linkLocal())
}

// dhcp6 answers a DHCPv6 client. As over IPv4 it gives one address, the first; others are
// configured in the operating system (EC2 User Guide, instance-secondary-ip-addresses). It
// names no resolver: the lab lacks AWS's, fd00:ec2::253.
func (ps *pass) dhcp6(n *nic, p *packet) {
	udp := p.l4()
	size := int(get16(udp[4:]))
	if size < 12 || size > len(udp) || checksum6(p.ip(), udp[:size], protoUDP) != 0 {
		ps.refuse(n.record, Egress, ReasonMalformed, p)
		return
	}
	request, err := parseDHCPv6(udp[8:size])
	kind := dhcpv6.MessageTypeNone
	if err == nil {
		kind = n.dhcp6Answer(request)
	}
	if kind == dhcpv6.MessageTypeNone {
		ps.refuse(n.record, Egress, ReasonDHCPIgnored, p)
		return
	}
	n.acceptPacket(Egress, p)
	ps.deliver(n, ps.dhcp6Frame(n, p.src, n.dhcp6Reply(request, kind).ToBytes()))
}

// parseDHCPv6 reads a client's message. Of its options only associations are parsed:
// identifiers are opaque to a server (RFC 8415, section 11), and other malformed options
// are ignored.
func parseDHCPv6(b []byte) (*dhcpv6.Message, error) {
	request := &dhcpv6.Message{MessageType: dhcpv6.MessageType(b[0]), TransactionID: dhcpv6.TransactionID(b[1:4])}
	err := request.Options.FromBytesWithParser(b[4:], func(code dhcpv6.OptionCode, value []byte) (dhcpv6.Option, error) {
		if code == dhcpv6.OptionIANA {
			return dhcpv6.ParseOption(code, value)
		}
		return &dhcpv6.OptionGeneric{OptionCode: code, OptionData: value}, nil
	})
	return request, err
}

// dhcp6Answer returns the type of the answer to a request, or MessageTypeNone if
// there is none (RFC 8415, section 16).
func (n *nic) dhcp6Answer(request *dhcpv6.Message) dhcpv6.MessageType {
	server := request.GetOneOption(dhcpv6.OptionServerID)
	if server != nil && !bytes.Equal(server.ToBytes(), n.seg.serverID().ToBytes()) {
		return dhcpv6.MessageTypeNone
	}
	client := request.GetOneOption(dhcpv6.OptionClientID)
	anonymous := client == nil || len(client.ToBytes()) == 0
	if anonymous && request.MessageType != dhcpv6.MessageTypeInformationRequest ||
		!anonymous && len(client.ToBytes()) > dhcp6MostID {
		return dhcpv6.MessageTypeNone
	}
	switch request.MessageType {
	case dhcpv6.MessageTypeInformationRequest:
		return dhcpv6.MessageTypeReply
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		if server != nil {
			return dhcpv6.MessageTypeReply
		}
	case dhcpv6.MessageTypeRebind:
		if server == nil {
			return dhcpv6.MessageTypeReply
		}
	case dhcpv6.MessageTypeConfirm:
		if server == nil && len(addressesOf(request)) > 0 {
			return dhcpv6.MessageTypeReply
		}
	case dhcpv6.MessageTypeSolicit:
		if server == nil && request.GetOneOption(dhcpv6.OptionRapidCommit) != nil {
			return dhcpv6.MessageTypeReply
		}
		if server == nil {
			return dhcpv6.MessageTypeAdvertise
		}
	}
	return dhcpv6.MessageTypeNone
}

// serverID is the server's identifier, derived from the router's MAC.
func (s *segment) serverID() dhcpv6.DUID {
	return &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: s.gatewayMAC[:]}
}

// addressesOf returns the addresses in a request's associations.
func addressesOf(request *dhcpv6.Message) []net.IP {
	var all []net.IP
	for _, ia := range request.Options.IANA() {
		for _, a := range ia.Options.Addresses() {
			all = append(all, a.IPv6Addr)
		}
	}
	return all
}

func (n *nic) dhcp6Reply(request *dhcpv6.Message, kind dhcpv6.MessageType) *dhcpv6.Message {
	reply := &dhcpv6.Message{MessageType: kind, TransactionID: request.TransactionID}
	if client := request.GetOneOption(dhcpv6.OptionClientID); client != nil {
		reply.AddOption(client)
	}
	reply.AddOption(dhcpv6.OptServerID(n.seg.serverID()))
	switch request.MessageType {
	case dhcpv6.MessageTypeInformationRequest:
	case dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		reply.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusSuccess})
	case dhcpv6.MessageTypeConfirm:
		status := iana.StatusSuccess
		for _, a := range addressesOf(request) {
			if !n.owns(getAddr16(a)) {
				status = iana.StatusNotOnLink
			}
		}
		reply.AddOption(&dhcpv6.OptStatusCode{StatusCode: status})
	default:
		if request.MessageType == dhcpv6.MessageTypeSolicit && kind == dhcpv6.MessageTypeReply {
			dhcpv6.WithRapidCommit(reply)
		}
		ias := request.Options.IANA()
		for i, ia := range ias[:min(len(ias), dhcp6MostIAs)] {
			reply.AddOption(n.answerIA(ia, i == 0))
		}
	}
	return reply
}

// answerIA answers an association: the first one gets the ENI's address; other addresses in
// it get lifetime zero (RFC 8415, section 18.3.4).
func (n *nic) answerIA(ia *dhcpv6.OptIANA, first bool) *dhcpv6.OptIANA {
	answer := &dhcpv6.OptIANA{IaId: ia.IaId}
	if first && n.ipv6 != (addr16{}) {
		answer.T1, answer.T2 = dhcp6Renew, dhcp6Rebind
		answer.Options.Add(&dhcpv6.OptIAAddress{
			IPv6Addr: n.ipv6.ip(), PreferredLifetime: dhcp6Preferred, ValidLifetime: dhcp6Valid,
		})
	} else {
		answer.Options.Add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoAddrsAvail})
	}
	for _, a := range ia.Options.Addresses() {
		if getAddr16(a.IPv6Addr) != n.ipv6 {
			answer.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: a.IPv6Addr})
		}
	}
	return answer
}

// dhcp6Frame wraps a message of the server in a frame.
func (ps *pass) dhcp6Frame(n *nic, to addr16, msg []byte) []byte {
	const start = etherLen + 40 + 8
	b := ps.out.take(start + len(msg))
	copy(b[start:], msg)
	p := packet{frame: b, v6: true}
	p.setMACs(n.mac, n.seg.gatewayMAC)
	ip := p.ip()
	putHeader6(ip, n.seg.router6, to, protoUDP, 64)
	putUDP(ip[40:], dhcp6ServerPort, dhcp6ClientPort, ip[8:40])
	return b
}
