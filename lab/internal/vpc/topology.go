// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"net/netip"
	"time"
)

// Topology is everything the fabric enforces: what AWS knows about a region's
// VPCs at one moment. It is a plain value; the fabric compiles it into tables
// and swaps them in whole, so a frame sees the old topology or the new one,
// never a mixture.
type Topology struct {
	VPCs           []VPC
	Subnets        []Subnet
	SecurityGroups []SecurityGroup
	ENIs           []ENI
	ElasticIPs     []ElasticIP
	NATGateways    []NATGateway
}

// VPC is an address space of its own: two VPCs may use the same addresses.
type VPC struct {
	ID    string
	CIDRs []netip.Prefix // primary first
	IPv6  []netip.Prefix // each a /56 (VPC User Guide, vpc-cidr-blocks)
	// InternetGateway is the ID of the attached Internet gateway, or empty.
	InternetGateway string
}

// Subnet is a broadcast domain that carries no broadcast: ARP and DHCP are
// answered by the fabric and everything else is unicast between known MACs.
type Subnet struct {
	ID     string
	VPC    string
	CIDR   netip.Prefix
	IPv6   netip.Prefix // a /64, or the zero Prefix (VPC User Guide, subnet-sizing)
	Routes []Route      // of the subnet's route table, the local routes included
}

// TargetKind says what a route points at.
type TargetKind uint8

// The targets of a route. TargetBlackhole is what AWS shows for a route whose
// target has gone: traffic to it is dropped.
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
	// SourceDestCheck is the attribute of that name. Turned off it lifts the
	// check of IP addresses only; a foreign source MAC is dropped regardless.
	SourceDestCheck bool
	SecurityGroups  []string
	// Attached is false for an ENI that is on no running instance: frames for
	// it are dropped.
	Attached bool
	// Hostname is what DHCP tells the instance, such as ip-10-0-0-11.
	Hostname string
	// Tracking are the ENI's own idle timeouts; zero means the default.
	Tracking Tracking
	// Down is a fault: the ENI passes nothing either way.
	Down bool
	// StatusCheck makes Tick ask for the primary address by ARP, as EC2 asks the
	// first interface of an instance.
	StatusCheck bool
}

// Tracking are the idle timeouts of tracked connections that an ENI may set
// (EC2 User Guide, security-group-connection-tracking).
type Tracking struct {
	TCPEstablished, UDP, UDPStream time.Duration
}

// NATGateway translates what is routed to it to the private address of its own
// ENI, which is in the topology as an attached ENI without a device. What goes
// on from there follows the route table of that ENI's subnet (VPC User Guide,
// vpc-nat-gateway). With an Elastic IP on that address and a route to the Internet
// gateway it is a public one, else a private one.
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

// SecurityGroup is stateful and default-deny: what no rule allows is dropped,
// and a reply to an allowed packet is allowed.
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
	// FromPort and ToPort bound the destination port of TCP and UDP; for ICMP
	// they are type and code. -1 stands for any.
	FromPort, ToPort int
	CIDR             netip.Prefix
	Group            string
}
