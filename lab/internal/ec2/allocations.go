// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"
)

// The lengths of delegated prefixes (EC2 User Guide, ec2-prefix-eni).
const (
	prefixBits  = 28
	prefixBits6 = 80
)

// delegated is the prefix that would contain an address if it were delegated.
func delegated(a netip.Addr) netip.Prefix {
	bits := prefixBits
	if a.Is6() {
		bits = prefixBits6
	}
	p, _ := a.Prefix(bits) // bits fit the family
	return p
}

// allocations are the addresses and prefixes of a subnet's network interfaces.
type allocations struct {
	addresses map[netip.Addr]*eniRecord
	prefixes  map[netip.Prefix]*eniRecord
	// touched are the prefixes that contain an allocated address and so cannot be
	// delegated.
	touched map[netip.Prefix]bool
}

func (t *tx) allocations(subnet string) allocations {
	h := allocations{map[netip.Addr]*eniRecord{}, map[netip.Prefix]*eniRecord{}, map[netip.Prefix]bool{}}
	for _, e := range t.ENIs {
		if e.Subnet != subnet {
			continue
		}
		for _, a := range slices.Concat(e.Addresses, e.IPv6) {
			h.addresses[a] = e
			h.touched[delegated(a)] = true
		}
		for _, p := range e.Prefixes {
			h.prefixes[p] = e
		}
	}
	return h
}

// owner returns the interface that holds an address, itself or in a prefix, or nil.
func (h allocations) owner(a netip.Addr) *eniRecord {
	if e := h.addresses[a]; e != nil {
		return e
	}
	return h.prefixes[delegated(a)]
}

// reserved reports whether an address of the subnet is AWS's own: the first four
// (network, router, DNS, future use) and the last (VPC User Guide, subnet-sizing).
func (s *subnetRecord) reserved(a netip.Addr) bool {
	for _, block := range []netip.Prefix{s.CIDR, s.IPv6} {
		if block.IsValid() && block.Contains(a) {
			return a.Less(addressAt(block, 4)) || a == lastOf(block)
		}
	}
	return false
}

// block is the subnet's CIDR of a family; it is invalid if the subnet has no IPv6.
func (s *subnetRecord) block(ipv6 bool) netip.Prefix {
	if ipv6 {
		return s.IPv6
	}
	return s.CIDR
}

// available is the number of IPv4 addresses that AWS can still allocate. A reservation
// for prefixes counts in full from its creation; an address in an explicit one counts
// when it is assigned (VPC User Guide, subnet-cidr-reservation).
func (t *tx) available(s *subnetRecord) int {
	left := size(s.CIDR) - 5
	var set []netip.Prefix
	for _, r := range t.reservationsOf(s.ID) {
		if r.Type != reservePrefix || r.CIDR.Addr().Is6() {
			continue
		}
		set = append(set, r.CIDR)
		left -= size(r.CIDR)
		for _, own := range []int{0, 1, 2, 3, size(s.CIDR) - 1} {
			if r.CIDR.Contains(addressAt(s.CIDR, own)) {
				left++ // never counted as free
			}
		}
	}
	counted := func(a netip.Addr) bool {
		return slices.ContainsFunc(set, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	h := t.allocations(s.ID)
	for a := range h.addresses {
		if a.Is4() && !counted(a) {
			left--
		}
	}
	for p := range h.prefixes {
		for n := 0; p.Addr().Is4() && n < size(p); n++ {
			if !counted(addressAt(p, n)) {
				left--
			}
		}
	}
	return left
}
