// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"

	awsapi "macaw.example/internal/aws"
)

type subnetRecord struct {
	ID   string
	VPC  string
	CIDR netip.Prefix
	// IPv6 is a /64, or the zero Prefix when none is associated.
	IPv6            netip.Prefix
	IPv6Association string
	Zone            string
	// MapPublicIP gives instances launched here a public IPv4 address; AssignIPv6 gives
	// new interfaces an IPv6 address.
	MapPublicIP bool
	AssignIPv6  bool
	Default     bool           // of its zone
	DNSNames    dnsNameOptions // of new instances
	tagHolder
}

type subnetIPv6XML struct {
	ID        string       `xml:"associationId" filter:"association-id"`
	CIDR      string       `xml:"ipv6CidrBlock" filter:"ipv6-cidr-block"`
	State     cidrStateXML `xml:"ipv6CidrBlockState" filter:""`
	Attribute string       `xml:"ipv6AddressAttribute"`
	Source    string       `xml:"ipSource"`
}

type subnetXML struct {
	ID          string             `xml:"subnetId" filter:"subnet-id"`
	ARN         string             `xml:"subnetArn" filter:"subnet-arn"`
	State       string             `xml:"state" filter:"state"`
	Owner       string             `xml:"ownerId" filter:"owner-id"`
	VPC         string             `xml:"vpcId" filter:"vpc-id"`
	CIDR        string             `xml:"cidrBlock" filter:"cidr-block,cidr,cidrBlock"`
	IPv6        set[subnetIPv6XML] `xml:"ipv6CidrBlockAssociationSet" filter:"ipv6-cidr-block-association"`
	Available   int                `xml:"availableIpAddressCount" filter:"available-ip-address-count"`
	Zone        string             `xml:"availabilityZone" filter:"availability-zone,availabilityZone"`
	ZoneID      string             `xml:"availabilityZoneId" filter:"availability-zone-id,availabilityZoneId"`
	Default     bool               `xml:"defaultForAz" filter:"default-for-az,defaultForAz"`
	MapPublicIP bool               `xml:"mapPublicIpOnLaunch" filter:"map-public-ip-on-launch"`
	AssignIPv6  bool               `xml:"assignIpv6AddressOnCreation"`
	IPv6Native  bool               `xml:"ipv6Native" filter:"ipv6-native"`
	DNS64       bool               `xml:"enableDns64" filter:"enable-dns64"`
	CustomerIP  bool               `xml:"mapCustomerOwnedIpOnLaunch" filter:"map-customer-owned-ip-on-launch"`
	DNSNames    dnsNameOptionsXML  `xml:"privateDnsNameOptionsOnLaunch" filter:"private-dns-name-options-on-launch"`
	Blocked     string             `xml:"blockPublicAccessStates>internetGatewayBlockMode"`
	Tags        set[tagXML]        `xml:"tagSet" filter:""`
}

func (s *subnetRecord) ipv6XML(state string) subnetIPv6XML {
	return subnetIPv6XML{s.IPv6Association, s.IPv6.String(), cidrStateXML{state}, "public", "amazon"}
}

func (t *tx) subnetXML(s *subnetRecord) subnetXML {
	x := subnetXML{ID: s.ID, ARN: t.cfg.arn("subnet", s.ID), State: "available", Owner: t.cfg.Account, VPC: s.VPC,
		CIDR: s.CIDR.String(), Available: t.available(s), Zone: s.Zone, ZoneID: t.cfg.zoneID(s.Zone),
		Default: s.Default, MapPublicIP: s.MapPublicIP, AssignIPv6: s.AssignIPv6, DNSNames: s.DNSNames.xml(),
		Blocked: t.blockMode(s.VPC),
		Tags:    s.Tags.xml()}
	if s.IPv6.IsValid() {
		x.IPv6.Items = []subnetIPv6XML{s.ipv6XML(associated)}
	}
	return x
}

// arn returns the Amazon Resource Name of an EC2 resource.
func (c *Config) arn(kind, id string) string {
	return c.arnOf("ec2", kind+"/"+id)
}

// arnOf returns the ARN of a resource of the account and region in a service.
func (c *Config) arnOf(service, resource string) string {
	return "arn:" + awsapi.Partition(c.Region) + ":" + service + ":" + c.Region + ":" + c.Account + ":" + resource
}

type createSubnetInput struct {
	dryRun
	tagged
	VPC                *vpcRecord `form:"VpcId,required"`
	CidrBlock          string     `form:",required"`
	Ipv6CidrBlock      string
	AvailabilityZone   string
	AvailabilityZoneId string
}

type createSubnetOutput struct {
	response
	Subnet subnetXML `xml:"subnet"`
}

func createSubnet(t *tx, in createSubnetInput) (*createSubnetOutput, error) {
	v := in.VPC
	cidr, err := parseBlock(in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	if cidr.Bits() < 16 || cidr.Bits() > 28 ||
		!slices.ContainsFunc(v.blocks(), func(b netip.Prefix) bool { return within(cidr, b) }) {
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

// zone finds an availability zone by its name or ID; the default is the first.
func (c *Config) zone(name, id string) (string, error) {
	for _, z := range c.Zones {
		if name == z && id == "" || id == c.zoneID(z) && name == "" || name == "" && id == "" {
			return z, nil
		}
	}
	return "", invalidParameter("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be "+
		"created in the following availability zones: %s.",
		name+id, joinComma(c.Zones))
}

type oneSubnet struct {
	dryRun
	Subnet *subnetRecord `form:"SubnetId,required"`
}

func deleteSubnet(t *tx, in oneSubnet) (*done, error) {
	s := in.Subnet
	for _, e := range t.ENIs {
		if e.Subnet == s.ID {
			return nil, dependencyViolation("subnet", s.ID)
		}
	}
	for _, table := range t.RouteTables {
		table.Associations = slices.DeleteFunc(table.Associations,
			func(a routeTableAssociation) bool { return a.Subnet == s.ID })
	}
	for _, r := range t.reservationsOf(s.ID) {
		delete(t.Reservations, r.ID)
	}
	delete(t.Subnets, s.ID)
	return ok()
}

type modifySubnetAttributeInput struct {
	Subnet                                  *subnetRecord `form:"SubnetId,required"`
	MapPublicIpOnLaunch                     *boolValue
	AssignIpv6AddressOnCreation             *boolValue
	PrivateDnsHostnameTypeOnLaunch          string
	EnableResourceNameDnsARecordOnLaunch    *boolValue
	EnableResourceNameDnsAAAARecordOnLaunch *boolValue
	EnableDns64                             *boolValue
	MapCustomerOwnedIpOnLaunch              *boolValue
	CustomerOwnedIpv4Pool                   string
	EnableLniAtDeviceIndex                  *int
	DisableLniAtDeviceIndex                 *boolValue
}

// modifySubnetAttribute changes one attribute at a time, as EC2 does.
func modifySubnetAttribute(_ *tx, in modifySubnetAttributeInput) (*done, error) {
	s := in.Subnet
	if in.CustomerOwnedIpv4Pool != "" || in.EnableLniAtDeviceIndex != nil || in.DisableLniAtDeviceIndex != nil {
		return nil, unsupported("The lab has no Outposts")
	}
	if err := exactlyOne([]string{"mapPublicIpOnLaunch", "assignIpv6AddressOnCreation", "privateDnsHostnameTypeOnLaunch",
		"enableResourceNameDnsARecordOnLaunch", "enableResourceNameDnsAAAARecordOnLaunch", "enableDns64",
		"mapCustomerOwnedIpOnLaunch"},
		in.MapPublicIpOnLaunch != nil, in.AssignIpv6AddressOnCreation != nil, in.PrivateDnsHostnameTypeOnLaunch != "",
		in.EnableResourceNameDnsARecordOnLaunch != nil, in.EnableResourceNameDnsAAAARecordOnLaunch != nil,
		in.EnableDns64 != nil, in.MapCustomerOwnedIpOnLaunch != nil); err != nil {
		return nil, err
	}
	var err error
	switch {
	case in.MapPublicIpOnLaunch != nil:
		s.MapPublicIP = in.MapPublicIpOnLaunch.Value
	case in.AssignIpv6AddressOnCreation != nil && in.AssignIpv6AddressOnCreation.Value && !s.IPv6.IsValid():
		err = noIPv6(s)
	case in.AssignIpv6AddressOnCreation != nil:
		s.AssignIPv6 = in.AssignIpv6AddressOnCreation.Value
	case in.EnableDns64 != nil && in.EnableDns64.Value:
		err = unsupported("The lab's resolver has no DNS64")
	case in.MapCustomerOwnedIpOnLaunch != nil && in.MapCustomerOwnedIpOnLaunch.Value:
		err = unsupported("The lab has no Outposts")
	default:
		err = s.DNSNames.change(in.PrivateDnsHostnameTypeOnLaunch, in.EnableResourceNameDnsARecordOnLaunch.given(),
			in.EnableResourceNameDnsAAAARecordOnLaunch.given())
	}
	if err != nil {
		return nil, err
	}
	return ok()
}
