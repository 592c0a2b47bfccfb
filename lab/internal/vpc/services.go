// SPDX-License-Identifier: Apache-2.0

package vpc

import "fmt"

// The link-local services (EC2 User Guide, using-instance-addressing, link-local addresses;
// VPC User Guide, AmazonDNS-concepts). The resolver also has the VPC's base address plus
// two.
const (
	metadataAddr addr4 = 169<<24 | 254<<16 | 169<<8 | 254
	resolverAddr addr4 = 169<<24 | 254<<16 | 169<<8 | 253
	timeAddr     addr4 = 169<<24 | 254<<16 | 169<<8 | 123
)

// serviceBlock6 is fd00:ec2::/32, the services' IPv6 range. The lab's services have IPv4
// only.
const serviceBlock6 = 0xfd00_0ec2

func isService(a addr4) bool {
	return a == metadataAddr || a == resolverAddr || a == timeAddr
}

// client is the owner of an address in 100.64.0.0/10 (RFC 6598), by which the services
// identify an ENI: VPCs may overlap, so a private address is ambiguous. Each private
// address of an ENI has a pair of them. The even one is the source of packets to link-local
// addresses. The odd one is the source of packets to the VPC's base plus two, which the
// services see as 169.254.169.253. So replies need no state.
type client struct {
	nic     *nic
	private addr4
}

// toServices passes a packet from an ENI to a service. Security groups do not filter it
// (VPC User Guide, vpc-security-groups: DNS, DHCP, metadata and time are exempt).
func (ps *pass) toServices(n *nic, p *packet) {
	from, ok := n.clients[p.src.v4()]
	if !ok {
		ps.refuse(n.record, Egress, ReasonServiceSource, p)
		return
	}
	if p.dst.v4() == n.seg.net.resolver {
		from |= 1
		p.translateDestination(resolverAddr)
	}
	p.translateSource(from)
	n.acceptPacket(Egress, p)
	ps.deliverRaw(ps.f.services, p)
}

// fromServices passes a reply to the ENI that sent the request.
func (ps *pass) fromServices(ip []byte) {
	r := ps.f.services
	frame := ps.out.load(ip, etherLen)
	var p packet
	if !p.parse4(frame) {
		ps.drop(r, Egress, ReasonMalformed, ip, true)
		return
	}
	c, ok := ps.tables.clients[p.dst.v4()&^1]
	viaBase := p.dst.v4()&1 != 0
	if !ok || !isService(p.src.v4()) || viaBase && p.src.v4() != resolverAddr {
		ps.drop(r, Egress, ReasonServiceReply, ip, true)
		return
	}
	r.acceptRaw(Egress, &p)
	n := c.nic
	if viaBase {
		p.translateSource(n.seg.net.resolver)
	}
	p.translateDestination(c.private)
	p.setMACs(n.mac, n.seg.gatewayMAC)
	switch {
	case !n.attached || n.nat != nil: // a NAT gateway sends no requests
		ps.refuse(n.record, Ingress, ReasonDetached, &p)
	case n.down:
		ps.refuse(n.record, Ingress, ReasonNICDown, &p)
	default:
		ps.deliverPacket(n, &p)
	}
}

// clientPool allocates pairs of addresses in 100.64.0.0/10.
type clientPool struct {
	pairs map[clientKey]addr4
	used  map[addr4]bool
	next  addr4
}

type clientKey struct {
	eni     string
	private addr4
}

const (
	clientBase addr4 = 100<<24 | 64<<16
	clientSize addr4 = 1 << 22
)

func (c *clientPool) init() {
	c.pairs = make(map[clientKey]addr4)
	c.used = make(map[addr4]bool)
	c.next = 2 // the first pair is reserved for the services' own end
}

// get returns the even address of the pair for an ENI's private address. Pairs are
// allocated round-robin, so that a freed one is not reused soon.
func (c *clientPool) get(eni string, private addr4) (addr4, error) {
	k := clientKey{eni, private}
	if a, ok := c.pairs[k]; ok {
		return a, nil
	}
	for range clientSize / 2 {
		a := clientBase + c.next
		if c.next += 2; c.next == clientSize {
			c.next = 2
		}
		if !c.used[a] {
			c.used[a] = true
			c.pairs[k] = a
			return a, nil
		}
	}
	return 0, fmt.Errorf("no address of 100.64.0.0/10 is left for a client of the services")
}

// keep frees the pairs that are not in the tables.
func (c *clientPool) keep(t *tables) {
	for k, a := range c.pairs {
		if _, ok := t.clients[a]; !ok {
			delete(c.pairs, k)
			delete(c.used, a)
		}
	}
}
