// SPDX-License-Identifier: Apache-2.0

package ec2

import "cmp"

// The types of an instance's host name (EC2 User Guide, ec2-instance-naming).
const (
	nameByAddress  = "ip-name"
	nameByResource = "resource-name"
)

// dnsNameOptions are a subnet's for its new instances, and an instance's. The lab's
// resolver knows names by address only: the records are described, and not answered.
type dnsNameOptions struct {
	HostnameType string // empty is nameByAddress
	A, AAAA      bool
}

type dnsNameOptionsXML struct {
	HostnameType string `xml:"hostnameType" filter:"hostname-type"`
	A            bool   `xml:"enableResourceNameDnsARecord" filter:"enable-resource-name-dns-a-record"`
	AAAA         bool   `xml:"enableResourceNameDnsAAAARecord" filter:"enable-resource-name-dns-aaaa-record"`
}

func (o dnsNameOptions) xml() dnsNameOptionsXML {
	return dnsNameOptionsXML{cmp.Or(o.HostnameType, nameByAddress), o.A, o.AAAA}
}

// change sets what is given.
func (o *dnsNameOptions) change(hostnameType string, a, aaaa *bool) error {
	switch hostnameType {
	case "":
	case nameByAddress, nameByResource:
		o.HostnameType = hostnameType
	default:
		return invalidParameter("Invalid value '%s' for HostnameType.", hostnameType)
	}
	if a != nil {
		o.A = *a
	}
	if aaaa != nil {
		o.AAAA = *aaaa
	}
	return nil
}

// hostnameOf is the host name that goes with an interface, which is its instance's if it
// is the primary one.
func (t *tx) hostnameOf(e *eniRecord) string {
	if a := e.Attachment; a != nil && a.Instance != "" && a.DeviceIndex == 0 && a.Card == 0 &&
		t.Instances[a.Instance].DNSNames.HostnameType == nameByResource {
		return a.Instance
	}
	return hostname(e.primary())
}

type dnsNameOptionsInput struct {
	HostnameType                    string
	EnableResourceNameDnsARecord    *bool
	EnableResourceNameDnsAAAARecord *bool
}

type modifyDNSNamesInput struct {
	dryRun
	Instance                        *instanceRecord `form:"InstanceId,required"`
	PrivateDnsHostnameType          string
	EnableResourceNameDnsARecord    *bool
	EnableResourceNameDnsAAAARecord *bool
}

// modifyPrivateDnsNameOptions changes the type of the host name on a stopped instance
// only (EC2 User Guide, ec2-instance-naming).
func modifyPrivateDnsNameOptions(_ *tx, in modifyDNSNamesInput) (*done, error) {
	i := in.Instance
	if in.PrivateDnsHostnameType != "" && in.PrivateDnsHostnameType != i.DNSNames.xml().HostnameType &&
		i.State != stateStopped {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", i.ID)
	}
	err := i.DNSNames.change(in.PrivateDnsHostnameType, in.EnableResourceNameDnsARecord,
		in.EnableResourceNameDnsAAAARecord)
	if err != nil {
		return nil, err
	}
	return ok()
}
