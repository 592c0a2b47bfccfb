// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"net/netip"
	"slices"
)

// Seen is what AWS has of a cloud. Every list has all resources that bear the
// cloud's tag, also twins: a call that was repeated because its answer got
// lost may have made a second one.
type Seen struct {
	Cloud string
	// Region is the region's name.
	Region string
	// Zones are the region's available zones, in AWS's order.
	Zones            []string
	VPCs             []VPC
	InternetGateways []InternetGateway
	Subnets          []Subnet
	Reservations     []Reservation
	RouteTables      []RouteTable
	SecurityGroups   []SecurityGroup
	KeyPairs         []KeyPair
	Interfaces       []Interface
	// Instances has terminated ones too, for as long as AWS shows them.
	Instances []Instance
	// Volumes are the instances' root volumes, and what is left of earlier ones.
	Volumes []Volume
	// Addresses has those too that the gateways' agents have allocated.
	Addresses []Address
	// Role and Profile are what the gateways have their rights by; nil if there
	// is none. Each has one name, so there are no twins.
	Role    *Role
	Profile *InstanceProfile
}

// VPC is a virtual private cloud.
type VPC struct {
	ID, Part, CIDR          string
	DNSSupport, DNSHostname bool
	IPv6                    []Block
}

// Block is an IPv6 block that a VPC or a subnet has.
type Block struct {
	// Association is the ID by which the block can be given back.
	Association string
	CIDR        netip.Prefix
}

// InternetGateway is the way to the Internet of the VPC it is attached to.
type InternetGateway struct {
	ID, Part string
	VPC      string // empty while it is not attached
}

// Subnet is one of the cloud's networks.
type Subnet struct {
	ID, Part, VPC, CIDR, Zone string
	// IPv6 is the zero value if it has no IPv6 block.
	IPv6 Block
	// MapPublic gives instances launched here a public address, AssignIPv6 new
	// network interfaces an IPv6 address of AWS's choice.
	MapPublic, AssignIPv6 bool
}

// Reservation is a block of a subnet's addresses.
type Reservation struct {
	ID, Part, Subnet, CIDR string
	// Explicit says that AWS takes no address of it by itself.
	Explicit bool
}

// Role is an IAM role.
type Role struct {
	Name string
	// Trust says who may have the role and Rights what the role may do, as
	// policies. Rights is empty if there is no such policy yet.
	Trust, Rights string
}

// InstanceProfile is how instances have a role.
type InstanceProfile struct {
	ID, Name string
	Role     string // name, or empty
}

// RouteTable is what the subnets associated with it route by.
type RouteTable struct {
	ID, Part, VPC string
	// Default is the target of 0.0.0.0/0: the ID of a gateway, or empty if
	// there is no such route.
	Default string
	// Blackhole is true if that target is gone.
	Blackhole bool
	// Default6 and Blackhole6 are the same of ::/0.
	Default6   string
	Blackhole6 bool
	// Others are the destinations of routes besides these and AWS's own, and
	// where they lead: "10.9.0.0/16 to pcx-1".
	Others  []string
	Subnets []string
	// Main says that subnets without a table of their own use this one.
	Main bool
}

// SecurityGroup is a set of rules for what may come in and go out.
type SecurityGroup struct {
	ID, Part, Name, VPC string
	Ingress, Egress     []Rule
}

// Rule allows traffic from a source to come in, or traffic to it to go out.
type Rule struct {
	// Protocol is tcp, udp, icmp or -1 for all.
	Protocol string
	// From and To bound the destination port; -1 for all.
	From, To int32
	// Source is where it comes from or goes to: a CIDR, "self" for the group itself, or another group's ID.
	Source string
}

// KeyPair is the SSH key that an instance's image puts in its user's account.
type KeyPair struct {
	ID, Part, Name string
	// PublicKey is in the form of authorized_keys, or empty if AWS hides it.
	PublicKey string
}

// Interface is an ENI.
type Interface struct {
	ID, Part, VPC, Subnet, MAC string
	// Primary is its first private address and Secondary are the others.
	Primary   string
	Secondary []string
	IPv6      []string
	// Instance is the one it is attached to as device Device, or empty.
	Instance string
	Device   int32
	// Attachment is the ID of that; DeleteOnTermination says that the interface
	// goes with the instance.
	Attachment          string
	DeleteOnTermination bool
	// Unchecked says that its source/destination check is off.
	Unchecked bool
	// Groups are the IDs of its security groups.
	Groups []string
}

// Instance is a machine.
type Instance struct {
	ID, Part, State, Type, Image string
	// Profile is its instance profile, the zero value if it has none. Its Role
	// is not told.
	Profile InstanceProfile
	// Metadata is how it reaches its metadata service.
	Metadata Metadata
	// UserData is what cloud-init got.
	UserData []byte
	// Key is the name of the key pair that it was launched with.
	Key string
	// NoTerminate and NoStop are the protections against calls that do so.
	NoTerminate, NoStop bool
	// OnShutdown is "stop" or "terminate".
	OnShutdown string
	// Sealed says that it is good for an image and for nothing else.
	Sealed bool
}

// Metadata are the options of an instance's metadata service (EC2 API
// Reference, InstanceMetadataOptionsResponse).
type Metadata struct {
	Endpoint, IPv6, Tokens, Tags string
	HopLimit                     int32
}

// Sealed reports whether one of the instances is good for an image and for nothing
// else.
func (s Seen) Sealed() bool {
	return slices.ContainsFunc(s.Instances, func(i Instance) bool { return i.Sealed && i.live() })
}

// live reports whether the instance exists or can again.
func (i Instance) live() bool { return i.State != "terminated" && i.State != "shutting-down" }

// Volume is an EBS volume.
type Volume struct {
	ID, Part, State string
	Size            int32 // GiB
	// Instance is the one it is attached to as Device, or empty.
	Instance, Device    string
	DeleteOnTermination bool
}

// Address is an Elastic IP.
type Address struct {
	ID, Part, Public string
	// Association, Interface and Private are empty if it leads nowhere.
	Association, Interface, Private string
}

// Empty reports whether nothing is left of the cloud.
func (s Seen) Empty() bool {
	for _, i := range s.Instances {
		if i.State != "terminated" {
			return false
		}
	}
	return s.Role == nil && s.Profile == nil &&
		len(s.VPCs)+len(s.InternetGateways)+len(s.Subnets)+len(s.Reservations)+len(s.RouteTables)+len(s.SecurityGroups)+
			len(s.KeyPairs)+len(s.Interfaces)+len(s.Volumes)+len(s.Addresses) == 0
}

// without returns what is seen besides what is kept, of the kinds that others can
// keep. A main route table counts as its VPC's.
func (s Seen) without(kept []Kept) Seen {
	stays := map[string]bool{}
	for _, k := range kept {
		stays[k.ID] = true
	}
	s.VPCs = rest(s.VPCs, func(v VPC) bool { return stays[v.ID] })
	s.InternetGateways = rest(s.InternetGateways, func(g InternetGateway) bool { return stays[g.ID] })
	s.Subnets = rest(s.Subnets, func(n Subnet) bool { return stays[n.ID] })
	s.RouteTables = rest(s.RouteTables, func(t RouteTable) bool { return stays[t.ID] || t.Main })
	s.SecurityGroups = rest(s.SecurityGroups, func(g SecurityGroup) bool { return stays[g.ID] })
	s.Interfaces = rest(s.Interfaces, func(n Interface) bool { return stays[n.ID] })
	s.Volumes = rest(s.Volumes, func(v Volume) bool { return stays[v.ID] })
	return s
}

func rest[T any](all []T, not func(T) bool) []T { return slices.DeleteFunc(slices.Clone(all), not) }
