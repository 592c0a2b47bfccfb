// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"
)

// chooseAddresses gives a new interface its addresses and prefixes.
func (t *tx) chooseAddresses(e *eniRecord, s *subnetRecord, in eniSpec) error {
	if err := in.counts(); err != nil {
		return err
	}
	held := t.allocations(s.ID)
	free := func(all []netip.Addr, err error) ([]netip.Addr, error) {
		if i := slices.IndexFunc(all, func(a netip.Addr) bool { return held.owner(a) != nil }); i >= 0 {
			return nil, fail("InvalidIPAddress.InUse", "The specified address is already in use.")
		}
		return all, err
	}
	prefixes, err := checkPrefixes(s, in.prefixes(), false)
	if err != nil {
		return err
	}
	prefixes6, err := checkPrefixes(s, in.prefixes6(), true)
	if err != nil {
		return err
	}
	primary, secondaries, err := in.named()
	if err != nil {
		return err
	}
	named, err := free(checkAddresses(s, append(slices.Clone(primary), secondaries...), false))
	if err != nil {
		return err
	}
	allocated, err := t.allocate(s, false, 1-len(primary)+in.SecondaryPrivateIpAddressCount, named, prefixes...)
	if err != nil {
		return err
	}
	if len(primary) == 0 {
		e.Addresses = slices.Concat(allocated[:1], named, allocated[1:])
	} else {
		e.Addresses = slices.Concat(named, allocated)
	}
	if e.IPv6, err = free(checkAddresses(s, in.addresses6(), true)); err != nil {
		return err
	}
	if allocated, err = t.allocate(s, true, in.count6(s), e.IPv6, prefixes6...); err != nil {
		return err
	}
	e.IPv6 = append(e.IPv6, allocated...)
	for _, p := range append(prefixes, prefixes6...) {
		if held.prefixes[p] != nil || held.touched[p] || slices.ContainsFunc(e.Addresses, p.Contains) ||
			slices.ContainsFunc(e.IPv6, p.Contains) {
			return prefixInUse(p)
		}
		e.Prefixes = append(e.Prefixes, p)
	}
	some, err := t.allocatePrefixes(s, false, in.Ipv4PrefixCount, e.Addresses)
	if err != nil {
		return err
	}
	more, err := t.allocatePrefixes(s, true, in.Ipv6PrefixCount, e.IPv6)
	if err != nil {
		return err
	}
	e.Prefixes = slices.Concat(e.Prefixes, some, more)
	return nil
}

func prefixInUse(p netip.Prefix) error {
	return invalidParameter("Prefix %s overlaps addresses or prefixes that are in use", p)
}

// counts refuses negative counts, and a count together with a list of the same things
// (EC2 API Reference, CreateNetworkInterface).
func (in eniSpec) counts() error {
	count6 := orZero(in.Ipv6AddressCount)
	if least := min(in.SecondaryPrivateIpAddressCount, in.Ipv4PrefixCount, count6, in.Ipv6PrefixCount); least < 0 {
		return invalidParameter("Invalid value '%d' for a number of addresses", least)
	}
	_, secondaries, err := in.named()
	switch {
	case err != nil:
		return err
	case in.SecondaryPrivateIpAddressCount > 0 &&
		(len(secondaries) > 0 || len(in.Ipv4Prefix) > 0 || in.Ipv4PrefixCount > 0):
		return badCombination("secondaryPrivateIpAddressCount cannot be specified with secondary privateIpAddresses or " +
			"with IPv4 prefixes")
	case in.Ipv4PrefixCount > 0 && len(in.Ipv4Prefix) > 0:
		return badCombination("The parameters ipv4Prefixes and ipv4PrefixCount cannot both be specified")
	case count6 > 0 && len(in.Ipv6Addresses) > 0:
		return badCombination("The parameters ipv6Addresses and ipv6AddressCount cannot both be specified")
	case in.Ipv6PrefixCount > 0 && len(in.Ipv6Prefix) > 0:
		return badCombination("The parameters ipv6Prefixes and ipv6PrefixCount cannot both be specified")
	}
	return nil
}

// named returns the private IPv4 addresses requested: the primary, if given, and the
// others.
func (in eniSpec) named() (primary, secondaries []string, err error) {
	if in.PrivateIpAddress != "" {
		primary = []string{in.PrivateIpAddress}
	}
	for _, p := range in.PrivateIpAddresses {
		switch {
		case !p.Primary:
			secondaries = append(secondaries, p.PrivateIpAddress)
		case len(primary) > 0:
			return nil, nil, invalidParameter("Only one primary private IP address can be specified.")
		default:
			primary = []string{p.PrivateIpAddress}
		}
	}
	return primary, secondaries, nil
}

func (in eniSpec) addresses6() []string {
	return mapped(in.Ipv6Addresses, func(a address6Input) string { return a.Ipv6Address })
}

func (in eniSpec) prefixes() []string {
	return mapped(in.Ipv4Prefix, func(p prefixInput) string { return p.Ipv4Prefix })
}

func (in eniSpec) prefixes6() []string {
	return mapped(in.Ipv6Prefix, func(p prefix6Input) string { return p.Ipv6Prefix })
}

// count6 is the number of IPv6 addresses to allocate: one, if the request does not
// mention IPv6 and the subnet assigns one to every new interface (EC2 API Reference,
// ModifySubnetAttribute).
func (in eniSpec) count6(s *subnetRecord) int {
	switch {
	case in.Ipv6AddressCount != nil:
		return *in.Ipv6AddressCount
	case s.AssignIPv6 && len(in.Ipv6Addresses) == 0 && len(in.Ipv6Prefix) == 0 && in.Ipv6PrefixCount == 0:
		return 1
	}
	return 0
}
