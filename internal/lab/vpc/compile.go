package vpc

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
)

// compiler turns a topology into tables, refusing what AWS could not hold.
type compiler struct {
	tables
	nets    map[string]*network
	segs    map[string]*segment
	record  func(id string) *record
	clients func(eni string, private addr4) (addr4, error)
}

func (c *compiler) compile(t Topology) (*tables, error) {
	c.nics = make(map[string]*nic)
	c.public = make(map[addr4]*elastic)
	c.tables.clients = make(map[addr4]client)
	c.nets = make(map[string]*network)
	c.segs = make(map[string]*segment)
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
	c.nets[v.ID] = &network{
		id: v.ID, igw: v.InternetGateway,
		// The resolver is at the primary CIDR's base plus two (VPC User Guide,
		// AmazonDNS-concepts).
		resolver: base + 2,
		nics:     make(map[addr4]*nic),
		elastic:  make(map[addr4]*elastic),
		groups:   make(map[string]map[addr4]struct{}),
	}
	return nil
}

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
	c.segs[s.ID] = &segment{
		id: s.ID, net: net, base: base, bits: bits,
		gateway: base + 1, // VPC User Guide, subnet-sizing: .1 is the VPC router
		nics:    make(map[uint64]*nic),
	}
	return nil
}

func (c *compiler) addENI(e ENI) error {
	seg := c.segs[e.Subnet]
	switch {
	case e.ID == "":
		return fmt.Errorf("has no ID")
	case c.nics[e.ID] != nil:
		return fmt.Errorf("listed twice")
	case seg == nil:
		return fmt.Errorf("unknown subnet %q", e.Subnet)
	case e.MAC.multicast() || e.MAC == MAC{}:
		return fmt.Errorf("%s is not the MAC of an interface", e.MAC)
	case seg.nics[e.MAC.key()] != nil:
		return fmt.Errorf("MAC %s is also that of %s", e.MAC, seg.nics[e.MAC.key()].id)
	case len(e.Addresses) == 0:
		return fmt.Errorf("has no primary address")
	}
	n := &nic{
		record: c.record(e.ID), id: e.ID, seg: seg, mac: e.MAC,
		check: e.SourceDestCheck, attached: e.Attached, hostname: e.Hostname,
		port: ENIPort(e.ID), clients: make(map[addr4]addr4),
	}
	for i, a := range e.Addresses {
		if !a.Is4() {
			return fmt.Errorf("%s is not an IPv4 address", a)
		}
		addr := fromAddr(a)
		if !seg.contains(addr) {
			return fmt.Errorf("address %s is not in subnet %s", a, seg.id)
		}
		if other := seg.net.nics[addr]; other != nil {
			return fmt.Errorf("address %s is also that of %s", a, other.id)
		}
		if i == 0 {
			n.primary = addr
		}
		seg.net.nics[addr] = n
		even, err := c.clients(e.ID, addr)
		if err != nil {
			return err
		}
		n.clients[addr] = even
		c.tables.clients[even] = client{nic: n, private: addr}
		for _, g := range e.SecurityGroups {
			if seg.net.groups[g] == nil {
				seg.net.groups[g] = make(map[addr4]struct{})
			}
			seg.net.groups[g][addr] = struct{}{}
		}
	}
	seg.nics[e.MAC.key()] = n
	c.nics[e.ID] = n
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
	case !n.owns(ip.private):
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

func (c *compiler) addRoutes(s Subnet) error {
	seg := c.segs[s.ID]
	for _, r := range s.Routes {
		if r.Dest.Addr().Is6() {
			continue // no frame of IPv6 gets as far as a route
		}
		base, bits, err := prefix4(r.Dest)
		if err != nil {
			return err
		}
		h := hop{base: base, mask: mask(bits), kind: r.Target}
		switch r.Target {
		case TargetInternetGateway:
			h.igw = r.ID
		case TargetENI:
			if h.nic = c.nics[r.ID]; h.nic != nil && h.nic.seg.net != seg.net {
				return fmt.Errorf("route to %s: %s is in another VPC", r.Dest, r.ID)
			}
		}
		seg.routes = append(seg.routes, h)
	}
	slices.SortStableFunc(seg.routes, func(a, b hop) int { // longest mask first
		switch {
		case a.mask > b.mask:
			return -1
		case a.mask < b.mask:
			return 1
		}
		return 0
	})
	return nil
}

// setGatewayMAC makes up the MAC of the subnet's router. It is one and the same
// for the subnet's whole life, as instances keep it in their neighbour tables.
func (s *segment) setGatewayMAC() {
	for salt := byte(0); ; salt++ {
		h := sha256.Sum256(append([]byte(s.id), salt))
		copy(s.gatewayMAC[:], h[:])
		s.gatewayMAC[0] = s.gatewayMAC[0]&^1 | 2 // unicast, locally administered
		if s.nics[s.gatewayMAC.key()] == nil {
			return
		}
	}
}

// prefix4 returns an IPv4 prefix's network address and length.
func prefix4(p netip.Prefix) (addr4, int, error) {
	if !p.IsValid() || !p.Addr().Is4() {
		return 0, 0, fmt.Errorf("%s is not an IPv4 prefix", p)
	}
	if p != p.Masked() {
		return 0, 0, fmt.Errorf("%s has host bits set", p)
	}
	return fromAddr(p.Addr()), p.Bits(), nil
}
