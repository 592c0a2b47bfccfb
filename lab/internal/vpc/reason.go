// SPDX-License-Identifier: Apache-2.0

package vpc

import "fmt"

// Reason is why the fabric dropped a frame.
type Reason uint8

// The reasons; Explain and Source describe each.
const (
	ReasonNone Reason = iota
	ReasonUnknownENI
	ReasonDetached
	ReasonMalformed
	ReasonEtherType
	ReasonVLAN
	ReasonIPv6
	ReasonNICDown
	ReasonPPSAllowance
	ReasonSourceMAC
	ReasonSourceAddress
	ReasonDestinationAddress
	ReasonARPSenderMAC
	ReasonARPSenderAddress
	ReasonARPUnregistered
	ReasonARPGratuitous
	ReasonARPReply
	ReasonNDLinkLayer
	ReasonNDOwn
	ReasonNDUnregistered
	ReasonNDAdvertisement
	ReasonNDRouted
	ReasonRouterAdvertisement
	ReasonRedirect
	ReasonBroadcast
	ReasonMulticast
	ReasonUnknownUnicast
	ReasonOwnMAC
	ReasonDHCPClient
	ReasonDHCPIgnored
	ReasonRouter
	ReasonNoRoute
	ReasonBlackhole
	ReasonUnassigned
	ReasonTargetSourceDestCheck
	ReasonLinkLocal
	ReasonIPv6Service
	ReasonMTU
	ReasonNoInternetGateway
	ReasonBlockPublicAccess
	ReasonNoElasticIP
	ReasonNoIPv6Address
	ReasonUnknownElasticIP
	ReasonUnknownIPv6
	ReasonInternetMTU
	ReasonNATProtocol
	ReasonNATFragment
	ReasonNATMTU
	ReasonNATTTL
	ReasonNATIdle
	ReasonNATNoConnection
	ReasonNATPorts
	ReasonNATLoop
	ReasonSecurityGroupEgress
	ReasonSecurityGroupIngress
	ReasonConntrackFull
	ReasonFragment
	ReasonServiceSource
	ReasonServiceReply
	ReasonNoDevice
	ReasonDevice

	reasonCount
)

type reasonText struct{ name, explain, source string }

var reasons = [reasonCount]reasonText{
	ReasonNone: {"none", "the frame was delivered or answered", ""},
	ReasonUnknownENI: {"unknown-eni", "the port's ENI does not exist",
		"Logical Separation on AWS whitepaper: each flow is authorised against a rule, no matching rule means a drop"},
	ReasonDetached: {"detached", "the ENI is not attached to a running instance",
		"EC2 User Guide, using-eni"},
	ReasonMalformed: {"malformed",
		"the frame is too short, or a length, a checksum that its receiver must check, or a header is wrong",
		"RFC 791, RFC 826, RFC 1812 section 5.2.2, RFC 4861, RFC 7112, RFC 8200"},
	ReasonEtherType: {"ethertype", "neither ARP nor IP: a VPC carries IP only",
		"Logical Separation on AWS whitepaper: packets that match no rule are dropped"},
	ReasonVLAN: {"vlan", "the frame is VLAN-tagged, and the ENI is not a trunk",
		"EC2 API Reference, AssociateTrunkInterface"},
	ReasonIPv6: {"ipv6", "the subnet has no IPv6 block, so no address in it is registered",
		"VPC User Guide, subnet-sizing; EC2 User Guide, using-instance-addressing"},
	ReasonNICDown: {"nic-down", "a fault that was asked for: the ENI passes nothing either way", ""},
	ReasonPPSAllowance: {"pps-allowance",
		"a fault that was asked for: more packets per second than the ENI may send and receive",
		"EC2 User Guide, monitoring-network-performance-ena: pps_allowance_exceeded"},
	ReasonSourceMAC: {"source-mac", "the Ethernet source is not the ENI's own MAC; SourceDestCheck does not lift this",
		"AWS Overview of Security Processes: an instance cannot send with a source IP or MAC address other than its own"},
	ReasonSourceAddress: {"source-address", "the source address is not registered on the ENI, and SourceDestCheck is on",
		"EC2 User Guide, using-eni; VPC User Guide, VPC_NAT_Instance"},
	ReasonDestinationAddress: {"destination-address",
		"the destination address is not registered on the receiving ENI, and its SourceDestCheck is on",
		"EC2 User Guide, using-eni: the instance must be the source or destination of any traffic"},
	ReasonARPSenderMAC: {"arp-sender-mac", "the ARP sender's hardware address is not the ENI's own MAC",
		"AWS Overview of Security Processes: no MAC address other than its own"},
	ReasonARPSenderAddress: {"arp-sender-address",
		"the ARP sender's address is not registered on the ENI, and SourceDestCheck is on",
		"AWS Overview of Security Processes: no IP address other than its own"},
	ReasonARPUnregistered: {"arp-unregistered", "nobody in the subnet has registered the address asked for: silence",
		"Logical Separation on AWS whitepaper: ARP is answered from an authenticated database and never hits the network"},
	ReasonARPGratuitous: {"arp-gratuitous", "gratuitous ARP is told to nobody and changes no mapping",
		"Logical Separation on AWS whitepaper: ARP never hits the network"},
	ReasonARPReply: {"arp-reply", "ARP replies are for the fabric only",
		"Logical Separation on AWS whitepaper: ARP never hits the network"},
	ReasonNDLinkLayer: {"nd-link-layer",
		"the link-layer address in a neighbour or router solicitation or advertisement is not the ENI's own MAC",
		"AWS Overview of Security Processes: no MAC address other than its own"},
	ReasonNDOwn: {"nd-own",
		"nobody is told its own address: an answer to the probe for a duplicate would make the address unusable",
		"RFC 4862 section 5.4.4"},
	ReasonNDUnregistered: {"nd-unregistered", "nobody in the subnet has registered the address asked for: silence",
		"Logical Separation on AWS whitepaper, of ARP: answered from an authenticated database, it never hits the network"},
	ReasonNDAdvertisement: {"nd-advertisement", "neighbour advertisements are told to nobody and change no mapping",
		"Logical Separation on AWS whitepaper, of ARP: it never hits the network"},
	ReasonNDRouted: {"nd-routed", "neighbour discovery does not come from beyond the link",
		"RFC 4861 section 11.2"},
	ReasonRouterAdvertisement: {"router-advertisement",
		"the VPC router is the only one: an instance's router advertisements are told to nobody",
		"Logical Separation on AWS whitepaper: packets that match no rule are dropped"},
	ReasonRedirect: {"redirect", "redirects are told to nobody",
		"Logical Separation on AWS whitepaper: packets that match no rule are dropped"},
	ReasonBroadcast: {"broadcast", "a VPC does not carry broadcast",
		"VPC User Guide, subnet-sizing"},
	ReasonMulticast: {"multicast", "a VPC does not carry multicast without a transit gateway",
		"VPC FAQs; Transit Gateway Guide, tgw-multicast-overview"},
	ReasonUnknownUnicast: {"unknown-unicast",
		"the Ethernet destination is neither the gateway nor an ENI of the subnet: nothing is flooded",
		"Logical Separation on AWS whitepaper: packets that match no rule are dropped"},
	ReasonOwnMAC: {"own-mac",
		"the Ethernet destination is the sender itself: a switch sends nothing back where it came from",
		"IEEE 802.1D; AWS documents nothing"},
	ReasonDHCPClient: {"dhcp-client", "the DHCP client's hardware address is not the ENI's own MAC",
		"AWS Overview of Security Processes: no MAC address other than its own"},
	ReasonDHCPIgnored: {"dhcp-ignored", "a DHCP message that wants no answer, or one meant for another server",
		"RFC 2131"},
	ReasonRouter: {"router", "the VPC router forwards; it answers nothing but ARP, neighbour discovery and DHCP",
		"VPC User Guide, VPC_Route_Tables"},
	ReasonNoRoute: {"no-route", "no route of the subnet's route table matches",
		"VPC User Guide, route-tables-priority"},
	ReasonBlackhole: {"blackhole", "the longest matching route's target is not available",
		"EC2 API Reference, Route: state blackhole"},
	ReasonUnassigned: {"unassigned", "the local route matches, but no attached ENI of the VPC has the address",
		"Logical Separation on AWS whitepaper: the mapping service has no entry"},
	ReasonTargetSourceDestCheck: {"target-source-dest-check", "the route's target ENI has SourceDestCheck on",
		"VPC User Guide, route-table-options, middlebox appliances"},
	ReasonLinkLocal: {"link-local", "169.254.0.0/16 and fe80::/10 are not routed, and no service has this address",
		"VPC User Guide, subnet-route-tables; RFC 4291 section 2.5.6"},
	ReasonIPv6Service: {"ipv6-service", "the lab has no IPv6 services: metadata, DNS and time are reached by IPv4",
		"EC2 User Guide, using-instance-addressing: fd00:ec2::/32"},
	ReasonMTU: {"mtu", "the packet is larger than what a VPC carries",
		"EC2 User Guide, network_mtu"},
	ReasonBlockPublicAccess: {"block-public-access",
		"VPC Block Public Access is on in the account, and the VPC is not excluded",
		"VPC User Guide, security-vpc-bpa"},
	ReasonNoInternetGateway: {"no-internet-gateway", "the Internet gateway is not attached to the VPC",
		"VPC User Guide, VPC_Internet_Gateway"},
	ReasonNoElasticIP: {"no-elastic-ip", "the source address has no Elastic IP, so it cannot use the Internet gateway",
		"VPC User Guide, VPC_Internet_Gateway: one-to-one NAT"},
	ReasonNoIPv6Address: {"no-ipv6-address",
		"the source is no registered IPv6 address of the VPC, so it cannot use the Internet gateway",
		"VPC User Guide, VPC_Internet_Gateway: the instance must have a public IPv4 or an IPv6 address"},
	ReasonUnknownIPv6: {"unknown-ipv6", "the IPv6 address is registered on no ENI",
		"EC2 User Guide, using-instance-addressing"},
	ReasonUnknownElasticIP: {"unknown-elastic-ip", "the public address is not associated with a private one",
		"VPC User Guide, VPC_Internet_Gateway: one-to-one NAT"},
	ReasonInternetMTU: {"internet-mtu",
		"over 1500 bytes, which an Internet gateway does not forward, and not to be fragmented",
		"EC2 User Guide, network_mtu"},
	ReasonNATProtocol: {"nat-protocol",
		"a NAT gateway passes TCP, UDP and ICMP echo and errors only (and the lab's no NAT64)",
		"VPC User Guide, nat-gateway-basics"},
	ReasonNATFragment: {"nat-fragment", "a NAT gateway passes fragments of UDP only",
		"VPC User Guide, nat-gateway-troubleshooting"},
	ReasonNATMTU: {"nat-mtu", "over 8500 bytes, which a NAT gateway does not pass",
		"VPC User Guide, nat-gateway-basics"},
	ReasonNATTTL: {"nat-ttl", "the time to live ended at the NAT gateway, which is a hop",
		"VPC User Guide, nat-gateway-troubleshooting: traceroute shows its private address"},
	ReasonNATIdle: {"nat-idle",
		"a segment of a TCP connection that the NAT gateway does not know, or not any more after 350 seconds: it is reset",
		"VPC User Guide, nat-gateway-troubleshooting"},
	ReasonNATNoConnection: {"nat-no-connection",
		"for a NAT gateway's own address or about it, but of no connection that a client began",
		"VPC User Guide, vpc-nat-gateway: it cannot receive unsolicited connections"},
	ReasonNATPorts: {"nat-ports", "the NAT gateway has 55,000 connections to the destination",
		"VPC User Guide, nat-gateway-basics"},
	ReasonNATLoop: {"nat-loop", "the NAT gateway's own subnet sends the packet to a NAT gateway again",
		"VPC User Guide, nat-gateway-scenarios: the gateway's subnet has another route"},
	ReasonSecurityGroupEgress: {"security-group-egress", "no egress rule allows it and no tracked flow covers it",
		"VPC User Guide, vpc-security-groups"},
	ReasonSecurityGroupIngress: {"security-group-ingress", "no ingress rule allows it and no tracked flow covers it",
		"VPC User Guide, vpc-security-groups"},
	ReasonConntrackFull: {"conntrack-full", "the ENI tracks as many flows as it may",
		"EC2 User Guide, security-group-connection-tracking; " +
			"monitoring-network-performance-ena: conntrack_allowance_exceeded"},
	ReasonFragment: {"fragment", "a later fragment of a packet whose first fragment was not allowed or not seen",
		"EC2 User Guide, security-group-connection-tracking"},
	ReasonServiceSource: {"service-source", "link-local services answer registered addresses only",
		"EC2 User Guide, instancedata-data-retrieval: metadata is available from the instance only"},
	ReasonServiceReply: {"service-reply",
		"a packet of the services that answers no ENI, or does not come from a service's address",
		"EC2 User Guide, using-instance-addressing: link-local addresses"},
	ReasonNoDevice: {"no-device", "the receiver's device is not attached to the switch", ""},
	ReasonDevice:   {"device", "the receiver's device refused the frame; it may be down", ""},
}

// String returns the reason's name, such as "source-mac".
func (r Reason) String() string {
	if r < reasonCount {
		return reasons[r].name
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// Explain returns a one-line explanation for users.
func (r Reason) Explain() string {
	if r < reasonCount {
		return reasons[r].explain
	}
	return ""
}

// Source returns the document that the rule follows, or "" for the lab's own reasons.
func (r Reason) Source() string {
	if r < reasonCount {
		return reasons[r].source
	}
	return ""
}

// Reasons returns all reasons, in a fixed order.
func Reasons() []Reason {
	var all []Reason
	for r := ReasonNone + 1; r < reasonCount; r++ {
		all = append(all, r)
	}
	return all
}
