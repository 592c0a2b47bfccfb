// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"fmt"
	"net/netip"
	"time"
)

// delegatedBits are the lengths of delegated prefixes by family (EC2 User Guide,
// ec2-prefix-eni).
var delegatedBits = [2]int{28, 80}

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
		record: c.record(e.ID), id: e.ID, seg: seg, mac: e.MAC, linkLocal: linkLocalOf(e.MAC),
		check: e.SourceDestCheck, attached: e.Attached, down: e.Down, probed: e.StatusCheck, hostname: e.Hostname,
		port: ENIPort(e.ID), idle: c.idle.with(e.Tracking), clients: make(map[addr4]addr4),
	}
	if e.PacketsPerSecond > 0 {
		n.each = max(1, time.Second/time.Duration(e.PacketsPerSecond))
	}
	for i, a := range e.Addresses {
		if !a.Is4() {
			return fmt.Errorf("%s is not an IPv4 address", a)
		}
		addr := fromAddr(a)
		if i == 0 {
			n.primary = addr
		}
		if err := c.register(n, a); err != nil {
			return err
		}
		seg.net.owners.v4[addr] = n
		if err := c.addClient(n, addr); err != nil {
			return err
		}
	}
	for i, a := range e.IPv6 {
		if !a.Is6() || a.Is4In6() || a.Zone() != "" {
			return fmt.Errorf("%s is not an IPv6 address", a)
		}
		addr := fromAddr16(a)
		if i == 0 {
			n.ipv6 = addr
		}
		if err := c.register(n, a); err != nil {
			return err
		}
		seg.net.owners.v6[addr] = n
	}
	for _, g := range e.SecurityGroups {
		if seg.net.groups[g] == nil {
			seg.net.groups[g] = make(map[*nic]struct{})
		}
		seg.net.groups[g][n] = struct{}{}
	}
	for _, p := range e.Prefixes {
		if err := c.addPrefix(n, p); err != nil {
			return err
		}
	}
	seg.nics[e.MAC.key()] = n
	c.nics[e.ID] = n
	c.all = append(c.all, n)
	return nil
}

// register checks that an address may be registered on an ENI.
func (c *compiler) register(n *nic, a netip.Addr) error {
	addr := fromAddr16(a)
	if addr.is4() && !n.seg.contains(addr.v4()) || !addr.is4() && !(n.seg.hasIPv6() && n.seg.v6.contains(addr)) {
		return fmt.Errorf("address %s is not in subnet %s", a, n.seg.id)
	}
	if other := n.seg.net.owners.of(addr); other != nil {
		return fmt.Errorf("address %s is also that of %s", a, other.id)
	}
	return nil
}

// addPrefix delegates a prefix, which must not overlap a registered address or prefix.
func (c *compiler) addPrefix(n *nic, p netip.Prefix) error {
	b, err := blockOf(p)
	if err != nil {
		return err
	}
	if want := delegatedBits[family(p.Addr().Is6())]; p.Bits() != want {
		return fmt.Errorf("prefix %s is not a /%d", p, want)
	}
	if err := c.register(n, p.Addr()); err != nil {
		return fmt.Errorf("delegating %s: %w", p, err)
	}
	owners := &n.seg.net.owners
	for a, other := range owners.v4 {
		if b.contains(mapped(a)) {
			return fmt.Errorf("prefix %s holds %s of %s", p, a.netip(), other.id)
		}
	}
	for a, other := range owners.v6 {
		if b.contains(a) {
			return fmt.Errorf("prefix %s holds %s of %s", p, a.netip(), other.id)
		}
	}
	owners.prefixes[b.base] = n
	if p.Addr().Is4() {
		for i := range addr4(16) {
			if err := c.addClient(n, b.base.v4()+i); err != nil {
				return err
			}
		}
	}
	return nil
}

// addClient allocates the address by which the services see a private address.
func (c *compiler) addClient(n *nic, private addr4) error {
	even, err := c.clients(n.id, private)
	if err != nil {
		return err
	}
	n.clients[private] = even
	c.tables.clients[even] = client{nic: n, private: private}
	return nil
}
