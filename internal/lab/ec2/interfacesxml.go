package ec2

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

type eniAssociationXML struct {
	ID         string `xml:"associationId,omitempty"`
	Allocation string `xml:"allocationId,omitempty"`
	Owner      string `xml:"ipOwnerId"`
	PublicDNS  string `xml:"publicDnsName"`
	Public     string `xml:"publicIp"`
}

type privateAddressXML struct {
	Address     string             `xml:"privateIpAddress"`
	DNS         string             `xml:"privateDnsName,omitempty"`
	Primary     bool               `xml:"primary"`
	Association *eniAssociationXML `xml:"association"`
}

type groupRefXML struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

type attachmentXML struct {
	ID                  string `xml:"attachmentId"`
	Instance            string `xml:"instanceId,omitempty"`
	InstanceOwner       string `xml:"instanceOwnerId,omitempty"`
	DeviceIndex         int    `xml:"deviceIndex"`
	NetworkCard         int    `xml:"networkCardIndex"`
	Status              string `xml:"status"`
	At                  string `xml:"attachTime"`
	DeleteOnTermination bool   `xml:"deleteOnTermination"`
}

// eniXML serves DescribeNetworkInterfaces and, as a part of an instance,
// DescribeInstances, which shows a subset.
type eniXML struct {
	ID              string                 `xml:"networkInterfaceId"`
	Subnet          string                 `xml:"subnetId"`
	VPC             string                 `xml:"vpcId"`
	Zone            string                 `xml:"availabilityZone"`
	ZoneID          string                 `xml:"availabilityZoneId"`
	Description     string                 `xml:"description"`
	Owner           string                 `xml:"ownerId"`
	Managed         bool                   `xml:"requesterManaged"`
	Status          string                 `xml:"status"`
	MAC             string                 `xml:"macAddress"`
	Address         string                 `xml:"privateIpAddress"`
	DNS             string                 `xml:"privateDnsName,omitempty"`
	SourceDestCheck bool                   `xml:"sourceDestCheck"`
	Groups          set[groupRefXML]       `xml:"groupSet"`
	Attachment      *attachmentXML         `xml:"attachment"`
	Association     *eniAssociationXML     `xml:"association"`
	Tags            set[tagXML]            `xml:"tagSet"`
	Addresses       set[privateAddressXML] `xml:"privateIpAddressesSet"`
	IPv6            set[string]            `xml:"ipv6AddressesSet"`
	Type            string                 `xml:"interfaceType"`
}

func (t *tx) eniXML(e *eniRecord) eniXML {
	zone := t.zoneOf(e)
	x := eniXML{ID: e.ID, Subnet: e.Subnet, VPC: e.VPC, Zone: zone, ZoneID: t.cfg.zoneID(zone), Description: e.Description,
		Owner: t.cfg.Account, Status: e.status(), MAC: e.MAC.String(), Address: e.primary().String(),
		SourceDestCheck: e.SourceDestCheck, Groups: setOf(e.Groups, t.groupRef), Tags: e.Tags.xml(), Type: "interface"}
	if t.dnsHostnames(e.VPC) {
		x.DNS = t.cfg.privateDNS(e.primary())
	}
	for i, a := range e.Addresses {
		p := privateAddressXML{Address: a.String(), Primary: i == 0, Association: t.associationXML(e, a)}
		if t.dnsHostnames(e.VPC) {
			p.DNS = t.cfg.privateDNS(a)
		}
		x.Addresses.Items = append(x.Addresses.Items, p)
	}
	x.Association = t.associationXML(e, e.primary())
	if a := e.Attachment; a != nil {
		x.Attachment = &attachmentXML{ID: a.ID, Instance: a.Instance, InstanceOwner: t.cfg.Account, DeviceIndex: a.DeviceIndex,
			Status: a.Status, At: timestamp(a.At), DeleteOnTermination: a.DeleteOnTermination}
	}
	return x
}

func (t *tx) zoneOf(e *eniRecord) string {
	if s := t.Subnets[e.Subnet]; s != nil {
		return s.Zone
	}
	return ""
}

func (t *tx) groupRef(id string) groupRefXML {
	x := groupRefXML{ID: id}
	if g := t.Groups[id]; g != nil {
		x.Name = g.Name
	}
	return x
}

func (t *tx) dnsHostnames(vpcID string) bool { v := t.VPCs[vpcID]; return v != nil && v.DNSHostnames }

func (t *tx) associationXML(e *eniRecord, private netip.Addr) *eniAssociationXML {
	a := t.addressOn(e.ID, private)
	if a == nil {
		return nil
	}
	x := &eniAssociationXML{ID: a.Association, Allocation: a.ID, Owner: t.cfg.Account, Public: a.Public.String()}
	if t.dnsHostnames(e.VPC) {
		x.PublicDNS = t.cfg.publicDNS(a.Public)
	}
	return x
}

// hostname is what AWS calls the bearer of a private address.
func hostname(a netip.Addr) string { return "ip-" + dashed(a) }

func dashed(a netip.Addr) string { return strings.ReplaceAll(a.String(), ".", "-") }

// privateDNS and publicDNS are the names of addresses (VPC User Guide, vpc-dns).
func (c *Config) privateDNS(a netip.Addr) string { return hostname(a) + "." + c.dnsDomain() }

func (c *Config) dnsDomain() string {
	if c.Region == "us-east-1" {
		return "ec2.internal"
	}
	return c.Region + ".compute.internal"
}

func (c *Config) publicDNS(a netip.Addr) string {
	if c.Region == "us-east-1" {
		return "ec2-" + dashed(a) + ".compute-1.amazonaws.com"
	}
	return "ec2-" + dashed(a) + "." + c.Region + ".compute.amazonaws.com"
}

func (t *tx) eniValues(e *eniRecord, name string) (values []string, ok bool) {
	attachment := func(value func(*attachmentRecord) string) ([]string, bool) {
		if e.Attachment == nil {
			return none()
		}
		return one(value(e.Attachment))
	}
	elastic := func(value func(*addressRecord) string) ([]string, bool) {
		var all []string
		for _, a := range byID(t.Addresses) {
			if a.ENI == e.ID && e.ID != "" {
				all = append(all, value(a))
			}
		}
		return all, true
	}
	switch name {
	case "network-interface-id":
		return one(e.ID)
	case "subnet-id":
		return one(e.Subnet)
	case "vpc-id":
		return one(e.VPC)
	case "availability-zone":
		return one(t.zoneOf(e))
	case "status":
		return one(e.status())
	case "mac-address":
		return one(e.MAC.String())
	case "description":
		return one(e.Description)
	case "owner-id":
		return one(t.cfg.Account)
	case "interface-type":
		return one("interface")
	case "requester-managed":
		return flag(false)
	case "group-id":
		return slices.Clone(e.Groups), true
	case "group-name":
		return mapped(e.Groups, func(id string) string { return t.groupRef(id).Name }), true
	case "private-ip-address":
		return one(e.primary().String())
	case "private-dns-name":
		return one(t.eniXML(e).DNS)
	case "addresses.private-ip-address":
		return mapped(e.Addresses, netip.Addr.String), true
	case "addresses.primary":
		return []string{"true", strconv.FormatBool(len(e.Addresses) < 2)}, true
	case "source-dest-check":
		return flag(e.SourceDestCheck)
	case "attachment.instance-id":
		return attachment(func(a *attachmentRecord) string { return a.Instance })
	case "attachment.attachment-id":
		return attachment(func(a *attachmentRecord) string { return a.ID })
	case "attachment.device-index":
		return attachment(func(a *attachmentRecord) string { return strconv.Itoa(a.DeviceIndex) })
	case "attachment.status":
		return attachment(func(a *attachmentRecord) string { return a.Status })
	case "attachment.delete-on-termination":
		return attachment(func(a *attachmentRecord) string { return strconv.FormatBool(a.DeleteOnTermination) })
	case "association.public-ip", "addresses.association.public-ip":
		return elastic(func(a *addressRecord) string { return a.Public.String() })
	case "association.allocation-id":
		return elastic(func(a *addressRecord) string { return a.ID })
	case "association.association-id":
		return elastic(func(a *addressRecord) string { return a.Association })
	}
	return nil, false
}
