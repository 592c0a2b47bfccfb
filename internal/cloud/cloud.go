// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"net/netip"

	"macaw.example/internal/model"
)

// TargetLab is the target of a cloud on the local AWS.
const TargetLab = "lab"

// Cloud is a cloud file with every default filled in. A Cloud returned by Parse is valid.
type Cloud struct {
	Name string
	// Target is TargetLab or the name of an AWS region.
	Target string
	// AvailabilityZone is empty if Macaw chooses.
	AvailabilityZone string
	VPC              VPC
	Management       Management
	Provider         Provider
	Nodes            []Node
	// Evacuate lets the controller evacuate compute nodes whose instance has ended.
	Evacuate bool
	Verify   Verify
	// Lab is the zero value on AWS.
	Lab Lab

	places places
}

// VPC is the address space of the cloud.
type VPC struct {
	CIDR netip.Prefix
}

// Management is the network of SSH, the APIs, the dashboard and the tunnels.
type Management struct {
	// Subnet has the controller and the gateways.
	Subnet netip.Prefix
	// Private is the first subnet of the nodes that only compute; see PrivateSubnets. It is invalid if the
	// VPC has no room for it, which is refused if there are such nodes.
	Private netip.Prefix
	// NATGateway has the nodes that only compute reach the Internet through a NAT gateway of AWS's, instead of
	// through the first gateway. Without such nodes it has no effect.
	NATGateway bool
	// Allow lists the networks that may reach SSH, the APIs and the dashboard.
	Allow []netip.Prefix
	// AllowOperator ("auto") adds the public address of the machine that runs macaw, whichever that is
	// at each run.
	AllowOperator bool
	// Domain is a DNS name of the controller's Elastic IP, by which the APIs and the dashboard are
	// called; empty if they are called by the address.
	Domain string
	// TLS has the certificate for Domain; the zero value is one of the cloud's own authority.
	TLS TLS
}

// TLS has a certificate from another authority than the cloud's own, or where to obtain one. The files
// are in PEM form, and their paths relative to the cloud file.
type TLS struct {
	Certificate string // the certificate and its issuers
	Key         string
	ACME        ACME
	// Authority has the certificates that clients trust it by; empty for those of the system.
	Authority string
}

// ACME is an authority that issues certificates by itself (RFC 8555), such as Let's Encrypt. The zero
// value is none.
type ACME struct {
	Directory string // URL
	Email     string // told of problems; may be empty
	// Authority has the certificates that Directory is trusted by; empty for those of the system.
	Authority string
}

// Own reports whether the certificates come from the cloud's own authority.
func (t TLS) Own() bool { return t.Certificate == "" && t.ACME.Directory == "" }

// Provider is Neutron's external network.
type Provider struct {
	Subnet netip.Prefix
	// Addresses is how many private addresses Neutron gets, of each family.
	Addresses int
	// First is the first of them; the others follow without a gap.
	First netip.Addr
	// ElasticIPs is the policy by which they get Elastic IPs.
	ElasticIPs model.ElasticIPPolicy
	// Pool has the allocation IDs for ElasticIPsPool. With ElasticIPsOnDemand and ElasticIPsNone it
	// serves floating IPs that request it by a tag.
	Pool []string
	// ReleaseAfter is how long Elastic IPs are kept when Neutron releases many at once, unless an
	// operator agrees to their release earlier. Zero releases them at once, NeverRelease never.
	ReleaseAfter model.Wait
	// IPv6 gives the network a second, IPv6 subnet with as many addresses.
	IPv6 bool
}

// Made returns how many Elastic IPs are made with the cloud for Neutron's addresses.
func (p Provider) Made() int {
	if p.ElasticIPs == model.ElasticIPsAll {
		return p.Addresses
	}
	return 0
}

// Verify has the settings for verifying a cloud.
type Verify struct {
	// Image is the URL of the guest's image, or empty for Macaw's own guest.
	Image string
	// SHA256 is the image's checksum in lower-case hexadecimal digits, or empty for no check.
	SHA256 string
}

// Lab has the settings that only the local AWS has.
type Lab struct {
	// ElasticIPQuota is how many Elastic IPs the lab's account may hold.
	ElasticIPQuota int
	// QuotaGiven means that the file has it. Otherwise it is for a lab that is made with the cloud.
	QuotaGiven bool
}

// InLab reports whether the cloud is on the local AWS.
func (c *Cloud) InLab() bool { return c.Target == TargetLab }

// ProviderAddresses returns Neutron's addresses in ascending order.
func (c *Cloud) ProviderAddresses() []netip.Addr {
	addrs := make([]netip.Addr, 0, c.Provider.Addresses)
	for a := c.Provider.First; len(addrs) < c.Provider.Addresses; a = a.Next() {
		addrs = append(addrs, a)
	}
	return addrs
}

// InRange reports whether an address is one of Neutron's.
func (c *Cloud) InRange(a netip.Addr) bool {
	off := offset(c.Provider.First, a)
	return off >= 0 && off < c.Provider.Addresses
}
