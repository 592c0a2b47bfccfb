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

type ipv6AddressXML struct {
	Address string `xml:"ipv6Address"`
	Primary bool   `xml:"isPrimaryIpv6"`
}

type ipv6PrefixXML struct {
	Prefix string `xml:"ipv6Prefix"`
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
	Requester       string                 `xml:"requesterId,omitempty"`
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
	IPv6Address     string                 `xml:"ipv6Address,omitempty"`
	IPv6            set[ipv6AddressXML]    `xml:"ipv6AddressesSet"`
	Prefixes        set[ipv4PrefixXML]     `xml:"ipv4PrefixSet"`
	IPv6Prefixes    set[ipv6PrefixXML]     `xml:"ipv6PrefixSet"`
	Tracking        *trackingXML           `xml:"connectionTrackingConfiguration"`
	Type            string                 `xml:"interfaceType"`
}

func (t *tx) eniXML(e *eniRecord) eniXML {
	zone := t.zoneOf(e)
	x := eniXML{ID: e.ID, Subnet: e.Subnet, VPC: e.VPC, Zone: zone, ZoneID: t.cfg.zoneID(zone), Description: e.Description,
		Owner: t.cfg.Account, Status: e.status(), MAC: e.MAC.String(), Address: e.primary().String(),
		SourceDestCheck: e.SourceDestCheck, Groups: setOf(e.Groups, t.groupRef), Tags: e.Tags.xml(), Type: e.kind(), Tracking: e.Tracking.xml(),
		IPv6:         setOf(e.IPv6, func(a netip.Addr) ipv6AddressXML { return ipv6AddressXML{Address: a.String()} }),
		Prefixes:     setOf(e.prefixes(false), func(p netip.Prefix) ipv4PrefixXML { return ipv4PrefixXML{p.String()} }),
		IPv6Prefixes: setOf(e.prefixes(true), func(p netip.Prefix) ipv6PrefixXML { return ipv6PrefixXML{p.String()} })}
	if len(e.IPv6) > 0 {
		x.IPv6Address = e.IPv6[0].String()
	}
	if e.NATGateway != "" {
		x.Requester, x.Managed = t.cfg.Account, true
	}
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
			NetworkCard: a.Card, Status: a.Status, At: timestamp(a.At), DeleteOnTermination: a.DeleteOnTermination}
		if a.Instance == "" {
			x.Attachment.InstanceOwner = "amazon-aws"
		}
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
	public, a := t.publicOn(e, private)
	if !public.IsValid() {
		return nil
	}
	x := &eniAssociationXML{Owner: "amazon", Public: public.String()}
	if a != nil {
		x.ID, x.Allocation, x.Owner = a.Association, a.ID, t.cfg.Account
	}
	if t.dnsHostnames(e.VPC) {
		x.PublicDNS = t.cfg.publicDNS(public)
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
		if public := value(&addressRecord{Public: e.Public}); e.Public.IsValid() && public != "" {
			all = append(all, public)
		}
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
	case "availability-zone-id":
		return one(t.cfg.zoneID(t.zoneOf(e)))
	case "interface-type":
		return one(e.kind())
	case "requester-managed":
		return flag(e.NATGateway != "")
	case "ipv6-addresses.ipv6-address":
		return mapped(e.IPv6, netip.Addr.String), true
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
		// The primary one is always there.
		return mapped(e.Addresses, func(a netip.Addr) string { return strconv.FormatBool(a == e.primary()) }), true
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
	case "attachment.network-card-index":
		return attachment(func(a *attachmentRecord) string { return strconv.Itoa(a.Card) })
	case "attachment.instance-owner-id":
		return attachment(func(*attachmentRecord) string { return t.eniXML(e).Attachment.InstanceOwner })
	case "association.public-ip", "addresses.association.public-ip":
		return elastic(func(a *addressRecord) string { return a.Public.String() })
	case "association.ip-owner-id":
		return mapped(t.eniXML(e).Addresses.Items, func(a privateAddressXML) string {
			if a.Association == nil {
				return ""
			}
			return a.Association.Owner
		}), true
	case "association.allocation-id":
		return elastic(func(a *addressRecord) string { return a.ID })
	case "association.association-id":
		return elastic(func(a *addressRecord) string { return a.Association })
	}
	return nil, false
}
