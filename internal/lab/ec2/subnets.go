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
	Zone string
	tagHolder
}

// reserved says whether an address of the subnet is AWS's own: the first four,
// that is network, router, DNS and one for the future, and the last (VPC User
// Guide, subnet-sizing).
func (s *subnetRecord) reserved(a netip.Addr) bool {
	if !s.CIDR.Contains(a) {
		return false
	}
	n := offset(s.CIDR, a)
	return n < 4 || n == size(s.CIDR)-1
}

// size is the number of addresses of an IPv4 prefix.
func size(p netip.Prefix) int { return 1 << (32 - p.Bits()) }

// offset is the position of an IPv4 address in its prefix.
func offset(p netip.Prefix, a netip.Addr) int {
	base, b := p.Masked().Addr().As4(), a.As4()
	return int(number(b) - number(base))
}

func number(b [4]byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// addressAt is the nth address of an IPv4 prefix.
func addressAt(p netip.Prefix, n int) netip.Addr {
	v := number(p.Masked().Addr().As4()) + uint32(n)
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// used are the addresses of a subnet that an ENI has, by ENI.
func (t *tx) used(subnet string) map[netip.Addr]*eniRecord {
	used := map[netip.Addr]*eniRecord{}
	for _, e := range t.ENIs {
		if e.Subnet == subnet {
			for _, a := range e.Addresses {
				used[a] = e
			}
		}
	}
	return used
}

type subnetXML struct {
	ID          string      `xml:"subnetId"`
	ARN         string      `xml:"subnetArn"`
	State       string      `xml:"state"`
	Owner       string      `xml:"ownerId"`
	VPC         string      `xml:"vpcId"`
	CIDR        string      `xml:"cidrBlock"`
	Available   int         `xml:"availableIpAddressCount"`
	Zone        string      `xml:"availabilityZone"`
	ZoneID      string      `xml:"availabilityZoneId"`
	Default     bool        `xml:"defaultForAz"`
	MapPublicIP bool        `xml:"mapPublicIpOnLaunch"`
	AssignIPv6  bool        `xml:"assignIpv6AddressOnCreation"`
	IPv6Native  bool        `xml:"ipv6Native"`
	Tags        set[tagXML] `xml:"tagSet"`
}

func (t *tx) available(s *subnetRecord) int { return size(s.CIDR) - 5 - len(t.used(s.ID)) }

func (t *tx) subnetXML(s *subnetRecord) subnetXML {
	return subnetXML{ID: s.ID, ARN: t.cfg.arn("subnet", s.ID), State: "available", Owner: t.cfg.Account, VPC: s.VPC,
		CIDR: s.CIDR.String(), Available: t.available(s), Zone: s.Zone, ZoneID: t.cfg.zoneID(s.Zone), Tags: s.Tags.xml()}
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
	if cidr.Bits() < 16 || cidr.Bits() > 28 || cidr.Bits() < v.CIDR.Bits() || !v.CIDR.Contains(cidr.Addr()) {
		return nil, fail("InvalidSubnet.Range", "The CIDR '%s' is invalid.", in.CidrBlock)
	}
	for _, s := range t.Subnets {
		if s.VPC == v.ID && s.CIDR.Overlaps(cidr) {
			return nil, fail("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", in.CidrBlock)
		}
	}
	zone := in.AvailabilityZone
	for _, z := range t.cfg.Zones {
		if in.AvailabilityZoneId != "" && t.cfg.zoneID(z) == in.AvailabilityZoneId {
			zone = z
		}
	}
	switch {
	case zone == "" && in.AvailabilityZoneId == "":
		zone = t.cfg.Zones[0]
	case !slices.Contains(t.cfg.Zones, zone):
		return nil, invalidParameter("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.",
			in.AvailabilityZone+in.AvailabilityZoneId, joinComma(t.cfg.Zones))
	}
	s := &subnetRecord{ID: kindSubnet.newID(), VPC: v.ID, CIDR: cidr, Zone: zone}
	if s.Tags, err = in.tagsFor(kindSubnet); err != nil {
		return nil, err
	}
	t.Subnets[s.ID] = s
	return &createSubnetOutput{Subnet: t.subnetXML(s)}, nil
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
		kind: kindSubnet,
		id:   func(s *subnetRecord) string { return s.ID },
		tags: func(s *subnetRecord) tags { return s.Tags },
		values: func(s *subnetRecord, name string) ([]string, bool) {
			switch name {
			case "subnet-id":
				return one(s.ID)
			case "subnet-arn":
				return one(t.cfg.arn("subnet", s.ID))
			case "vpc-id":
				return one(s.VPC)
			case "cidr", "cidr-block", "cidrBlock":
				return one(s.CIDR.String())
			case "availability-zone", "availabilityZone":
				return one(s.Zone)
			case "availability-zone-id", "availabilityZoneId":
				return one(t.cfg.zoneID(s.Zone))
			case "available-ip-address-count":
				if !s.CIDR.IsValid() {
					return none()
				}
				return one(strconv.Itoa(t.available(s)))
			case "state":
				return one("available")
			case "owner-id":
				return one(t.cfg.Account)
			case "default-for-az", "defaultForAz", "map-public-ip-on-launch", "ipv6-native":
				return flag(false)
			}
			return nil, false
		},
	}, byID(t.Subnets), in.SubnetId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeSubnetsOutput{Subnets: setOf(subnets, t.subnetXML), NextToken: next}, nil
}

type modifySubnetAttributeInput struct {
	SubnetId            string `form:",required"`
	MapPublicIpOnLaunch *boolValue
}

// modifySubnetAttribute knows MapPublicIpOnLaunch only to say that the lab
// assigns no public addresses but Elastic IPs.
func modifySubnetAttribute(t *tx, in modifySubnetAttributeInput) (*done, error) {
	if _, err := find(kindSubnet, t.Subnets, in.SubnetId); err != nil {
		return nil, err
	}
	if in.MapPublicIpOnLaunch == nil {
		return nil, missingParameter("MapPublicIpOnLaunch")
	}
	if in.MapPublicIpOnLaunch.Value {
		return nil, unsupported("The lab has no public addresses but Elastic IPs")
	}
	return ok()
}
