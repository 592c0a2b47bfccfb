// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// ENI is a network interface of the cloud in its provider subnet.
type ENI struct {
	ID, MAC, Subnet string
	Part            string // as in the tag macaw:part
	Instance        string // empty while it is attached to none
	Device          int    // index
	Groups          []string
	Primary         netip.Addr
	Addresses       []netip.Addr // secondary IPv4 addresses
	IPv6            []netip.Addr
	// Prefixes and PrefixesIPv6 count delegated prefixes: each takes the place of an
	// address (EC2 User Guide, ec2-prefix-eni).
	Prefixes, PrefixesIPv6 int
	// Limit and LimitIPv6 are how many addresses the instance type allows, the
	// primary one included. They are set for this node's interfaces.
	Limit, LimitIPv6 int
	// Public has the public addresses by private address.
	Public map[netip.Addr]Public
}

// Public is a public address as the interface shows it.
type Public struct {
	Addr       netip.Addr
	Allocation string // empty if it is AWS's own
}

// free is how many more addresses of a family fit.
func (e ENI) free(ipv6 bool) int {
	if ipv6 {
		return e.LimitIPv6 - len(e.IPv6) - e.PrefixesIPv6
	}
	return e.Limit - 1 - len(e.Addresses) - e.Prefixes
}

// list is the list that an address belongs into.
func (e *ENI) list(a netip.Addr) *[]netip.Addr {
	if a.Is4() {
		return &e.Addresses
	}
	return &e.IPv6
}

// ElasticIP is an Elastic IP of the cloud, by tag, or one of its pool.
type ElasticIP struct {
	Allocation string
	Public     netip.Addr
	// Association, ENI and Private are empty if it is associated with nothing.
	Association string
	ENI         string
	Private     netip.Addr
	Part        string // as in the tag macaw:part
}

// forAddress is the address that the tag says it is for, invalid if there is none.
func (e ElasticIP) forAddress() netip.Addr {
	text, ok := strings.CutPrefix(e.Part, partAddress)
	if !ok {
		return netip.Addr{}
	}
	a, _ := netip.ParseAddr(text)
	return a
}

// Holder is the interface that has an address which could not be assigned.
type Holder struct{ ENI, Instance string }

// Seen is what AWS shows.
type Seen struct {
	ENIs    []ENI // in the order of device index, those of no instance last
	Elastic []ElasticIP
	// Interfaces is how many network interfaces this node's instance type takes.
	Interfaces int
	// Holders has the interfaces of the subnet, not the cloud's, that have addresses
	// which AWS refused to assign.
	Holders map[netip.Addr]Holder
}

// sort puts everything in the order that plans go by.
func (s *Seen) sort() {
	slices.SortFunc(s.ENIs, func(a, b ENI) int {
		return cmp.Or(
			cmp.Compare(b2i(a.Instance == ""), b2i(b.Instance == "")),
			cmp.Compare(a.Device, b.Device),
			cmp.Compare(a.ID, b.ID),
		)
	})
	slices.SortFunc(s.Elastic, func(a, b ElasticIP) int { return cmp.Compare(a.Allocation, b.Allocation) })
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// clone copies what expectations change.
func (s Seen) clone() Seen {
	s.ENIs, s.Elastic = slices.Clone(s.ENIs), slices.Clone(s.Elastic)
	for i := range s.ENIs {
		e := &s.ENIs[i]
		e.Addresses, e.IPv6 = slices.Clone(e.Addresses), slices.Clone(e.IPv6)
	}
	return s
}

// holder is the interface that has an address, as a secondary or its primary one.
func (s *Seen) holder(a netip.Addr) *ENI {
	for i := range s.ENIs {
		if e := &s.ENIs[i]; e.Primary == a || slices.Contains(*e.list(a), a) {
			return e
		}
	}
	return nil
}

func (s *Seen) eni(id string) *ENI {
	for i := range s.ENIs {
		if s.ENIs[i].ID == id {
			return &s.ENIs[i]
		}
	}
	return nil
}

func (s *Seen) elastic(allocation string) *ElasticIP {
	for i := range s.Elastic {
		if s.Elastic[i].Allocation == allocation {
			return &s.Elastic[i]
		}
	}
	return nil
}

// associatedWith is the Elastic IP of an address on an interface.
func (s *Seen) associatedWith(eni string, a netip.Addr) *ElasticIP {
	for i := range s.Elastic {
		if e := &s.Elastic[i]; e.Private == a && e.Association != "" && e.ENI == eni {
			return e
		}
	}
	return nil
}

// public is the public address of an address on an interface, invalid if it has none.
// What the interface shows of an Elastic IP in the list is not asked: the list is newer.
func (s *Seen) public(e *ENI, a netip.Addr) netip.Addr {
	if own := s.associatedWith(e.ID, a); own != nil {
		return own.Public
	}
	if shown, ok := e.Public[a]; ok && s.elastic(shown.Allocation) == nil {
		return shown.Addr
	}
	return netip.Addr{}
}
