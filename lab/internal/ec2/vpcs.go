// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"

	"macaw.example/lab/internal/ec2query"
)

type vpcRecord struct {
	ID   string
	CIDR netip.Prefix
	// CIDRAssociation is the ID of the VPC's association with its CIDR.
	CIDRAssociation string
	// Secondary are the additional IPv4 CIDRs, IPv6 the IPv6 CIDRs.
	Secondary    []blockRecord
	IPv6         []blockRecord
	DNSSupport   bool
	DNSHostnames bool
	// UsageMetrics would have CloudWatch count the VPC's addresses.
	UsageMetrics bool
	Default      bool
	tagHolder
}

// blocks are the VPC's IPv4 CIDRs, the primary first.
func (v *vpcRecord) blocks() []netip.Prefix {
	all := []netip.Prefix{v.CIDR}
	for _, b := range v.Secondary {
		all = append(all, b.CIDR)
	}
	return all
}

// blocks6 are the VPC's IPv6 CIDRs.
func (v *vpcRecord) blocks6() []netip.Prefix {
	var all []netip.Prefix
	for _, b := range v.IPv6 {
		all = append(all, b.CIDR)
	}
	return all
}

type vpcXML struct {
	ID           string                      `xml:"vpcId" filter:"vpc-id"`
	Owner        string                      `xml:"ownerId" filter:"owner-id"`
	State        string                      `xml:"state" filter:"state"`
	CIDR         string                      `xml:"cidrBlock" filter:"cidr-block,cidr,cidrBlock"`
	Associations set[cidrAssociationXML]     `xml:"cidrBlockAssociationSet" filter:"cidr-block-association"`
	IPv6         set[ipv6CIDRAssociationXML] `xml:"ipv6CidrBlockAssociationSet" filter:"ipv6-cidr-block-association"`
	DHCPOptions  string                      `xml:"dhcpOptionsId" filter:"dhcp-options-id"`
	Tenancy      string                      `xml:"instanceTenancy"`
	Default      bool                        `xml:"isDefault" filter:"is-default,isDefault"`
	Blocked      string                      `xml:"blockPublicAccessStates>internetGatewayBlockMode"`
	Tags         set[tagXML]                 `xml:"tagSet" filter:""`
}

func (t *tx) vpcXML(v *vpcRecord) vpcXML {
	x := vpcXML{ID: v.ID, Owner: t.cfg.Account, State: "available", CIDR: v.CIDR.String(),
		Default: v.Default, DHCPOptions: "default", Tenancy: "default", Blocked: t.blockMode(v.ID), Tags: v.Tags.xml()}
	for _, b := range append([]blockRecord{{v.CIDRAssociation, v.CIDR}}, v.Secondary...) {
		x.Associations.Items = append(x.Associations.Items, b.xml(associated))
	}
	x.IPv6 = ec2query.SetOf(v.IPv6,
		func(b blockRecord) ipv6CIDRAssociationXML { return b.ipv6XML(t.cfg.Region, associated) })
	return x
}

type createVpcInput struct {
	dryRun
	tagged
	CidrBlock                       string `form:",required"`
	InstanceTenancy                 string
	AmazonProvidedIpv6CidrBlock     bool
	Ipv6CidrBlockNetworkBorderGroup string
}

type createVpcOutput struct {
	response
	VPC vpcXML `xml:"vpc"`
}

// createVpc makes a VPC with its main route table and default security group (VPC User
// Guide, create-vpc). The response does not contain the IPv6 CIDR yet.
func createVpc(t *tx, in createVpcInput) (*createVpcOutput, error) {
	cidr, err := parseBlock(in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	if !vpcSized(cidr) {
		return nil, fail("InvalidVpc.Range", "The CIDR '%s' is invalid.", in.CidrBlock)
	}
	if in.InstanceTenancy != "" && in.InstanceTenancy != "default" {
		return nil, fail("InvalidTenancy", "The lab has only the tenancy 'default'")
	}
	if err := t.cfg.borderGroup(in.Ipv6CidrBlockNetworkBorderGroup); err != nil {
		return nil, err
	}
	if len(t.VPCs) >= maxVPCs {
		return nil, fail("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
	}
	v := t.newVPC(cidr)
	if v.Tags, err = in.tagsFor(kindVPC); err != nil {
		return nil, err
	}
	out := &createVpcOutput{VPC: t.vpcXML(v)}
	if in.AmazonProvidedIpv6CidrBlock {
		b, err := t.addIPv6(v)
		if err != nil {
			return nil, err
		}
		out.VPC.IPv6.Items = []ipv6CIDRAssociationXML{blockRecord{ID: b.ID}.ipv6XML(t.cfg.Region, associating)}
	}
	return out, nil
}

// newVPC makes a VPC with its main route table and default security group.
func (t *tx) newVPC(cidr netip.Prefix) *vpcRecord {
	v := &vpcRecord{ID: kindVPC.newID(), CIDR: cidr, CIDRAssociation: newID(kindVPCCIDR.prefix), DNSSupport: true}
	t.VPCs[v.ID] = v
	table := t.newRouteTable(v)
	table.Associations = append(table.Associations, routeTableAssociation{ID: kindRouteTableAssoc.newID(), Main: true})
	t.newDefaultGroup(v)
	return v
}

type oneVPC struct {
	dryRun
	VPC *vpcRecord `form:"VpcId,required"`
}

func deleteVpc(t *tx, in oneVPC) (*done, error) {
	v := in.VPC
	busy := dependencyViolation("vpc", v.ID)
	for _, s := range t.Subnets {
		if s.VPC == v.ID {
			return nil, busy
		}
	}
	for _, g := range t.Gateways {
		if g.VPC == v.ID {
			return nil, busy
		}
	}
	for _, r := range t.RouteTables {
		if r.VPC == v.ID && !r.main() {
			return nil, busy
		}
	}
	for _, g := range t.Groups {
		if g.VPC == v.ID && !g.isDefault() {
			return nil, busy
		}
	}
	for id, r := range t.RouteTables {
		if r.VPC == v.ID {
			delete(t.RouteTables, id)
		}
	}
	for id, g := range t.Groups {
		if g.VPC == v.ID {
			t.deleteGroup(id)
		}
	}
	delete(t.VPCs, v.ID)
	return ok()
}

type modifyVpcAttributeInput struct {
	VPC                              *vpcRecord `form:"VpcId,required"`
	EnableDnsSupport                 *boolValue
	EnableDnsHostnames               *boolValue
	EnableNetworkAddressUsageMetrics *boolValue
}

func modifyVpcAttribute(_ *tx, in modifyVpcAttributeInput) (*done, error) {
	if err := oneAttribute([]string{"enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics"},
		in.EnableDnsSupport != nil, in.EnableDnsHostnames != nil, in.EnableNetworkAddressUsageMetrics != nil); err != nil {
		return nil, err
	}
	switch {
	case in.EnableDnsSupport != nil:
		in.VPC.DNSSupport = in.EnableDnsSupport.Value
	case in.EnableDnsHostnames != nil:
		in.VPC.DNSHostnames = in.EnableDnsHostnames.Value
	default:
		in.VPC.UsageMetrics = in.EnableNetworkAddressUsageMetrics.Value
	}
	return ok()
}

type describeVpcAttributeInput struct {
	dryRun
	VPC       *vpcRecord `form:"VpcId,required"`
	Attribute string     `form:",required"`
}

type boolValueXML struct {
	Value bool `xml:"value"`
}

type describeVpcAttributeOutput struct {
	response
	VPC          string        `xml:"vpcId"`
	DNSSupport   *boolValueXML `xml:"enableDnsSupport"`
	DNSHostnames *boolValueXML `xml:"enableDnsHostnames"`
	UsageMetrics *boolValueXML `xml:"enableNetworkAddressUsageMetrics"`
}

func describeVpcAttribute(_ *tx, in describeVpcAttributeInput) (*describeVpcAttributeOutput, error) {
	out := &describeVpcAttributeOutput{VPC: in.VPC.ID}
	switch in.Attribute {
	case "enableDnsSupport":
		out.DNSSupport = &boolValueXML{in.VPC.DNSSupport}
	case "enableDnsHostnames":
		out.DNSHostnames = &boolValueXML{in.VPC.DNSHostnames}
	case "enableNetworkAddressUsageMetrics":
		out.UsageMetrics = &boolValueXML{in.VPC.UsageMetrics}
	default:
		return nil, invalidParameter("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}
