// SPDX-License-Identifier: Apache-2.0

package imds

import "time"

// Source provides instances' metadata.
type Source interface {
	// Metadata returns the instance that a network interface is attached to; ok is false if
	// there is none.
	Metadata(eni string) (i Instance, ok bool)
}

// Instance is the metadata of an instance. Empty values are omitted from the tree.
type Instance struct {
	ID           string
	ImageID      string
	Type         string
	Architecture string // x86_64
	Account      string
	Region       string
	Zone         string
	ZoneID       string
	Reservation  string
	LaunchIndex  int
	Launched     time.Time
	PrivateDNS   string // such as ip-10-0-0-11.ec2.internal
	PublicDNS    string
	KeyName      string
	PublicKey    string // one line in the format of authorized_keys
	UserData     []byte // nil if there is none
	NICs         []NIC  // in the order of device indices, the primary first
	Options      Options
	// Tags are shown only if the options allow it.
	Tags map[string]string
	// Profile is the instance profile; the zero value means none.
	Profile Profile
	Spot    Spot
}

// Spot is what a Spot Instance is told.
type Spot struct {
	Spot bool // it is one
	// Rebalance is when a rebalance recommendation was made; zero: there is none.
	Rebalance time.Time
	// Terminate is when the instance will be terminated, by an interruption notice; zero: there is none.
	Terminate time.Time
}

// Profile is an instance profile.
type Profile struct{ ARN, ID string }

// Options are the instance's metadata options (EC2 API Reference,
// InstanceMetadataOptionsResponse).
type Options struct {
	Disabled      bool // the service answers 403
	TokenOptional bool // requests without a token are answered, as in version 1
	HopLimit      int  // of the answer to a token request, 1 to 64
	ShowTags      bool
}

// NIC is a network interface of the instance.
type NIC struct {
	ENI         string
	MAC         string
	DeviceIndex int
	Addresses   []string // private IPv4, the primary first
	// Public maps a private address to its Elastic IP.
	Public     map[string]string
	PrivateDNS string
	PublicDNS  string
	Subnet     string
	SubnetCIDR string
	VPC        string
	VPCCIDRs   []string
	Groups     []Group

	IPv6            []string // addresses
	Prefixes        []string // delegated IPv4 prefixes
	IPv6Prefixes    []string
	SubnetIPv6CIDRs []string
	VPCIPv6CIDRs    []string
}

// Group is a security group of a network interface.
type Group struct{ ID, Name string }
