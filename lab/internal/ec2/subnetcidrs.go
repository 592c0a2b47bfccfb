// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"
)

// associateIPv6 gives a subnet a /64 of its VPC (VPC User Guide, subnet-sizing). The
// API takes prefix lengths from /44 in steps of four; the lab takes /64 only.
func (t *tx) associateIPv6(s *subnetRecord, text string) error {
	cidr, err := parseBlock6(text, "ipv6CidrBlock")
	if err != nil {
		return err
	}
	if s.IPv6.IsValid() {
		return invalidParameter("The subnet '%s' already has an IPv6 CIDR block associated", s.ID)
	}
	inVPC := func(b blockRecord) bool { return within(cidr, b.CIDR) }
	if cidr.Bits() != 64 || !slices.ContainsFunc(t.VPCs[s.VPC].IPv6, inVPC) {
		return fail("InvalidSubnet.Range", "The CIDR '%s' is invalid.", text)
	}
	for _, other := range t.Subnets {
		if other.VPC == s.VPC && other.IPv6 == cidr {
			return fail("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", text)
		}
	}
	s.IPv6, s.IPv6Association = cidr, newID(kindSubnetCIDR.prefix)
	return nil
}

type associateSubnetCIDRInput struct {
	Subnet        *subnetRecord `form:"SubnetId,required"`
	Ipv6CidrBlock string        `form:",required"`
}

type subnetCIDROutput struct {
	response
	Subnet      string        `xml:"subnetId"`
	Association subnetIPv6XML `xml:"ipv6CidrBlockAssociation"`
}

func associateSubnetCidrBlock(t *tx, in associateSubnetCIDRInput) (*subnetCIDROutput, error) {
	if err := t.associateIPv6(in.Subnet, in.Ipv6CidrBlock); err != nil {
		return nil, err
	}
	return &subnetCIDROutput{Subnet: in.Subnet.ID, Association: in.Subnet.ipv6XML(associating)}, nil
}

type disassociateCIDRInput struct {
	AssociationId string `form:",required"`
}

// disassociateSubnetCidrBlock removes a subnet's IPv6 CIDR if no interface has an
// address in it (EC2 API Reference, DisassociateSubnetCidrBlock).
func disassociateSubnetCidrBlock(t *tx, in disassociateCIDRInput) (*subnetCIDROutput, error) {
	for _, s := range t.Subnets {
		if s.IPv6Association != in.AssociationId {
			continue
		}
		for _, e := range t.ENIs {
			if e.Subnet == s.ID && e.slots(true) > 0 {
				return nil, fail("DependencyViolation", "The IPv6 CIDR block %s has dependencies and cannot be disassociated.",
					s.IPv6)
			}
		}
		for _, r := range t.reservationsOf(s.ID) {
			if r.CIDR.Addr().Is6() {
				delete(t.Reservations, r.ID)
			}
		}
		out := &subnetCIDROutput{Subnet: s.ID, Association: s.ipv6XML(disassociating)}
		s.IPv6, s.IPv6Association, s.AssignIPv6 = netip.Prefix{}, "", false
		return out, nil
	}
	if err := kindSubnetCIDR.check(in.AssociationId); err != nil {
		return nil, err
	}
	return nil, kindSubnetCIDR.missing(in.AssociationId)
}
