// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"time"

	"macaw.example/lab/internal/vpc"
)

type eniRecord struct {
	ID              string
	Subnet          string
	VPC             string
	MAC             vpc.MAC
	Addresses       []netip.Addr // IPv4, the primary first
	IPv6            []netip.Addr
	Prefixes        []netip.Prefix // delegated, of both families
	Description     string
	SourceDestCheck bool
	Groups          []string
	Attachment      *attachmentRecord
	Tracking        trackingRecord
	// NATGateway is the ID of the NAT gateway that owns the interface, if any: AWS then
	// manages it.
	NATGateway string
	// MapPublic asks for a public address of AWS's on the primary address while that
	// has no Elastic IP. Public is this public address.
	MapPublic bool
	Public    netip.Addr
	Created   time.Time
	tagHolder
}

// prefixes are the delegated prefixes of a family.
func (e *eniRecord) prefixes(ipv6 bool) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(e.Prefixes), func(p netip.Prefix) bool { return p.Addr().Is6() != ipv6 })
}

// has reports whether an address is the interface's, itself or in a prefix.
func (e *eniRecord) has(a netip.Addr) bool {
	return slices.Contains(e.Addresses, a) || slices.Contains(e.IPv6, a) || slices.Contains(e.Prefixes, delegated(a))
}

// kind is the interface's type as EC2 spells it.
func (e *eniRecord) kind() string {
	if e.NATGateway != "" {
		return "nat_gateway"
	}
	return "interface"
}

func (e *eniRecord) primary() netip.Addr {
	return e.Addresses[0]
}

func (e *eniRecord) status() string {
	switch {
	case e.Attachment == nil:
		return "available"
	case e.Attachment.Status == attached:
		return "in-use"
	}
	return e.Attachment.Status
}

// ownENI finds an interface that the user may change: not one that AWS manages.
func (t *tx) ownENI(id string) (*eniRecord, error) {
	e, err := find(kindENI, t.ENIs, id)
	if err == nil && e.NATGateway != "" {
		err = fail("OperationNotPermitted", "The network interface '%s' is managed by AWS and cannot be modified.", id)
	}
	return e, err
}

// eniSpec holds the parameters of a new interface in CreateNetworkInterface and
// RunInstances.
type eniSpec struct {
	Description                     string
	SubnetId                        string
	SecurityGroupId                 []string
	PrivateIpAddress                string
	PrivateIpAddresses              []privateAddressInput
	SecondaryPrivateIpAddressCount  int
	Ipv4Prefix                      []prefixInput
	Ipv4PrefixCount                 int
	Ipv6Addresses                   []address6Input
	Ipv6AddressCount                *int
	Ipv6Prefix                      []prefix6Input
	Ipv6PrefixCount                 int
	InterfaceType                   string
	ConnectionTrackingSpecification *trackingInput
}

type (
	prefixInput   struct{ Ipv4Prefix string }
	prefix6Input  struct{ Ipv6Prefix string }
	address6Input struct{ Ipv6Address string }
)

type privateAddressInput struct {
	PrivateIpAddress string `form:",required"`
	Primary          bool
}

// newENI makes an interface.
func (t *tx) newENI(in eniSpec) (*eniRecord, error) {
	if in.SubnetId == "" {
		return nil, missingParameter("subnetId")
	}
	if in.InterfaceType != "" && in.InterfaceType != "interface" {
		return nil, unsupported("The lab has no network interfaces of type %s", in.InterfaceType)
	}
	s, err := find(kindSubnet, t.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	if len(t.ENIs) >= maxENIs {
		return nil, fail("NetworkInterfaceLimitExceeded", "The maximum number of network interfaces has been reached.")
	}
	e := &eniRecord{ID: kindENI.newID(), Subnet: s.ID, VPC: s.VPC, Description: in.Description, SourceDestCheck: true,
		Created: t.now}
	if e.Groups, err = t.groupsFor(s.VPC, in.SecurityGroupId); err != nil {
		return nil, err
	}
	if err := t.chooseAddresses(e, s, in); err != nil {
		return nil, err
	}
	for _, ipv6 := range []bool{false, true} {
		if err := t.fits(e, ipv6, 0); err != nil {
			return nil, err
		}
	}
	if err := e.Tracking.change(in.ConnectionTrackingSpecification); err != nil {
		return nil, err
	}
	e.MAC = t.newMAC()
	t.ENIs[e.ID] = e
	return e, nil
}

// groupsFor checks the security groups of an interface; the default is the VPC's
// default group.
func (t *tx) groupsFor(vpcID string, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return []string{t.defaultGroupOf(vpcID).ID}, nil
	}
	var groups []string
	for _, id := range ids {
		g, err := find(kindGroup, t.Groups, id)
		if err != nil {
			return nil, err
		}
		if g.VPC != vpcID {
			return nil, invalidParameter("You have specified two resources that belong to different networks.")
		}
		if !slices.Contains(groups, id) {
			groups = append(groups, id)
		}
	}
	if len(groups) > maxENIGroups {
		return nil, fail("SecurityGroupsPerInterfaceLimitExceeded",
			"The maximum number of security groups per interface has been reached.")
	}
	return groups, nil
}

// newMAC returns a locally administered address of the form that AWS uses.
func (t *tx) newMAC() vpc.MAC {
	for {
		var m vpc.MAC
		rand.Read(m[:]) // never fails, by its documentation
		m[0] = 0x0a
		taken := false
		for _, e := range t.ENIs {
			taken = taken || e.MAC == m
		}
		if !taken {
			return m
		}
	}
}

// deleteENI removes an interface; its Elastic IPs become free.
func (t *tx) deleteENI(e *eniRecord) {
	for _, a := range t.Addresses {
		if a.ENI == e.ID {
			a.disassociate()
		}
	}
	delete(t.ENIs, e.ID)
}

type createNetworkInterfaceInput struct {
	dryRun
	tagged
	eniSpec
	ClientToken string
}

type createNetworkInterfaceOutput struct {
	response
	Interface eniXML `xml:"networkInterface"`
	Token     string `xml:"clientToken,omitempty"`
}

func createNetworkInterface(t *tx, in createNetworkInterfaceInput) (*createNetworkInterfaceOutput, error) {
	made, again, err := t.replay(in.ClientToken)
	if err != nil {
		return nil, err
	}
	e := t.ENIs[made]
	if !again || e == nil {
		if e, err = t.newENI(in.eniSpec); err != nil {
			return nil, err
		}
		if e.Tags, err = in.tagsFor(kindENI); err != nil {
			return nil, err
		}
		t.remember(in.ClientToken, e.ID)
	}
	return &createNetworkInterfaceOutput{Interface: t.eniXML(e), Token: in.ClientToken}, nil
}

type oneENI struct {
	dryRun
	ENI *eniRecord `form:"NetworkInterfaceId,required"`
}

func deleteNetworkInterface(t *tx, in oneENI) (*done, error) {
	if in.ENI.Attachment != nil { // a NAT gateway's too
		return nil, invalidParameter("Network interface '%s' is currently in use.", in.ENI.ID)
	}
	t.deleteENI(in.ENI)
	return ok()
}
