// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"
)

// The states of a CIDR's association. As on AWS, a call returns the transitional state;
// the next call sees it completed.
const (
	associating    = "associating"
	associated     = "associated"
	disassociating = "disassociating"
)

// blockRecord is a CIDR associated with a VPC.
type blockRecord struct {
	ID   string // of the association
	CIDR netip.Prefix
}

type cidrStateXML struct {
	State string `xml:"state" filter:"state"`
}

type cidrAssociationXML struct {
	ID    string       `xml:"associationId" filter:"association-id"`
	CIDR  string       `xml:"cidrBlock" filter:"cidr-block"`
	State cidrStateXML `xml:"cidrBlockState" filter:""`
}

type ipv6CIDRAssociationXML struct {
	ID          string       `xml:"associationId" filter:"association-id"`
	CIDR        string       `xml:"ipv6CidrBlock,omitempty" filter:"ipv6-cidr-block"`
	State       cidrStateXML `xml:"ipv6CidrBlockState" filter:""`
	BorderGroup string       `xml:"networkBorderGroup"`
	Pool        string       `xml:"ipv6Pool"`
	Attribute   string       `xml:"ipv6AddressAttribute"`
	Source      string       `xml:"ipSource"`
}

func (b blockRecord) xml(state string) cidrAssociationXML {
	return cidrAssociationXML{b.ID, b.CIDR.String(), cidrStateXML{state}}
}

// ipv6XML omits the CIDR if there is none.
func (b blockRecord) ipv6XML(region, state string) ipv6CIDRAssociationXML {
	x := ipv6CIDRAssociationXML{ID: b.ID, State: cidrStateXML{state}, BorderGroup: region, Pool: "Amazon",
		Attribute: "public", Source: "amazon"}
	if b.CIDR.IsValid() {
		x.CIDR = b.CIDR.String()
	}
	return x
}

// vpcSized reports whether a VPC may have a block: /16 to /28, and outside the ranges
// with a special meaning (VPC User Guide, vpc-cidr-blocks).
func vpcSized(cidr netip.Prefix) bool {
	special := slices.ContainsFunc([]netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/4"),
	}, cidr.Overlaps)
	return cidr.Bits() >= 16 && cidr.Bits() <= 28 && !special
}

// addIPv6 associates the next free /56 of the region's pool.
func (t *tx) addIPv6(v *vpcRecord) (blockRecord, error) {
	if len(v.IPv6) >= maxCIDRs {
		return blockRecord{}, cidrLimit(v)
	}
	taken := map[netip.Prefix]bool{}
	for _, other := range t.VPCs {
		for _, b := range other.IPv6 {
			taken[b.CIDR] = true
		}
	}
	for cidr := range blocksIn(t.cfg.IPv6Pool, 56) {
		if taken[cidr] {
			continue
		}
		b := blockRecord{newID(kindVPCCIDR.prefix), cidr}
		v.IPv6 = append(v.IPv6, b)
		t.addLocalRoutes(v, cidr)
		t.allowOut6(v)
		return b, nil
	}
	return blockRecord{}, fail("InsufficientCidrBlocks", "The region has no IPv6 CIDR blocks left.")
}

func cidrLimit(v *vpcRecord) error {
	return fail("CidrLimitExceeded", "This network %s has met its maximum number of allowed CIDRs: %d", v.ID, maxCIDRs)
}

func (c *Config) borderGroup(name string) error {
	if name != "" && name != c.Region {
		return invalidParameter("Invalid value '%s' for networkBorderGroup.", name)
	}
	return nil
}

type associateVPCCIDRInput struct {
	VPC                             *vpcRecord `form:"VpcId,required"`
	CidrBlock                       string
	AmazonProvidedIpv6CidrBlock     bool
	Ipv6CidrBlockNetworkBorderGroup string
}

type vpcCIDROutput struct {
	response
	VPC         string                  `xml:"vpcId"`
	Association *cidrAssociationXML     `xml:"cidrBlockAssociation"`
	IPv6        *ipv6CIDRAssociationXML `xml:"ipv6CidrBlockAssociation"`
}

func associateVpcCidrBlock(t *tx, in associateVPCCIDRInput) (*vpcCIDROutput, error) {
	v := in.VPC
	if err := exactlyOne([]string{"cidrBlock", "amazonProvidedIpv6CidrBlock"}, in.CidrBlock != "",
		in.AmazonProvidedIpv6CidrBlock); err != nil {
		return nil, err
	}
	if err := t.cfg.borderGroup(in.Ipv6CidrBlockNetworkBorderGroup); err != nil {
		return nil, err
	}
	if in.AmazonProvidedIpv6CidrBlock {
		b, err := t.addIPv6(v)
		if err != nil {
			return nil, err
		}
		x := blockRecord{ID: b.ID}.ipv6XML(t.cfg.Region, associating)
		return &vpcCIDROutput{VPC: v.ID, IPv6: &x}, nil
	}
	cidr, err := parseBlock(in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	if err := t.checkSecondary(v, cidr); err != nil {
		return nil, err
	}
	b := blockRecord{newID(kindVPCCIDR.prefix), cidr}
	v.Secondary = append(v.Secondary, b)
	t.addLocalRoutes(v, cidr)
	x := b.xml(associating)
	return &vpcCIDROutput{VPC: v.ID, Association: &x}, nil
}

// privateRanges are those of RFC 1918; AWS itself uses benchmarkRange.
var (
	privateRanges = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16")}
	benchmarkRange = netip.MustParsePrefix("198.19.0.0/16")
)

// restricted reports whether a CIDR may not be added to a VPC that has another (VPC
// User Guide, vpc-cidr-blocks, "IPv4 CIDR block association restrictions"). A private
// CIDR can be added to one of the same private range, and to a public one only if the
// VPC's primary CIDR is private.
func restricted(v *vpcRecord, have, cidr netip.Prefix) bool {
	private := func(p netip.Prefix) int {
		return slices.IndexFunc(privateRanges, func(r netip.Prefix) bool { return within(p, r) })
	}
	switch {
	case within(cidr, benchmarkRange) && !within(have, benchmarkRange):
		return true
	case private(cidr) < 0:
		return false
	case private(have) < 0:
		return private(v.CIDR) < 0
	case private(have) != private(cidr):
		return true
	}
	return within(cidr, netip.MustParsePrefix("172.31.0.0/16")) ||
		within(have, netip.MustParsePrefix("10.0.0.0/15")) && within(cidr, netip.MustParsePrefix("10.0.0.0/16"))
}

// checkSecondary refuses an IPv4 CIDR that cannot be added to a VPC. AWS does not
// document the error codes.
func (t *tx) checkSecondary(v *vpcRecord, cidr netip.Prefix) error {
	if !vpcSized(cidr) {
		return fail("InvalidVpc.Range", "The CIDR '%s' is invalid.", cidr)
	}
	if len(v.blocks()) >= maxCIDRs {
		return cidrLimit(v)
	}
	for _, have := range v.blocks() {
		if have.Overlaps(cidr) {
			return fail("InvalidVpc.Range", "The CIDR '%s' conflicts with the CIDR '%s' of the VPC.", cidr, have)
		}
		if restricted(v, have, cidr) {
			return fail("InvalidVpc.Range", "The CIDR '%s' is restricted. Use a CIDR from the same private address range as "+
				"the current VPC CIDR, or use a publicly-routable CIDR.", cidr)
		}
	}
	for _, table := range t.RouteTables {
		for _, r := range table.Routes {
			if table.VPC == v.ID && within(r.Dest, cidr) {
				return invalidParameter("The CIDR '%s' is the same as or larger than the destination %s of a route in %s.", cidr,
					r.Dest, table.ID)
			}
		}
	}
	return nil
}

// disassociateVpcCidrBlock removes a CIDR without subnets; the primary one cannot be
// removed (EC2 API Reference, DisassociateVpcCidrBlock).
func disassociateVpcCidrBlock(t *tx, in disassociateCIDRInput) (*vpcCIDROutput, error) {
	mine := func(b blockRecord) bool { return b.ID == in.AssociationId }
	for _, v := range t.VPCs {
		out := &vpcCIDROutput{VPC: v.ID}
		var gone netip.Prefix
		secondary, ipv6 := slices.IndexFunc(v.Secondary, mine), slices.IndexFunc(v.IPv6, mine)
		switch {
		case v.CIDRAssociation == in.AssociationId:
			return nil, fail("OperationNotPermitted", "The vpc CIDR block with association ID %s may not be disassociated. "+
				"It is the primary IPv4 CIDR block of the VPC", in.AssociationId)
		case secondary >= 0:
			x := v.Secondary[secondary].xml(disassociating)
			out.Association, gone = &x, v.Secondary[secondary].CIDR
		case ipv6 >= 0:
			x := v.IPv6[ipv6].ipv6XML(t.cfg.Region, disassociating)
			out.IPv6, gone = &x, v.IPv6[ipv6].CIDR
		default:
			continue
		}
		for _, s := range t.Subnets {
			if s.VPC == v.ID && (within(s.CIDR, gone) || s.IPv6.IsValid() && within(s.IPv6, gone)) {
				return nil, fail("InvalidCidrBlock.InUse", "The CIDR block %s is in use by the subnet %s.", gone, s.ID)
			}
		}
		v.Secondary, v.IPv6 = slices.DeleteFunc(v.Secondary, mine), slices.DeleteFunc(v.IPv6, mine)
		t.removeRoutes(v, gone)
		return out, nil
	}
	if err := kindVPCCIDR.check(in.AssociationId); err != nil {
		return nil, err
	}
	return nil, kindVPCCIDR.missing(in.AssociationId)
}
