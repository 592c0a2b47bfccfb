// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"
)

// checkAddress parses an address requested for an interface; it must lie in the subnet.
func checkAddress(s *subnetRecord, text string, ipv6 bool) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	switch block := s.block(ipv6); {
	case err != nil || ipv6 && !isIPv6(a) || !ipv6 && !a.Is4():
		return a, invalidParameter("Invalid IP address %s", text)
	case !block.IsValid():
		return a, noIPv6(s)
	case !block.Contains(a):
		return a, invalidParameter("Address %s does not fall within the subnet's address range", a)
	case s.reserved(a):
		return a, invalidParameter("Address %s is in subnet's reserved address range", a)
	}
	return a, nil
}

func noIPv6(s *subnetRecord) error {
	return invalidParameter("The subnet '%s' has no IPv6 CIDR block", s.ID)
}

// checkAddresses parses a list without repetitions.
func checkAddresses(s *subnetRecord, texts []string, ipv6 bool) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, text := range texts {
		a, err := checkAddress(s, text, ipv6)
		if err != nil {
			return nil, err
		}
		if slices.Contains(all, a) {
			return nil, invalidParameter("Duplicate IP address %s", a)
		}
		all = append(all, a)
	}
	return all, nil
}

// checkPrefixes parses prefixes requested for an interface; they must lie in the
// subnet. A request that names an address or prefix may take it from any reservation.
// Whether AWS lets one take single addresses from a range reserved for prefixes is not
// documented.
func checkPrefixes(s *subnetRecord, texts []string, ipv6 bool) ([]netip.Prefix, error) {
	block := s.block(ipv6)
	if len(texts) > 0 && !block.IsValid() {
		return nil, noIPv6(s)
	}
	var all []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil || p != p.Masked():
			return nil, invalidParameter("Value (%s) for parameter prefix is invalid. This is not a valid CIDR block.", text)
		case p.Addr().Is6() != ipv6 || p != delegated(p.Addr()):
			// EC2 User Guide, ec2-prefix-eni: a /28, or a /80 of IPv6.
			return nil, invalidParameter("Value (%s) for parameter prefix is invalid. The prefix length must be /%d.", text,
				delegated(block.Addr()).Bits())
		case !within(p, block):
			return nil, invalidParameter("Prefix %s does not fall within the subnet's address range", p)
		case s.touchesReserved(p):
			return nil, invalidParameter("Prefix %s is in subnet's reserved address range", p)
		case slices.Contains(all, p):
			return nil, invalidParameter("Duplicate prefix %s", p)
		}
		all = append(all, p)
	}
	return all, nil
}

// touchesReserved reports whether a prefix contains one of AWS's own addresses.
func (s *subnetRecord) touchesReserved(p netip.Prefix) bool {
	return s.reserved(p.Addr()) || s.reserved(lastOf(p))
}

// allocate finds n free addresses, lowest first, outside the list besides, the
// blocks in avoid and all reservations (VPC User Guide, subnet-cidr-reservation). AWS
// documents no order.
func (t *tx) allocate(s *subnetRecord, ipv6 bool, n int, besides []netip.Addr,
	avoid ...netip.Prefix) ([]netip.Addr, error) {
	if n == 0 {
		return nil, nil
	}
	block := s.block(ipv6)
	if !block.IsValid() {
		return nil, noIPv6(s)
	}
	for _, r := range t.reservationsOf(s.ID) {
		avoid = append(avoid, r.CIDR)
	}
	held := t.allocations(s.ID)
	var allocated []netip.Addr
	for a := addressAt(block, 4); block.Contains(a) && len(allocated) < n; a = a.Next() {
		if i := slices.IndexFunc(avoid, func(p netip.Prefix) bool { return p.Contains(a) }); i >= 0 {
			a = lastOf(avoid[i])
			continue
		}
		if p := delegated(a); held.prefixes[p] != nil {
			a = lastOf(p)
			continue
		}
		if held.addresses[a] == nil && !s.reserved(a) && !slices.Contains(besides, a) {
			allocated = append(allocated, a)
		}
	}
	if len(allocated) < n {
		return nil, fail("InsufficientFreeAddressesInSubnet",
			"The specified subnet does not have enough free addresses to satisfy the request.")
	}
	return allocated, nil
}

// allocatePrefixes finds n free prefixes: in the ranges reserved for prefixes if the
// subnet has any, otherwise in the full subnet (EC2 User Guide, ec2-prefix-eni).
// Whether AWS falls back on the subnet when these ranges are full is not documented;
// the lab does not.
func (t *tx) allocatePrefixes(s *subnetRecord, ipv6 bool, n int, besides []netip.Addr) ([]netip.Prefix, error) {
	if n == 0 {
		return nil, nil
	}
	block := s.block(ipv6)
	if !block.IsValid() {
		return nil, noIPv6(s)
	}
	var from, avoid []netip.Prefix
	for _, r := range t.reservationsOf(s.ID) {
		switch {
		case r.CIDR.Addr().Is6() != ipv6:
		case r.Type == reservePrefix:
			from = append(from, r.CIDR)
		default:
			avoid = append(avoid, r.CIDR)
		}
	}
	if from == nil {
		from = []netip.Prefix{block}
	}
	held := t.allocations(s.ID)
	for _, a := range besides {
		held.touched[delegated(a)] = true
	}
	var allocated []netip.Prefix
	for _, outer := range from {
		for p := range blocksIn(outer, delegated(block.Addr()).Bits()) {
			if len(allocated) == n {
				return allocated, nil
			}
			if held.prefixes[p] == nil && !held.touched[p] && !s.touchesReserved(p) && !slices.ContainsFunc(avoid, p.Overlaps) {
				allocated = append(allocated, p)
			}
		}
	}
	if len(allocated) < n {
		return nil, fail("InsufficientCidrBlocks",
			"The specified subnet does not have enough free cidr blocks to satisfy the request.")
	}
	return allocated, nil
}
