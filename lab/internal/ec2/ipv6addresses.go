// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"

	"macaw.example/lab/internal/ec2query"
)

// AssignIpv6Addresses and UnassignIpv6Addresses have neither DryRun nor ClientToken.
type assignIPv6Input struct {
	NetworkInterfaceId string `form:",required"`
	Ipv6Addresses      []string
	Ipv6AddressCount   *int
	Ipv6Prefix         []string
	Ipv6PrefixCount    *int
}

type assignIPv6Output struct {
	response
	Interface string      `xml:"networkInterfaceId"`
	Addresses set[string] `xml:"assignedIpv6Addresses"`
	Prefixes  set[string] `xml:"assignedIpv6PrefixSet"`
}

// assignIpv6Addresses gives an interface IPv6 addresses or prefixes, all or none. An
// address in use must be unassigned from its interface first: there is no reassignment
// (EC2 User Guide, MultipleIP).
func assignIpv6Addresses(t *tx, in assignIPv6Input) (*assignIPv6Output, error) {
	err := exactlyOne(
		[]string{"ipv6Addresses", "ipv6AddressCount", "ipv6Prefix", "ipv6PrefixCount"},
		len(in.Ipv6Addresses) > 0, in.Ipv6AddressCount != nil, len(in.Ipv6Prefix) > 0, in.Ipv6PrefixCount != nil)
	if err != nil {
		return nil, err
	}
	if err := positive("ipv6AddressCount", in.Ipv6AddressCount); err != nil {
		return nil, err
	}
	if err := positive("ipv6PrefixCount", in.Ipv6PrefixCount); err != nil {
		return nil, err
	}
	e, err := t.ownENI(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	s := t.Subnets[e.Subnet]
	wanted, err := checkAddresses(s, in.Ipv6Addresses, true)
	if err != nil {
		return nil, err
	}
	held := t.allocations(s.ID)
	var adding []netip.Addr
	for _, a := range wanted {
		switch held.owner(a) {
		case e:
		case nil:
			adding = append(adding, a)
		default:
			return nil, fail("Resource.AlreadyAssigned",
				"The IPv6 address %s is already assigned. Unassign it first, and try again.", a)
		}
	}
	allocated, err := t.allocate(s, true, orZero(in.Ipv6AddressCount), nil)
	if err != nil {
		return nil, err
	}
	adding = append(adding, allocated...)
	if err := t.fits(e, true, len(adding)); err != nil {
		return nil, err
	}
	e.IPv6 = append(e.IPv6, adding...)
	prefixes, err := t.delegate(e, s, true, in.Ipv6Prefix, orZero(in.Ipv6PrefixCount))
	if err != nil {
		return nil, err
	}
	return &assignIPv6Output{Interface: e.ID, Addresses: ec2query.SetOf(append(wanted, allocated...), netip.Addr.String),
		Prefixes: ec2query.SetOf(prefixes, netip.Prefix.String)}, nil
}

type unassignIPv6Input struct {
	NetworkInterfaceId string `form:",required"`
	Ipv6Addresses      []string
	Ipv6Prefix         []string
}

type unassignIPv6Output struct {
	response
	Interface string      `xml:"networkInterfaceId"`
	Addresses set[string] `xml:"unassignedIpv6Addresses"`
	Prefixes  set[string] `xml:"unassignedIpv6PrefixSet"`
}

func unassignIpv6Addresses(t *tx, in unassignIPv6Input) (*unassignIPv6Output, error) {
	if len(in.Ipv6Addresses) == 0 && len(in.Ipv6Prefix) == 0 {
		return nil, missingParameter("ipv6Addresses or ipv6Prefix")
	}
	e, err := t.ownENI(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	out := &unassignIPv6Output{Interface: e.ID, Prefixes: set[string]{Items: in.Ipv6Prefix}}
	for _, text := range in.Ipv6Addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, invalidParameter("Invalid IP address %s", text)
		}
		i := slices.Index(e.IPv6, a)
		if i < 0 {
			return nil, notAssigned(e)
		}
		e.IPv6 = slices.Delete(e.IPv6, i, i+1)
		out.Addresses.Items = append(out.Addresses.Items, a.String())
	}
	if err := t.withdraw(e, in.Ipv6Prefix, true); err != nil {
		return nil, err
	}
	return out, nil
}
