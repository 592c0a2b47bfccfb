// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"net/netip"
	"slices"
)

// Seen is what AWS has of a cloud. Every list has all resources with the cloud's tag, including
// duplicates: a call that was repeated because its response was lost may have made a second one.
type Seen struct {
	Cloud  string
	Region string
	// Zones are the region's available zones, in AWS's order.
	Zones            []string
	VPCs             []VPC
	InternetGateways []InternetGateway
	// NATGateways includes failed and deleted ones, for as long as AWS shows them.
	NATGateways    []NATGateway
	Subnets        []Subnet
	Reservations   []Reservation
	RouteTables    []RouteTable
	SecurityGroups []SecurityGroup
	KeyPairs       []KeyPair
	Interfaces     []Interface
	// Instances includes terminated ones, for as long as AWS shows them.
	Instances []Instance
	// Volumes are the instances' root volumes, and those left of earlier instances.
	Volumes []Volume
	// Addresses includes those that the gateways' agents have allocated.
	Addresses []Address
	// Role and Profile give the gateways their rights; nil if missing. Each has a fixed name, so
	// there are no duplicates.
	Role    *Role
	Profile *InstanceProfile
	// ControllerRole and ControllerProfile are the same of a controller that evacuates and is no gateway.
	ControllerRole    *Role
	ControllerProfile *InstanceProfile
}

// VPC is the virtual network of a cloud.
type VPC struct {
	ID, Part, CIDR          string
	DNSSupport, DNSHostname bool
	IPv6                    []Block
}

// Block is an IPv6 block of a VPC or a subnet.
type Block struct {
	// Association is the ID for disassociating the block.
	Association string
	CIDR        netip.Prefix
}

// InternetGateway connects the VPC that it is attached to with the Internet.
type InternetGateway struct {
	ID, Part string
	VPC      string // empty while it is not attached
}

// Subnet is one of the cloud's networks.
type Subnet struct {
	ID, Part, VPC, CIDR, Zone string
	// IPv6 is the zero value without an IPv6 block.
	IPv6 Block
	// MapPublic gives instances launched here a public address, AssignIPv6 new network interfaces
	// an IPv6 address of AWS's choice.
	MapPublic, AssignIPv6 bool
}

// Reservation is a CIDR reservation of a subnet.
type Reservation struct {
	ID, Part, Subnet, CIDR string
	// Explicit means that AWS assigns none of its addresses by itself.
	Explicit bool
}

// Role is an IAM role.
type Role struct {
	Name string
	// Trust is the policy for assuming the role and Rights the policy of what the role may do.
	// Rights is empty if there is no such policy yet.
	Trust, Rights string
}

// InstanceProfile gives an instance its role.
type InstanceProfile struct {
	ID, Name string
	Role     string // name, or empty
}

// RouteTable has the routes of the subnets associated with it.
type RouteTable struct {
	ID, Part, VPC string
	// Default is the target of 0.0.0.0/0: the ID of a gateway, a NAT gateway or a network interface, or empty if
	// there is no such route.
	Default string
	// Blackhole is true if that target no longer exists.
	Blackhole bool
	// Default6 and Blackhole6 are the same for ::/0.
	Default6   string
	Blackhole6 bool
	// Others are all other routes except AWS's own, as destination and target: "10.9.0.0/16 to
	// pcx-1".
	Others  []string
	Subnets []string
	// Main means that subnets without a table of their own use this one.
	Main bool
}

// SecurityGroup is a set of ingress and egress rules.
type SecurityGroup struct {
	ID, Part, Name, VPC string
	Ingress, Egress     []Rule
}

// Rule allows traffic from a source, or egress to it.
type Rule struct {
	// Protocol is tcp, udp, icmp or -1 for all.
	Protocol string
	// From and To bound the destination port; -1 for all.
	From, To int32
	// Source is the traffic's source or destination: a CIDR, "self" for the group itself, or
	// another group's ID. In plans, it is the part of a group of the cloud.
	Source string
}

// KeyPair is the SSH key for the login user of an instance's image.
type KeyPair struct {
	ID, Part, Name string
	// PublicKey is in the form of authorized_keys, or empty if AWS does not return it.
	PublicKey string
}

// Interface is an ENI.
type Interface struct {
	ID, Part, VPC, Subnet, MAC string
	// Primary is its first private address and Secondary are the others.
	Primary   string
	Secondary []string
	// Public is the public address that EC2 has assigned to Primary by itself, or empty. An Elastic IP
	// is an Address.
	Public string
	IPv6   []string
	// Instance is the one it is attached to as device Device, or empty.
	Instance string
	Device   int32
	// Attachment is the attachment's ID; DeleteOnTermination means that the interface is deleted
	// with the instance.
	Attachment          string
	DeleteOnTermination bool
	// Unchecked means that its source/destination check is off.
	Unchecked bool
	// Groups are the IDs of its security groups.
	Groups []string
}

// Instance is an EC2 instance.
type Instance struct {
	ID, Part, State, Type, Image string
	// Profile is its instance profile, the zero value without one. Its Role is not filled in.
	Profile InstanceProfile
	// Metadata has the options of its metadata service.
	Metadata Metadata
	// UserData is cloud-init's input.
	UserData []byte
	// Key is the name of the key pair that it was launched with.
	Key string
	// NoTerminate and NoStop are API termination and stop protection.
	NoTerminate, NoStop bool
	// OnShutdown is "stop" or "terminate".
	OnShutdown string
	// Nested means that nested virtualization is on.
	Nested bool
	// Spot means that it is a Spot Instance.
	Spot bool
	// Sealed means that it is only good for making an image.
	Sealed bool
}

// Metadata are the options of an instance's metadata service (EC2 API
// Reference, InstanceMetadataOptionsResponse).
type Metadata struct {
	Endpoint, IPv6, Tokens, Tags string
	HopLimit                     int32
}

// Sealed reports whether one of the instances is sealed.
func (s Seen) Sealed() bool {
	return slices.ContainsFunc(s.Instances, func(i Instance) bool { return i.Sealed && i.Live() })
}

// Live reports whether the instance is not terminated and will not be.
func (i Instance) Live() bool { return i.State != "terminated" && i.State != "shutting-down" }

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
	// Association, Interface and Private are empty if it is not associated.
	Association, Interface, Private string
}

// Empty reports whether nothing is left of the cloud.
func (s Seen) Empty() bool {
	for _, i := range s.Instances {
		if i.State != "terminated" {
			return false
		}
	}
	for _, n := range s.NATGateways {
		if !n.Deleted() {
			return false
		}
	}
	return s.Role == nil && s.Profile == nil && s.ControllerRole == nil && s.ControllerProfile == nil &&
		len(s.VPCs)+len(s.InternetGateways)+len(s.Subnets)+len(s.Reservations)+len(s.RouteTables)+len(s.SecurityGroups)+
			len(s.KeyPairs)+len(s.Interfaces)+len(s.Volumes)+len(s.Addresses) == 0
}
