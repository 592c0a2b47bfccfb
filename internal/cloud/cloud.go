// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"net/netip"

	"macaw.example/internal/model"
)

// TargetLab is the target of a cloud on the local AWS.
const TargetLab = "lab"

// Cloud is a whole cloud file with every default filled in. A Cloud that
// Parse returned is valid.
type Cloud struct {
	Name string
	// Target is TargetLab or the name of an AWS region.
	Target string
	// AvailabilityZone is empty when it is left to Macaw.
	AvailabilityZone string
	VPC              VPC
	Management       Management
	Provider         Provider
	Nodes            []Node
	Verify           Verify
	// Lab is the zero value on AWS.
	Lab Lab

	places places
}

// VPC is the address space that everything lies in.
type VPC struct {
	CIDR netip.Prefix
}

// Management is the network of SSH, the APIs, the dashboard and the tunnels.
type Management struct {
	Subnet netip.Prefix
	// Allow holds the networks that may reach SSH, the APIs and the dashboard.
	Allow []netip.Prefix
}

// Provider is the network that Neutron calls external.
type Provider struct {
	Subnet netip.Prefix
	// Addresses is how many private addresses Neutron gets, of each family.
	Addresses int
	// First is the first of them; the others follow without a gap.
	First netip.Addr
	// ElasticIPs says how they get Elastic IPs.
	ElasticIPs model.ElasticIPs
	// Pool has the allocation IDs of ElasticIPsPool. With ElasticIPsOnDemand and
	// ElasticIPsNone it may have some for floating IPs that ask for them by a tag.
	Pool []string
	// ReleaseAfter is how long Elastic IPs are kept when Neutron lets go of many at
	// once, unless an operator agrees to their release before: zero for not at all, or
	// NeverRelease.
	ReleaseAfter model.Wait
	// IPv6 gives the network a second subnet, of IPv6, with as many addresses.
	IPv6 bool
}

// Made returns how many Elastic IPs are made with the cloud for Neutron's
// addresses.
func (p Provider) Made() int {
	if p.ElasticIPs == model.ElasticIPsAll {
		return p.Addresses
	}
	return 0
}

// Node is one instance.
type Node struct {
	Name string
	// Type is the EC2 instance type.
	Type  string
	Roles []model.Role
	// Image is an image ID, or empty for the image that Macaw finds.
	Image string
	// Disk is the size of the root volume in GiB.
	Disk int
}

// Verify says how a finished cloud is tried out.
type Verify struct {
	// Image is the URL of the guest's image, or empty for Macaw's own guest.
	Image string
	// SHA256 is the image's checksum in lower-case hexadecimal digits, or empty if
	// it is not checked.
	SHA256 string
}

// Lab holds what only the local AWS has knobs for.
type Lab struct {
	// ElasticIPQuota is how many Elastic IPs the lab's account may hold.
	ElasticIPQuota int
}

// InLab reports whether the cloud's AWS is the local one.
func (c *Cloud) InLab() bool { return c.Target == TargetLab }

// ProviderAddresses returns Neutron's addresses in ascending order.
func (c *Cloud) ProviderAddresses() []netip.Addr {
	addrs := make([]netip.Addr, 0, c.Provider.Addresses)
	for a := c.Provider.First; len(addrs) < c.Provider.Addresses; a = a.Next() {
		addrs = append(addrs, a)
	}
	return addrs
}

// ManagementAddress returns the private management address of the i-th node.
// It is fixed and not left to AWS, so that the catalog's addresses do not
// change when a machine is made anew.
func (c *Cloud) ManagementAddress(i int) netip.Addr {
	return nth(c.Management.Subnet, reservedFirst+i)
}

// ProviderPrimary returns the primary address of the i-th node's provider ENI:
// the i-th usable address of the subnet that is not one of Neutron's. Left to
// AWS it could fall into Neutron's range.
func (c *Cloud) ProviderPrimary(i int) netip.Addr {
	a := nth(c.Provider.Subnet, reservedFirst)
	for {
		if off := offset(c.Provider.First, a); off < 0 || off >= c.Provider.Addresses {
			if i == 0 {
				return a
			}
			i--
		}
		a = a.Next()
	}
}
