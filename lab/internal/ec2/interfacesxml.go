// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"strings"

	"macaw.example/lab/internal/ec2query"
)

type eniAssociationXML struct {
	ID         string `xml:"associationId,omitempty" filter:"association-id"`
	Allocation string `xml:"allocationId,omitempty" filter:"allocation-id"`
	Owner      string `xml:"ipOwnerId" filter:"ip-owner-id"`
	PublicDNS  string `xml:"publicDnsName"`
	Public     string `xml:"publicIp" filter:"public-ip,../addresses.association.public-ip"`
}

type privateAddressXML struct {
	Address     string             `xml:"privateIpAddress" filter:"private-ip-address"`
	DNS         string             `xml:"privateDnsName,omitempty"`
	Primary     bool               `xml:"primary" filter:"primary"`
	Association *eniAssociationXML `xml:"association" filter:"../association"`
}

type groupRefXML struct {
	ID   string `xml:"groupId" filter:"group-id"`
	Name string `xml:"groupName" filter:"group-name"`
}

type ipv6AddressXML struct {
	Address string `xml:"ipv6Address" filter:"ipv6-address"`
	Primary bool   `xml:"isPrimaryIpv6"`
}

type ipv6PrefixXML struct {
	Prefix string `xml:"ipv6Prefix"`
}

type attachmentXML struct {
	ID                  string `xml:"attachmentId" filter:"attachment-id"`
	Instance            string `xml:"instanceId,omitempty" filter:"instance-id"`
	InstanceOwner       string `xml:"instanceOwnerId,omitempty" filter:"instance-owner-id"`
	DeviceIndex         int    `xml:"deviceIndex" filter:"device-index"`
	NetworkCard         int    `xml:"networkCardIndex" filter:"network-card-index"`
	Status              string `xml:"status" filter:"status"`
	At                  string `xml:"attachTime"`
	DeleteOnTermination bool   `xml:"deleteOnTermination" filter:"delete-on-termination"`
}

// eniXML is an interface in DescribeNetworkInterfaces.
type eniXML struct {
	ID              string                 `xml:"networkInterfaceId" filter:"network-interface-id"`
	Subnet          string                 `xml:"subnetId" filter:"subnet-id"`
	VPC             string                 `xml:"vpcId" filter:"vpc-id"`
	Zone            string                 `xml:"availabilityZone" filter:"availability-zone"`
	ZoneID          string                 `xml:"availabilityZoneId" filter:"/availability-zone-id"`
	Description     string                 `xml:"description" filter:"description"`
	Owner           string                 `xml:"ownerId" filter:"owner-id"`
	Requester       string                 `xml:"requesterId,omitempty"`
	Managed         bool                   `xml:"requesterManaged" filter:"requester-managed"`
	Status          string                 `xml:"status" filter:"status"`
	MAC             string                 `xml:"macAddress" filter:"mac-address"`
	Address         string                 `xml:"privateIpAddress" filter:"private-ip-address"`
	DNS             string                 `xml:"privateDnsName,omitempty" filter:"private-dns-name"`
	SourceDestCheck bool                   `xml:"sourceDestCheck" filter:"source-dest-check"`
	Groups          set[groupRefXML]       `xml:"groupSet" filter:""`
	Attachment      *attachmentXML         `xml:"attachment" filter:"attachment"`
	Association     *eniAssociationXML     `xml:"association"`
	Tags            set[tagXML]            `xml:"tagSet" filter:""`
	Addresses       set[privateAddressXML] `xml:"privateIpAddressesSet" filter:"addresses"`
	IPv6Address     string                 `xml:"ipv6Address,omitempty"`
	IPv6            set[ipv6AddressXML]    `xml:"ipv6AddressesSet" filter:"ipv6-addresses"`
	Prefixes        set[ipv4PrefixXML]     `xml:"ipv4PrefixSet"`
	IPv6Prefixes    set[ipv6PrefixXML]     `xml:"ipv6PrefixSet"`
	Tracking        *trackingXML           `xml:"connectionTrackingConfiguration"`
	Type            string                 `xml:"interfaceType" filter:"/interface-type"`
	Operator        operatorXML            `xml:"operator" filter:"operator"`
}

func (t *tx) eniXML(e *eniRecord) eniXML {
	zone := t.zoneOf(e)
	x := eniXML{ID: e.ID, Subnet: e.Subnet, VPC: e.VPC, Zone: zone, ZoneID: t.cfg.zoneID(zone), Description: e.Description,
		Owner: t.cfg.Account, Status: e.status(), MAC: e.MAC.String(), Address: e.primary().String(), Type: e.kind(),
		SourceDestCheck: e.SourceDestCheck, Tracking: e.Tracking.xml(),
		Groups: ec2query.SetOf(e.Groups, t.groupRef), Tags: e.Tags.xml(),
		IPv6: ec2query.SetOf(e.IPv6,
			func(a netip.Addr) ipv6AddressXML { return ipv6AddressXML{Address: a.String()} }),
		Prefixes: ec2query.SetOf(e.prefixes(false),
			func(p netip.Prefix) ipv4PrefixXML { return ipv4PrefixXML{p.String()} }),
		IPv6Prefixes: ec2query.SetOf(e.prefixes(true),
			func(p netip.Prefix) ipv6PrefixXML { return ipv6PrefixXML{p.String()} })}
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
		x.Attachment = &attachmentXML{ID: a.ID, Instance: a.Instance, InstanceOwner: t.cfg.Account,
			DeviceIndex: a.DeviceIndex, NetworkCard: a.Card, Status: a.Status, At: timestamp(a.At),
			DeleteOnTermination: a.DeleteOnTermination}
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

// hostname is AWS's name for the host with a private address.
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
