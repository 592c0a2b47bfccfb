// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// compiler compiles a topology into tables, and refuses one that AWS could not have.
type compiler struct {
	tables
	segs    map[string]*segment
	nats    map[string]*nic
	record  func(id string) *record
	clients func(eni string, private addr4) (addr4, error)
	idle    idleTimes // for ENIs that set none
}

func (c *compiler) compile(t Topology) (*tables, error) {
	c.nics = make(map[string]*nic)
	c.public = make(map[addr4]*elastic)
	c.blocks = make(map[uint64]*network)
	c.tables.clients = make(map[addr4]client)
	c.nets = make(map[string]*network)
	c.segs = make(map[string]*segment)
	c.nats = make(map[string]*nic)
	for _, v := range t.VPCs {
		if err := c.addVPC(v); err != nil {
			return nil, fmt.Errorf("compiling VPC %s: %w", v.ID, err)
		}
	}
	for _, s := range t.Subnets {
		if err := c.addSubnet(s); err != nil {
			return nil, fmt.Errorf("compiling subnet %s: %w", s.ID, err)
		}
	}
	for _, e := range t.ENIs {
		if err := c.addENI(e); err != nil {
			return nil, fmt.Errorf("compiling ENI %s: %w", e.ID, err)
		}
	}
	for _, e := range t.ElasticIPs {
		if err := c.addElasticIP(e); err != nil {
			return nil, fmt.Errorf("compiling Elastic IP %s: %w", e.Public, err)
		}
	}
	for _, g := range t.NATGateways {
		if err := c.addNATGateway(g); err != nil {
			return nil, fmt.Errorf("compiling NAT gateway %s: %w", g.ID, err)
		}
	}
	for _, s := range t.Subnets {
		if err := c.addRoutes(s); err != nil {
			return nil, fmt.Errorf("compiling the routes of subnet %s: %w", s.ID, err)
		}
		c.segs[s.ID].setGatewayMAC()
	}
	if err := c.addRules(t); err != nil {
		return nil, err
	}
	return &c.tables, nil
}

func (c *compiler) addVPC(v VPC) error {
	if c.nets[v.ID] != nil {
		return fmt.Errorf("listed twice")
	}
	if len(v.CIDRs) == 0 {
		return fmt.Errorf("has no CIDR")
	}
	base, _, err := prefix4(v.CIDRs[0])
	if err != nil {
		return err
	}
	net := &network{
		id: v.ID, igw: v.InternetGateway, public: v.PublicAccess,
		// The resolver is at the primary CIDR's base plus two (VPC User Guide,
		// AmazonDNS-concepts).
		resolver: base + 2,
		owners:   owners{make(map[addr4]*nic), make(map[addr16]*nic), make(map[addr16]*nic)},
		elastic:  make(map[addr4]*elastic),
		groups:   make(map[string]map[*nic]struct{}),
	}
	for _, p := range v.IPv6 {
		b, err := blockOf(p)
		switch {
		case err != nil:
			return err
		case !p.Addr().Is6() || p.Bits() != 56: // VPC User Guide, vpc-cidr-blocks
			return fmt.Errorf("%s is not an IPv6 /56", p)
		case c.blocks[b.base.hi] != nil: // public, so unique across VPCs
			return fmt.Errorf("%s is also that of %s", p, c.blocks[b.base.hi].id)
		}
		c.blocks[b.base.hi] = net
	}
	c.nets[v.ID] = net
	return nil
}

// block56 is an address's key in tables.blocks.
func (a addr16) block56() uint64 { return a.hi &^ 0xff }

func (c *compiler) addSubnet(s Subnet) error {
	net := c.nets[s.VPC]
	switch {
	case c.segs[s.ID] != nil:
		return fmt.Errorf("listed twice")
	case net == nil:
		return fmt.Errorf("unknown VPC %q", s.VPC)
	}
	base, bits, err := prefix4(s.CIDR)
	if err != nil {
		return err
	}
	if bits > 28 || bits < 16 { // VPC User Guide, subnet-sizing
		return fmt.Errorf("%s is not between /16 and /28", s.CIDR)
	}
	seg := &segment{
		id: s.ID, net: net, base: base, bits: bits,
		gateway: base + 1, // VPC User Guide, subnet-sizing: .1 is the VPC router
		nics:    make(map[uint64]*nic),
	}
	if s.IPv6.IsValid() {
		if seg.v6, err = blockOf(s.IPv6); err != nil {
			return err
		}
		if !s.IPv6.Addr().Is6() || s.IPv6.Bits() != 64 { // VPC User Guide, subnet-sizing
			return fmt.Errorf("%s is not an IPv6 /64", s.IPv6)
		}
		if c.blocks[seg.v6.base.block56()] != net {
			return fmt.Errorf("%s is not in %s", s.IPv6, s.VPC)
		}
	}
	c.segs[s.ID] = seg
	return nil
}

func (c *compiler) addElasticIP(e ElasticIP) error {
	n := c.nics[e.ENI]
	switch {
	case n == nil:
		return fmt.Errorf("unknown ENI %q", e.ENI)
	case !e.Public.Is4() || !e.Private.Is4():
		return fmt.Errorf("%s to %s is not IPv4", e.Public, e.Private)
	}
	ip := &elastic{public: fromAddr(e.Public), private: fromAddr(e.Private), nic: n}
	switch {
	case !n.owns(mapped(ip.private)): // one in a prefix may have one (EC2 User Guide, ec2-prefix-eni)
		return fmt.Errorf("%s is not registered on %s", e.Private, e.ENI)
	case c.public[ip.public] != nil:
		return fmt.Errorf("listed twice")
	case n.seg.net.elastic[ip.private] != nil: // EC2 User Guide, elastic-ip-addresses-eip
		return fmt.Errorf("%s has another Elastic IP", e.Private)
	}
	c.public[ip.public] = ip
	n.seg.net.elastic[ip.private] = ip
	return nil
}

func (c *compiler) addNATGateway(g NATGateway) error {
	n := c.nics[g.ENI]
	switch {
	case c.nats[g.ID] != nil:
		return fmt.Errorf("listed twice")
	case n == nil:
		return fmt.Errorf("unknown ENI %q", g.ENI)
	case n.nat != nil:
		return fmt.Errorf("%s is also that of another", g.ENI)
	}
	n.nat = n.record.natTable()
	c.nats[g.ID] = n
	return nil
}

func (c *compiler) addRoutes(s Subnet) error {
	seg := c.segs[s.ID]
	for _, r := range s.Routes {
		b, err := blockOf(r.Dest)
		if err != nil {
			return err
		}
		h := hop{block: b, kind: r.Target}
		switch r.Target {
		case TargetInternetGateway:
			h.igw = r.ID
		case TargetENI:
			h.nic = c.nics[r.ID]
		case TargetNATGateway:
			h.nic = c.nats[r.ID]
		}
		if h.nic != nil && h.nic.seg.net != seg.net {
			return fmt.Errorf("route to %s: %s is in another VPC", r.Dest, r.ID)
		}
		f := family(r.Dest.Addr().Is6())
		seg.routes[f] = append(seg.routes[f], h)
	}
	for f := range seg.routes {
		slices.SortStableFunc(seg.routes[f], func(a, b hop) int { // longest mask first
			switch {
			case a.mask.hi > b.mask.hi || a.mask.hi == b.mask.hi && a.mask.lo > b.mask.lo:
				return -1
			case a.mask == b.mask:
				return 0
			}
			return 1
		})
	}
	return nil
}

// setGatewayMAC generates the MAC of the subnet's router. It is constant for the subnet's
// lifetime, because instances keep it in their neighbour tables.
func (s *segment) setGatewayMAC() {
	for salt := byte(0); ; salt++ {
		h := sha256.Sum256(append([]byte(s.id), salt))
		copy(s.gatewayMAC[:], h[:])
		s.gatewayMAC[0] = s.gatewayMAC[0]&^1 | 2 // unicast, locally administered
		if s.nics[s.gatewayMAC.key()] == nil {
			s.router6 = linkLocalOf(s.gatewayMAC)
			return
		}
	}
}
