package ec2

import (
	"net/netip"
	"slices"
	"strconv"
)

type subnetRecord struct {
	ID   string
	VPC  string
	CIDR netip.Prefix
	// IPv6 is a /64, or the zero Prefix when none is associated.
	IPv6            netip.Prefix
	IPv6Association string
	Zone            string
	// MapPublicIP gives instances launched here a public IPv4 address,
	// AssignIPv6 new interfaces an IPv6 address.
	MapPublicIP bool
	AssignIPv6  bool
	tagHolder
}

type subnetIPv6XML struct {
	ID        string       `xml:"associationId"`
	CIDR      string       `xml:"ipv6CidrBlock"`
	State     cidrStateXML `xml:"ipv6CidrBlockState"`
	Attribute string       `xml:"ipv6AddressAttribute"`
	Source    string       `xml:"ipSource"`
}

type subnetXML struct {
	ID          string             `xml:"subnetId"`
	ARN         string             `xml:"subnetArn"`
	State       string             `xml:"state"`
	Owner       string             `xml:"ownerId"`
	VPC         string             `xml:"vpcId"`
	CIDR        string             `xml:"cidrBlock"`
	IPv6        set[subnetIPv6XML] `xml:"ipv6CidrBlockAssociationSet"`
	Available   int                `xml:"availableIpAddressCount"`
	Zone        string             `xml:"availabilityZone"`
	ZoneID      string             `xml:"availabilityZoneId"`
	Default     bool               `xml:"defaultForAz"`
	MapPublicIP bool               `xml:"mapPublicIpOnLaunch"`
	AssignIPv6  bool               `xml:"assignIpv6AddressOnCreation"`
	IPv6Native  bool               `xml:"ipv6Native"`
	DNS64       bool               `xml:"enableDns64"`
	Tags        set[tagXML]        `xml:"tagSet"`
}

func (s *subnetRecord) ipv6XML(state string) subnetIPv6XML {
	return subnetIPv6XML{s.IPv6Association, s.IPv6.String(), cidrStateXML{state}, "public", "amazon"}
}

func (t *tx) subnetXML(s *subnetRecord) subnetXML {
	x := subnetXML{ID: s.ID, ARN: t.cfg.arn("subnet", s.ID), State: "available", Owner: t.cfg.Account, VPC: s.VPC,
		CIDR: s.CIDR.String(), Available: t.available(s), Zone: s.Zone, ZoneID: t.cfg.zoneID(s.Zone),
		MapPublicIP: s.MapPublicIP, AssignIPv6: s.AssignIPv6, Tags: s.Tags.xml()}
	if s.IPv6.IsValid() {
		x.IPv6.Items = []subnetIPv6XML{s.ipv6XML(associated)}
	}
	return x
}

// arn is the Amazon Resource Name of something of EC2.
func (c *Config) arn(kind, id string) string {
	return "arn:aws:ec2:" + c.Region + ":" + c.Account + ":" + kind + "/" + id
}

type createSubnetInput struct {
	dryRun
	tagged
	VpcId              string `form:",required"`
	CidrBlock          string `form:",required"`
	Ipv6CidrBlock      string
	AvailabilityZone   string
	AvailabilityZoneId string
}

type createSubnetOutput struct {
	response
	Subnet subnetXML `xml:"subnet"`
}

func createSubnet(t *tx, in createSubnetInput) (*createSubnetOutput, error) {
	v, err := find(kindVPC, t.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	cidr, err := parseBlock(in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	if cidr.Bits() < 16 || cidr.Bits() > 28 || !slices.ContainsFunc(v.blocks(), func(b netip.Prefix) bool { return within(cidr, b) }) {
		return nil, fail("InvalidSubnet.Range", "The CIDR '%s' is invalid.", in.CidrBlock)
	}
	others := 0
	for _, s := range t.Subnets {
		if s.VPC != v.ID {
			continue
		}
		others++
		if s.CIDR.Overlaps(cidr) {
			return nil, fail("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", in.CidrBlock)
		}
	}
	if others >= maxSubnets {
		return nil, fail("SubnetLimitExceeded", "The maximum number of subnets has been reached.")
	}
	zone, err := t.cfg.zone(in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	s := &subnetRecord{ID: kindSubnet.newID(), VPC: v.ID, CIDR: cidr, Zone: zone}
	if in.Ipv6CidrBlock != "" {
		if err := t.associateIPv6(s, in.Ipv6CidrBlock); err != nil {
			return nil, err
		}
	}
	if s.Tags, err = in.tagsFor(kindSubnet); err != nil {
		return nil, err
	}
	t.Subnets[s.ID] = s
	return &createSubnetOutput{Subnet: t.subnetXML(s)}, nil
}

// zone finds an availability zone by its name or its ID; neither stands for the
// first.
func (c *Config) zone(name, id string) (string, error) {
	for _, z := range c.Zones {
		if name == z && id == "" || id == c.zoneID(z) && name == "" || name == "" && id == "" {
			return z, nil
		}
	}
	return "", invalidParameter("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.",
		name+id, joinComma(c.Zones))
}

type subnetIDInput struct {
	dryRun
	SubnetId string `form:",required"`
}

func deleteSubnet(t *tx, in subnetIDInput) (*done, error) {
	s, err := find(kindSubnet, t.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	for _, e := range t.ENIs {
		if e.Subnet == s.ID {
			return nil, dependencyViolation("subnet", s.ID)
		}
	}
	for _, table := range t.RouteTables {
		table.Associations = slices.DeleteFunc(table.Associations, func(a routeTableAssociation) bool { return a.Subnet == s.ID })
	}
	for _, r := range t.reservationsOf(s.ID) {
		delete(t.Reservations, r.ID)
	}
	delete(t.Subnets, s.ID)
	return ok()
}

type describeSubnetsInput struct {
	query
	SubnetId []string
}

type describeSubnetsOutput struct {
	response
	Subnets   set[subnetXML] `xml:"subnetSet"`
	NextToken string         `xml:"nextToken,omitempty"`
}

func describeSubnets(t *tx, in describeSubnetsInput) (*describeSubnetsOutput, error) {
	subnets, next, err := choose(selection[subnetRecord]{
		kind:   kindSubnet,
		id:     func(s *subnetRecord) string { return s.ID },
		tags:   func(s *subnetRecord) tags { return s.Tags },
		values: t.subnetValues,
	}, byID(t.Subnets), in.SubnetId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeSubnetsOutput{Subnets: setOf(subnets, t.subnetXML), NextToken: next}, nil
}

func (t *tx) subnetValues(s *subnetRecord, name string) (values []string, ok bool) {
	ipv6 := func(value string) ([]string, bool) {
		if !s.IPv6.IsValid() {
			return none()
		}
		return one(value)
	}
	switch name {
	case "subnet-id":
		return one(s.ID)
	case "subnet-arn":
		return one(t.cfg.arn("subnet", s.ID))
	case "vpc-id":
		return one(s.VPC)
	case "cidr", "cidr-block", "cidrBlock":
		return one(s.CIDR.String())
	case "ipv6-cidr-block-association.ipv6-cidr-block":
		return ipv6(s.IPv6.String())
	case "ipv6-cidr-block-association.association-id":
		return ipv6(s.IPv6Association)
	case "ipv6-cidr-block-association.state":
		return ipv6(associated)
	case "availability-zone", "availabilityZone":
		return one(s.Zone)
	case "availability-zone-id", "availabilityZoneId":
		return one(t.cfg.zoneID(s.Zone))
	case "available-ip-address-count":
		return one(strconv.Itoa(t.available(s)))
	case "state":
		return one("available")
	case "owner-id":
		return one(t.cfg.Account)
	case "map-public-ip-on-launch":
		return flag(s.MapPublicIP)
	case "default-for-az", "defaultForAz", "ipv6-native", "enable-dns64":
		return flag(false)
	}
	return nil, false
}

type modifySubnetAttributeInput struct {
	SubnetId                    string `form:",required"`
	MapPublicIpOnLaunch         *boolValue
	AssignIpv6AddressOnCreation *boolValue
}

// modifySubnetAttribute changes one attribute at a time, as EC2 does.
func modifySubnetAttribute(t *tx, in modifySubnetAttributeInput) (*done, error) {
	s, err := find(kindSubnet, t.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	if err := exactlyOne([]string{"mapPublicIpOnLaunch", "assignIpv6AddressOnCreation"},
		in.MapPublicIpOnLaunch != nil, in.AssignIpv6AddressOnCreation != nil); err != nil {
		return nil, err
	}
	if in.MapPublicIpOnLaunch != nil {
		s.MapPublicIP = in.MapPublicIpOnLaunch.Value
		return ok()
	}
	if in.AssignIpv6AddressOnCreation.Value && !s.IPv6.IsValid() {
		return nil, noIPv6(s)
	}
	s.AssignIPv6 = in.AssignIpv6AddressOnCreation.Value
	return ok()
}
