// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"

	"macaw.example/lab/internal/ec2query"
	"macaw.example/lab/internal/instancetypes"
)

// addressLimit is the maximum of private addresses of a family on an interface: that of
// its instance's type (EC2 User Guide, using-eni). For an interface without an instance
// AWS documents none; the lab takes the largest of any type.
func (t *tx) addressLimit(e *eniRecord, ipv6 bool) int {
	if e.Attachment != nil && e.Attachment.Instance != "" {
		return instancetypes.All()[t.Instances[e.Attachment.Instance].Type].Addresses(ipv6)
	}
	most := 0
	for _, limits := range instancetypes.All() {
		most = max(most, limits.Addresses(ipv6))
	}
	return most
}

// slots is the number of an interface's addresses and prefixes of a family, each
// counting as one (EC2 User Guide, ec2-prefix-eni).
func (e *eniRecord) slots(ipv6 bool) int {
	if ipv6 {
		return len(e.IPv6) + len(e.prefixes(true))
	}
	return len(e.Addresses) + len(e.prefixes(false))
}

// fits refuses more addresses and prefixes than the interface may have.
func (t *tx) fits(e *eniRecord, ipv6 bool, adding int) error {
	switch over := e.slots(ipv6)+adding > t.addressLimit(e, ipv6); {
	case over && ipv6:
		return fail("PrivateIpAddressLimitExceeded", "%s: Number of IPv6 addresses will exceed limit.", e.ID)
	case over:
		return fail("PrivateIpAddressLimitExceeded", "%s: Number of private addresses will exceed limit.", e.ID)
	}
	return nil
}

// AssignPrivateIpAddresses has neither DryRun nor ClientToken.
type assignInput struct {
	NetworkInterfaceId             string `form:",required"`
	PrivateIpAddress               []string
	SecondaryPrivateIpAddressCount *int
	Ipv4Prefix                     []string
	Ipv4PrefixCount                *int
	AllowReassignment              bool
}

type assignedXML struct {
	Address string `xml:"privateIpAddress"`
}

type ipv4PrefixXML struct {
	Prefix string `xml:"ipv4Prefix"`
}

type assignOutput struct {
	response
	Interface string             `xml:"networkInterfaceId"`
	Assigned  set[assignedXML]   `xml:"assignedPrivateIpAddressesSet"`
	Prefixes  set[ipv4PrefixXML] `xml:"assignedIpv4PrefixSet"`
	Return    bool               `xml:"return"`
}

// assignPrivateIpAddresses assigns secondary addresses or prefixes, all or none. With
// AllowReassignment an address moves from another interface, together with its Elastic
// IP (EC2 API Reference, AssignPrivateIpAddresses).
func assignPrivateIpAddresses(t *tx, in assignInput) (*assignOutput, error) {
	err := exactlyOne(
		[]string{"privateIpAddress", "secondaryPrivateIpAddressCount", "ipv4Prefix", "ipv4PrefixCount"},
		len(in.PrivateIpAddress) > 0, in.SecondaryPrivateIpAddressCount != nil, len(in.Ipv4Prefix) > 0,
		in.Ipv4PrefixCount != nil)
	if err != nil {
		return nil, err
	}
	if err := positive("secondaryPrivateIpAddressCount", in.SecondaryPrivateIpAddressCount); err != nil {
		return nil, err
	}
	if err := positive("ipv4PrefixCount", in.Ipv4PrefixCount); err != nil {
		return nil, err
	}
	e, err := t.ownENI(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	s := t.Subnets[e.Subnet]
	named, err := checkAddresses(s, in.PrivateIpAddress, false)
	if err != nil {
		return nil, err
	}
	allocated, err := t.allocate(s, false, orZero(in.SecondaryPrivateIpAddressCount), nil)
	if err != nil {
		return nil, err
	}
	addresses := append(named, allocated...)
	if err := t.assign(e, s, addresses, in.AllowReassignment); err != nil {
		return nil, err
	}
	prefixes, err := t.delegate(e, s, false, in.Ipv4Prefix, orZero(in.Ipv4PrefixCount))
	if err != nil {
		return nil, err
	}
	return &assignOutput{Interface: e.ID, Return: true,
		Assigned: ec2query.SetOf(addresses, func(a netip.Addr) assignedXML { return assignedXML{a.String()} }),
		Prefixes: ec2query.SetOf(prefixes, func(p netip.Prefix) ipv4PrefixXML { return ipv4PrefixXML{p.String()} })}, nil
}

// assign gives an interface secondary IPv4 addresses. An address that it already has is
// no error. An address in a delegated prefix cannot be moved: AWS documents no way to
// do so.
func (t *tx) assign(e *eniRecord, s *subnetRecord, wanted []netip.Addr, move bool) error {
	held := t.allocations(s.ID)
	var foreign []string
	adding := 0
	for _, a := range wanted {
		switch holder := held.owner(a); {
		case held.addresses[a] == e:
			continue
		case holder != nil && held.addresses[a] == nil:
			return invalidParameter("%s is part of the prefix %s, which is assigned to %s.", a, delegated(a), holder.ID)
		case holder != nil && holder.primary() == a:
			return invalidParameter("%s is the primary private address of %s and cannot be moved.", a, holder.ID)
		case holder != nil:
			foreign = append(foreign, a.String())
		}
		adding++
	}
	if len(foreign) > 0 && !move {
		return invalidParameter("[%s] assigned, but move is not allowed.", joinComma(foreign))
	}
	if err := t.fits(e, false, adding); err != nil {
		return err
	}
	for _, a := range wanted {
		t.move(a, held.addresses[a], e)
	}
	return nil
}

// move transfers an address to an interface, with its Elastic IP.
func (t *tx) move(a netip.Addr, from, to *eniRecord) {
	if from == to {
		return
	}
	to.Addresses = append(to.Addresses, a)
	if from == nil {
		return
	}
	from.Addresses = slices.DeleteFunc(from.Addresses, func(have netip.Addr) bool { return have == a })
	if elastic := t.addressOn(from.ID, a); elastic != nil {
		elastic.ENI = to.ID
	}
}

// delegate gives an interface prefixes, by name or by count. A prefix of another
// interface is not moved: AWS documents AllowReassignment for addresses only.
func (t *tx) delegate(e *eniRecord, s *subnetRecord, ipv6 bool, names []string, count int) ([]netip.Prefix, error) {
	wanted, err := checkPrefixes(s, names, ipv6)
	if err != nil {
		return nil, err
	}
	held := t.allocations(s.ID)
	var adding []netip.Prefix
	for _, p := range wanted {
		switch holder := held.prefixes[p]; {
		case holder == e:
			continue
		case holder != nil:
			return nil, invalidParameter("[%s] assigned, but move is not allowed.", p)
		case held.touched[p]:
			return nil, prefixInUse(p)
		}
		adding = append(adding, p)
	}
	allocated, err := t.allocatePrefixes(s, ipv6, count, nil)
	if err != nil {
		return nil, err
	}
	adding = append(adding, allocated...)
	if err := t.fits(e, ipv6, len(adding)); err != nil {
		return nil, err
	}
	e.Prefixes = append(e.Prefixes, adding...)
	return append(wanted, allocated...), nil
}

// UnassignPrivateIpAddresses has neither DryRun nor ClientToken.
type unassignInput struct {
	NetworkInterfaceId string `form:",required"`
	PrivateIpAddress   []string
	Ipv4Prefix         []string
}

// unassignPrivateIpAddresses removes secondary addresses or prefixes, all or none; an
// Elastic IP on one is disassociated (EC2 API Reference, UnassignPrivateIpAddresses).
func unassignPrivateIpAddresses(t *tx, in unassignInput) (*done, error) {
	if len(in.PrivateIpAddress) == 0 && len(in.Ipv4Prefix) == 0 {
		return nil, missingParameter("privateIpAddress or ipv4Prefix")
	}
	e, err := t.ownENI(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	for _, text := range in.PrivateIpAddress {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, invalidParameter("Invalid IP address %s", text)
		}
		i := slices.Index(e.Addresses, a)
		switch {
		case i < 0:
			return nil, notAssigned(e)
		case i == 0:
			return nil, invalidParameter("The primary IP address of an interface cannot be unassigned.")
		}
		e.Addresses = slices.Delete(e.Addresses, i, i+1)
		if elastic := t.addressOn(e.ID, a); elastic != nil {
			elastic.disassociate()
		}
	}
	if err := t.withdraw(e, in.Ipv4Prefix, false); err != nil {
		return nil, err
	}
	return ok()
}

func notAssigned(e *eniRecord) error {
	return invalidParameter("Some of the specified addresses are not assigned to interface %s", e.ID)
}

// withdraw removes prefixes of a family, and disassociates the Elastic IPs on addresses
// in them.
func (t *tx) withdraw(e *eniRecord, texts []string, ipv6 bool) error {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return invalidParameter("Value (%s) for parameter prefix is invalid. This is not a valid CIDR block.", text)
		}
		i := slices.Index(e.Prefixes, p)
		if i < 0 || p.Addr().Is6() != ipv6 {
			return notAssigned(e)
		}
		e.Prefixes = slices.Delete(e.Prefixes, i, i+1)
		for _, a := range t.Addresses {
			if a.ENI == e.ID && p.Contains(a.Private) {
				a.disassociate()
			}
		}
	}
	return nil
}
