// SPDX-License-Identifier: Apache-2.0

package vpc

import "time"

// tables are a compiled topology. They are immutable.
type tables struct {
	nets    map[string]*network
	nics    map[string]*nic
	all     []*nic // in the topology's order
	public  map[addr4]*elastic
	blocks  map[uint64]*network // by IPv6 /56
	clients map[addr4]client    // by the pair's even address
}

// network is a VPC.
type network struct {
	id       string
	igw      string
	public   PublicAccess
	resolver addr4 // VPC base + 2
	owners   owners
	elastic  map[addr4]*elastic // by private address
	groups   map[string]map[*nic]struct{}
}

// owners maps a registered address to its ENI. IPv4 has a separate map, because maps hash
// its keys fastest.
type owners struct {
	v4       map[addr4]*nic
	v6       map[addr16]*nic
	prefixes map[addr16]*nic // by the delegated prefix's base
}

// of returns the ENI that has the address registered or in a delegated prefix, or nil.
func (o *owners) of(a addr16) *nic {
	var n *nic
	if a.is4() {
		n = o.v4[a.v4()]
	} else {
		n = o.v6[a]
	}
	if n == nil && len(o.prefixes) > 0 {
		n = o.prefixes[a.delegated()]
	}
	return n
}

// family is an index: 0 for IPv4, 1 for IPv6.
func family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

// segment is a subnet.
type segment struct {
	id         string
	net        *network
	base       addr4
	bits       int
	v6         block // zero mask if the subnet has no IPv6
	gateway    addr4
	router6    addr16 // the router's link-local address, formed from its MAC
	gatewayMAC MAC
	nics       map[uint64]*nic // by MAC
	routes     [2][]hop        // by family; longest prefix first
}

func (s *segment) contains(a addr4) bool { return a&mask(s.bits) == s.base }

func (s *segment) hasIPv6() bool { return s.v6.mask.hi != 0 }

// isRouter6 tells whether an address is the router's: the link-local one formed from its
// MAC, the link-local one common to all subnets, or the first of the subnet's block (VPC
// User Guide, subnet-sizing).
func (s *segment) isRouter6(a addr16) bool {
	return a == s.router6 || a == everyRouter || s.hasIPv6() && a == addr16{s.v6.base.hi, 1}
}

// hop is a route.
type hop struct {
	block
	kind TargetKind
	nic  *nic   // of TargetENI and TargetNATGateway; nil if deleted
	igw  string // of TargetInternetGateway
}

// nic is an ENI.
type nic struct {
	*record
	id        string
	seg       *segment
	mac       MAC
	primary   addr4
	linkLocal addr16 // formed from the MAC
	ipv6      addr16 // the first registered IPv6 address, or zero
	check     bool   // SourceDestCheck
	attached  bool
	down      bool
	each      time.Duration // for a frame, if their rate is limited; else 0
	probed    bool          // by status checks
	nat       *natTable
	hostname  string
	port      Port
	idle      idleTimes
	rules     [2][2][]filter  // by direction and family
	clients   map[addr4]addr4 // private address to the even address of its pair
}

// owns tells whether the address is the ENI's own: registered, in a delegated prefix (EC2
// User Guide, ec2-prefix-eni: prefixes are included in source/destination checks), or the
// link-local one formed from its MAC, which EC2's instances have.
func (n *nic) owns(a addr16) bool {
	return a == mapped(n.primary) || n.seg.net.owners.of(a) == n || a == n.linkLocal
}

// elastic is an Elastic IP.
type elastic struct {
	public, private addr4
	nic             *nic
}
