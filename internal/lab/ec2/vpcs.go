package ec2

import (
	"net/netip"
)

type vpcRecord struct {
	ID   string
	CIDR netip.Prefix
	// CIDRAssociation is the ID of the VPC's association with its CIDR.
	CIDRAssociation string
	DNSSupport      bool
	DNSHostnames    bool
	tagHolder
}

type cidrStateXML struct {
	State string `xml:"state"`
}

type cidrAssociationXML struct {
	ID    string       `xml:"associationId"`
	CIDR  string       `xml:"cidrBlock"`
	State cidrStateXML `xml:"cidrBlockState"`
}

type vpcXML struct {
	ID           string                  `xml:"vpcId"`
	Owner        string                  `xml:"ownerId"`
	State        string                  `xml:"state"`
	CIDR         string                  `xml:"cidrBlock"`
	Associations set[cidrAssociationXML] `xml:"cidrBlockAssociationSet"`
	DHCPOptions  string                  `xml:"dhcpOptionsId"`
	Tenancy      string                  `xml:"instanceTenancy"`
	Default      bool                    `xml:"isDefault"`
	Tags         set[tagXML]             `xml:"tagSet"`
}

func (t *tx) vpcXML(v *vpcRecord) vpcXML {
	x := vpcXML{ID: v.ID, Owner: t.cfg.Account, State: "available", CIDR: v.CIDR.String(),
		DHCPOptions: "default", Tenancy: "default", Tags: v.Tags.xml()}
	x.Associations.Items = []cidrAssociationXML{{v.CIDRAssociation, v.CIDR.String(), cidrStateXML{"associated"}}}
	return x
}

type createVpcInput struct {
	dryRun
	tagged
	CidrBlock                   string `form:",required"`
	InstanceTenancy             string
	AmazonProvidedIpv6CidrBlock bool
}

type createVpcOutput struct {
	response
	VPC vpcXML `xml:"vpc"`
}

// createVpc makes a VPC and what every VPC is born with: a main route table
// and a default security group (VPC User Guide, create-vpc).
func createVpc(t *tx, in createVpcInput) (*createVpcOutput, error) {
	cidr, err := parseBlock(in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	if cidr.Bits() < 16 || cidr.Bits() > 28 {
		return nil, fail("InvalidVpc.Range", "The CIDR '%s' is invalid.", in.CidrBlock)
	}
	if in.AmazonProvidedIpv6CidrBlock {
		return nil, unsupported("The lab has no IPv6")
	}
	if in.InstanceTenancy != "" && in.InstanceTenancy != "default" {
		return nil, fail("InvalidTenancy", "The lab has only the tenancy 'default'")
	}
	v := &vpcRecord{ID: kindVPC.newID(), CIDR: cidr, CIDRAssociation: newID("vpc-cidr-assoc"), DNSSupport: true}
	if v.Tags, err = in.tagsFor(kindVPC); err != nil {
		return nil, err
	}
	t.VPCs[v.ID] = v
	table := t.newRouteTable(v)
	table.Associations = append(table.Associations, routeTableAssociation{ID: kindRouteTableAssoc.newID(), Main: true})
	t.newDefaultGroup(v)
	return &createVpcOutput{VPC: t.vpcXML(v)}, nil
}

// parseBlock parses an IPv4 CIDR. EC2 makes 100.68.0.18/18 its canonical form,
// 100.68.0.0/18 (EC2 API Reference, CreateVpc).
func parseBlock(s, name string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, invalidParameter("Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", s, name)
	}
	return p.Masked(), nil
}

type vpcIDInput struct {
	dryRun
	VpcId string `form:",required"`
}

func deleteVpc(t *tx, in vpcIDInput) (*done, error) {
	v, err := find(kindVPC, t.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
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

type describeVpcsInput struct {
	query
	VpcId []string
}

type describeVpcsOutput struct {
	response
	VPCs      set[vpcXML] `xml:"vpcSet"`
	NextToken string      `xml:"nextToken,omitempty"`
}

func describeVpcs(t *tx, in describeVpcsInput) (*describeVpcsOutput, error) {
	vpcs, next, err := choose(selection[vpcRecord]{
		kind: kindVPC,
		id:   func(v *vpcRecord) string { return v.ID },
		tags: func(v *vpcRecord) tags { return v.Tags },
		values: func(v *vpcRecord, name string) ([]string, bool) {
			switch name {
			case "vpc-id":
				return one(v.ID)
			case "cidr", "cidr-block", "cidrBlock", "cidr-block-association.cidr-block":
				return one(v.CIDR.String())
			case "state":
				return one("available")
			case "owner-id":
				return one(t.cfg.Account)
			case "is-default", "isDefault":
				return flag(false)
			}
			return nil, false
		},
	}, byID(t.VPCs), in.VpcId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeVpcsOutput{VPCs: setOf(vpcs, t.vpcXML), NextToken: next}, nil
}

type modifyVpcAttributeInput struct {
	VpcId              string `form:",required"`
	EnableDnsSupport   *boolValue
	EnableDnsHostnames *boolValue
}

func modifyVpcAttribute(t *tx, in modifyVpcAttributeInput) (*done, error) {
	v, err := find(kindVPC, t.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	switch {
	case in.EnableDnsSupport != nil && in.EnableDnsHostnames != nil:
		return nil, badCombination("Fields for multiple attribute types specified: enableDnsSupport, enableDnsHostnames")
	case in.EnableDnsSupport != nil:
		v.DNSSupport = in.EnableDnsSupport.Value
	case in.EnableDnsHostnames != nil:
		v.DNSHostnames = in.EnableDnsHostnames.Value
	default:
		return nil, missingParameter("EnableDnsSupport or EnableDnsHostnames")
	}
	return ok()
}

type describeVpcAttributeInput struct {
	dryRun
	VpcId     string `form:",required"`
	Attribute string `form:",required"`
}

type boolValueXML struct {
	Value bool `xml:"value"`
}

type describeVpcAttributeOutput struct {
	response
	VPC          string        `xml:"vpcId"`
	DNSSupport   *boolValueXML `xml:"enableDnsSupport"`
	DNSHostnames *boolValueXML `xml:"enableDnsHostnames"`
}

func describeVpcAttribute(t *tx, in describeVpcAttributeInput) (*describeVpcAttributeOutput, error) {
	v, err := find(kindVPC, t.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	out := &describeVpcAttributeOutput{VPC: v.ID}
	switch in.Attribute {
	case "enableDnsSupport":
		out.DNSSupport = &boolValueXML{v.DNSSupport}
	case "enableDnsHostnames":
		out.DNSHostnames = &boolValueXML{v.DNSHostnames}
	default:
		return nil, invalidParameter("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}
