// SPDX-License-Identifier: Apache-2.0

package ec2

// An instance's interfaces are described with less than in DescribeNetworkInterfaces (EC2
// API Reference, InstanceNetworkInterface).

type instanceENIAssociationXML struct {
	Owner     string `xml:"ipOwnerId"`
	PublicDNS string `xml:"publicDnsName"`
	Public    string `xml:"publicIp"`
}

type instanceAddressXML struct {
	Address     string                     `xml:"privateIpAddress"`
	DNS         string                     `xml:"privateDnsName,omitempty"`
	Primary     bool                       `xml:"primary"`
	Association *instanceENIAssociationXML `xml:"association"`
}

type instanceAttachmentXML struct {
	ID                  string `xml:"attachmentId"`
	DeviceIndex         int    `xml:"deviceIndex"`
	NetworkCard         int    `xml:"networkCardIndex"`
	Status              string `xml:"status"`
	At                  string `xml:"attachTime"`
	DeleteOnTermination bool   `xml:"deleteOnTermination"`
}

type instanceENIXML struct {
	ID              string                     `xml:"networkInterfaceId"`
	Subnet          string                     `xml:"subnetId"`
	VPC             string                     `xml:"vpcId"`
	Description     string                     `xml:"description"`
	Owner           string                     `xml:"ownerId"`
	Status          string                     `xml:"status"`
	MAC             string                     `xml:"macAddress"`
	Address         string                     `xml:"privateIpAddress"`
	DNS             string                     `xml:"privateDnsName,omitempty"`
	SourceDestCheck bool                       `xml:"sourceDestCheck"`
	Groups          set[groupRefXML]           `xml:"groupSet"`
	Attachment      *instanceAttachmentXML     `xml:"attachment"`
	Association     *instanceENIAssociationXML `xml:"association"`
	Addresses       set[instanceAddressXML]    `xml:"privateIpAddressesSet"`
	IPv6            set[ipv6AddressXML]        `xml:"ipv6AddressesSet"`
	Prefixes        set[ipv4PrefixXML]         `xml:"ipv4PrefixSet"`
	IPv6Prefixes    set[ipv6PrefixXML]         `xml:"ipv6PrefixSet"`
	Tracking        *trackingXML               `xml:"connectionTrackingConfiguration"`
	Type            string                     `xml:"interfaceType"`
	Operator        operatorXML                `xml:"operator"`
}

// ofInstance is an interface in the description of its instance.
func (x eniXML) ofInstance() instanceENIXML {
	i := instanceENIXML{ID: x.ID, Subnet: x.Subnet, VPC: x.VPC, Description: x.Description, Owner: x.Owner,
		Status: x.Status, MAC: x.MAC, Address: x.Address, DNS: x.DNS, SourceDestCheck: x.SourceDestCheck, Groups: x.Groups,
		Association: x.Association.ofInstance(), IPv6: x.IPv6, Prefixes: x.Prefixes, IPv6Prefixes: x.IPv6Prefixes,
		Tracking: x.Tracking, Type: x.Type, Operator: x.Operator}
	for _, a := range x.Addresses.Items {
		i.Addresses.Items = append(i.Addresses.Items,
			instanceAddressXML{a.Address, a.DNS, a.Primary, a.Association.ofInstance()})
	}
	if a := x.Attachment; a != nil {
		i.Attachment = &instanceAttachmentXML{a.ID, a.DeviceIndex, a.NetworkCard, a.Status, a.At, a.DeleteOnTermination}
	}
	return i
}

func (x *eniAssociationXML) ofInstance() *instanceENIAssociationXML {
	if x == nil {
		return nil
	}
	return &instanceENIAssociationXML{x.Owner, x.PublicDNS, x.Public}
}
