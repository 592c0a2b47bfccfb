// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"fmt"
	"time"
)

// filter is a rule of a security group.
type filter struct {
	proto    int
	from, to int // as in Rule
	block
	members map[*nic]struct{} // of the referenced group, instead of the block
}

// addRules compiles the security groups into each ENI. A packet passes if any of the ENI's
// groups allows it (VPC User Guide, security-group-rules).
func (c *compiler) addRules(t Topology) error {
	groups := make(map[string]*SecurityGroup)
	for i := range t.SecurityGroups {
		g := &t.SecurityGroups[i]
		if groups[g.ID] != nil {
			return fmt.Errorf("compiling security group %s: listed twice", g.ID)
		}
		groups[g.ID] = g
	}
	type compiled struct {
		group string
		rules [2][2][]filter
	}
	cache := make(map[string]*compiled)
	for _, e := range t.ENIs {
		n := c.nics[e.ID]
		for _, id := range e.SecurityGroups {
			g := groups[id]
			if g == nil || g.VPC != n.seg.net.id {
				return fmt.Errorf("compiling ENI %s: no security group %q in %s", e.ID, id, n.seg.net.id)
			}
			k := cache[id]
			if k == nil {
				k = &compiled{group: id}
				for d, rules := range [2][]Rule{Egress: g.Egress, Ingress: g.Ingress} {
					fs, err := n.seg.net.filters(rules)
					if err != nil {
						return fmt.Errorf("compiling the %s rules of security group %s: %w", Direction(d), id, err)
					}
					k.rules[d] = fs
				}
				cache[id] = k
			}
			for d := range n.rules {
				for f := range n.rules[d] {
					n.rules[d][f] = append(n.rules[d][f], k.rules[d][f]...)
				}
			}
		}
	}
	return nil
}

// filters compiles rules by family. A rule that references a group is in both.
func (v *network) filters(rules []Rule) (fs [2][]filter, err error) {
	for _, r := range rules {
		f := filter{proto: r.Protocol, from: r.FromPort, to: r.ToPort}
		switch {
		case r.Group != "" && r.CIDR.IsValid():
			return fs, fmt.Errorf("a rule names both %s and %s", r.Group, r.CIDR)
		case r.Group != "":
			// A referenced group means its ENIs' private addresses (VPC User Guide,
			// security-group-rules), so traffic through an Internet gateway does not match.
			if f.members = v.groups[r.Group]; f.members == nil {
				continue // the group has no members
			}
			fs[0], fs[1] = append(fs[0], f), append(fs[1], f)
		case !r.CIDR.IsValid():
			return fs, fmt.Errorf("a rule names neither a group nor a CIDR")
		default:
			if f.block, err = blockOf(r.CIDR.Masked()); err != nil {
				return fs, err
			}
			k := family(r.CIDR.Addr().Is6())
			fs[k] = append(fs[k], f)
		}
	}
	return fs, nil
}

// matches tells whether the rule allows a packet to or from a remote address in a network.
func (f *filter) matches(p *packet, v *network, remote addr16) bool {
	if f.proto != -1 && f.proto != int(p.proto) {
		return false
	}
	if f.members != nil {
		if _, ok := f.members[v.owners.of(remote)]; !ok {
			return false
		}
	} else if !f.contains(remote) {
		return false
	}
	switch {
	case f.proto == -1:
		return true
	case p.proto == protoTCP || p.proto == protoUDP:
		every := f.from == -1 || f.from <= 0 && f.to >= 65535
		return every || p.offset == 0 && f.from <= int(p.dport) && int(p.dport) <= f.to
	case p.proto == protoICMP || p.proto == protoICMPv6:
		return f.from == -1 || p.icmp && f.from == int(p.icmpType) && (f.to == -1 || f.to == int(p.icmpCode))
	}
	return true // ports of other protocols are ignored
}

// permit decides whether an ENI's security groups allow a packet, and records the drop if
// not. Groups are stateful: replies to allowed packets, and ICMP errors about them, are
// allowed (EC2 User Guide, security-group-connection-tracking).
func (ps *pass) permit(n *nic, p *packet, d Direction) bool {
	why := ps.judge(n, p, d, ps.since())
	if why == ReasonNone {
		return true
	}
	ps.refuse(n.record, d, why, p)
	return false
}

func (ps *pass) judge(n *nic, p *packet, d Direction, now time.Duration) Reason {
	if p.offset != 0 && n.fragments[d].knows(p, now) {
		return ReasonNone
	}
	var key flowKey
	trackable := false
	switch {
	case p.isError():
		// The quoted packet went in the other direction.
		if q, ok := p.quoted(); ok && n.flows.has(q.flow(d.opposite()), now, &n.idle) {
			return ReasonNone
		}
	case p.offset == 0:
		trackable = true
		key = p.flow(d)
		if n.flows.hit(key, p, d, now, &n.idle) {
			if p.more {
				n.fragments[d].remember(p, now, 0)
			}
			return ReasonNone
		}
	}
	remote := p.dst
	if d == Ingress {
		remote = p.src
	}
	allowed := false
	rules := n.rules[d][family(p.v6)]
	for i := range rules {
		if rules[i].matches(p, n.seg.net, remote) {
			allowed = true
			break
		}
	}
	switch {
	case !allowed && p.offset != 0:
		return ReasonFragment
	case !allowed && d == Egress:
		return ReasonSecurityGroupEgress
	case !allowed:
		return ReasonSecurityGroupIngress
	}
	if trackable {
		if !n.flows.add(key, p, d, now, &n.idle) {
			return ReasonConntrackFull
		}
		if p.more {
			n.fragments[d].remember(p, now, 0)
		}
	}
	return ReasonNone
}
