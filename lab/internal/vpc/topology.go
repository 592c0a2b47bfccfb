// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"net/netip"
	"time"
)

// Topology is the fabric's input: the state of a region's VPCs at one moment. It is a plain
// value. The fabric compiles it into tables and swaps those in atomically, so a frame sees
// either the old topology or the new one.
type Topology struct {
	VPCs           []VPC
	Subnets        []Subnet
	SecurityGroups []SecurityGroup
	ENIs           []ENI
	ElasticIPs     []ElasticIP
	NATGateways    []NATGateway
}

// VPC is a separate address space: two VPCs may use the same addresses.
type VPC struct {
	ID    string
	CIDRs []netip.Prefix // primary first
	IPv6  []netip.Prefix // each a /56 (VPC User Guide, vpc-cidr-blocks)
	// InternetGateway is the ID of the attached Internet gateway; empty if there is none.
	InternetGateway string
	// PublicAccess is what VPC Block Public Access lets through the Internet gateway.
	PublicAccess PublicAccess
}

// PublicAccess is the effect of VPC Block Public Access on a VPC (VPC User Guide,
// security-vpc-bpa).
type PublicAccess uint8

// The effects: everything passes, only NAT gateways' traffic, nothing.
const (
	PublicAccessAll PublicAccess = iota
	PublicAccessNAT
	PublicAccessNone
)

// Subnet is a broadcast domain without broadcast: the fabric answers ARP and DHCP, and
// everything else is unicast between known MACs.
type Subnet struct {
	ID     string
	VPC    string
	CIDR   netip.Prefix
	IPv6   netip.Prefix // a /64, or the zero Prefix (VPC User Guide, subnet-sizing)
	Routes []Route      // of the subnet's route table, including the local routes
}

// TargetKind is the kind of a route's target.
type TargetKind uint8

// The kinds of target. TargetBlackhole is AWS's state of a route whose target was deleted:
// its traffic is dropped.
const (
	TargetBlackhole TargetKind = iota
	TargetLocal
	TargetInternetGateway
	TargetENI
	TargetNATGateway
)

// Route is one entry of a route table; the longest matching prefix wins.
type Route struct {
	Dest   netip.Prefix
	Target TargetKind
	ID     string // of the Internet gateway, the ENI or the NAT gateway
}

// ENI is an elastic network interface.
type ENI struct {
	ID     string
	Subnet string
	MAC    MAC
	// Addresses are the registered private IPv4 addresses, the primary first.
	Addresses []netip.Addr
	// IPv6 are the registered IPv6 addresses.
	IPv6 []netip.Addr
	// Prefixes are the delegated prefixes, each an IPv4 /28 or an IPv6 /80. Every
	// address in them is the ENI's own (EC2 User Guide, ec2-prefix-eni).
	Prefixes []netip.Prefix
	// SourceDestCheck is the attribute of that name. Disabling it lifts only the check of
	// IP addresses; a foreign source MAC is dropped regardless.
	SourceDestCheck bool
	SecurityGroups  []string
	// Attached is false for an ENI that is not on a running instance: its frames are
	// dropped.
	Attached bool
	// Hostname is sent by DHCP, such as ip-10-0-0-11.
	Hostname string
	// Tracking overrides idle timeouts; zero means the default.
	Tracking Tracking
	// Down is a fault: the ENI passes no frame in either direction.
	Down bool
	// PacketsPerSecond is a fault: what exceeds this many frames, both directions together,
	// is dropped. 0 means no limit.
	PacketsPerSecond int
	// StatusCheck makes Tick request the primary address by ARP, as EC2 does for an
	// instance's first interface.
	StatusCheck bool
}

// Tracking overrides an ENI's idle timeouts of tracked connections (EC2 User Guide,
// security-group-connection-tracking).
type Tracking struct {
	TCPEstablished, UDP, UDPStream time.Duration
}

// NATGateway translates traffic routed to it to the private address of its ENI, which is in
// the topology as an attached ENI without a device. The translated traffic follows the
// route table of that ENI's subnet (VPC User Guide, vpc-nat-gateway). A gateway is public
// if that address has an Elastic IP and the subnet a route to the Internet gateway, else
// private.
type NATGateway struct {
	ID  string
	ENI string
}

// ElasticIP is an Elastic IP associated with a private address of an ENI.
type ElasticIP struct {
	Public  netip.Addr
	ENI     string
	Private netip.Addr
}

// SecurityGroup is stateful and default-deny: a packet is dropped unless a rule allows it
// or it replies to an allowed packet.
type SecurityGroup struct {
	ID      string
	VPC     string
	Ingress []Rule
	Egress  []Rule
}

// Rule allows traffic. Exactly one of CIDR and Group is set.
type Rule struct {
	// Protocol is an IP protocol number, or -1 for any.
	Protocol int
	// FromPort and ToPort bound the destination port of TCP and UDP; for ICMP they are type
	// and code. -1 means any.
	FromPort, ToPort int
	CIDR             netip.Prefix
	Group            string
}
