package vpc

import "net/netip"

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
}

// VPC is an address space of its own: two VPCs may use the same addresses.
type VPC struct {
	ID    string
	CIDRs []netip.Prefix // primary first
	// InternetGateway is the ID of the attached Internet gateway, or empty.
	InternetGateway string
}

// Subnet is a broadcast domain that carries no broadcast: ARP and DHCP are
// answered by the fabric and everything else is unicast between known MACs.
type Subnet struct {
	ID     string
	VPC    string
	CIDR   netip.Prefix
	Routes []Route // of the subnet's route table, the local route included
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
)

// Route is one entry of a route table; the longest matching prefix wins.
type Route struct {
	Dest   netip.Prefix
	Target TargetKind
	ID     string // of the Internet gateway or the ENI
}

// ENI is an elastic network interface.
type ENI struct {
	ID     string
	Subnet string
	MAC    MAC
	// Addresses are the registered private IPv4 addresses, the primary first.
	Addresses []netip.Addr
	// SourceDestCheck is the attribute of that name. Turned off it lifts the
	// check of IP addresses only; a foreign source MAC is dropped regardless.
	SourceDestCheck bool
	SecurityGroups  []string
	// Attached is false for an ENI that is on no running instance: frames for
	// it are dropped.
	Attached bool
	// Hostname is what DHCP tells the instance, such as ip-10-0-0-11.
	Hostname string
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
