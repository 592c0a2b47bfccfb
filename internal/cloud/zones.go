// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
)

// labRegion is the region of the lab, whose zones letters stand for.
const labRegion = "us-east-1"

// zoneName returns the full name of a zone that may be written as its letter.
func (c *Cloud) zoneName(zone string) string {
	switch {
	case len(zone) != 1:
		return zone
	case c.InLab():
		return labRegion + zone
	}
	return c.Target + zone
}

// validateZones checks the zones of an entry. The controller and the gateways are in one zone: Neutron's
// addresses are secondary ones, which never leave their subnet, and a subnet is in one zone (VPC User Guide,
// configure-subnets).
func (d *decoder) validateZones(path string, c *Cloud, e entry) {
	if !d.has(path) || !d.ok(path, "target") || !d.allRead(path) {
		return
	}
	if len(e.zones) == 0 {
		d.reject(path, "leave the key out for the cloud's zone", "is empty")
	}
	for i, z := range e.zones {
		at, full := fmt.Sprintf("%s[%d]", path, i), c.zoneName(z)
		same := func(other string) bool { return c.zoneName(other) == full }
		switch {
		case !zonePattern.MatchString(full):
			d.reject(at, "write its letter, such as a, or its name, such as eu-central-1a", "%q is not an availability zone", z)
		case !c.InLab() && full[:len(full)-1] != c.Target:
			d.reject(at, fmt.Sprintf("one of %[1]s is called %[1]sa", c.Target), "%q is not in region %s", z, c.Target)
		case slices.ContainsFunc(e.zones[:i], same):
			d.reject(at, "", "duplicate zone %s", full)
		case e.Public() && full != c.AvailabilityZone:
			d.reject(at, "availabilityZone sets the zone of the cloud; nodes with the role compute alone may be in others",
				"the controller and the gateways are all in the cloud's zone")
		}
	}
}

// PrivateSubnets returns the networks for the subnets of nodes that only compute, one for each zone in use:
// [Management.Private], and those of its size that follow in the VPC without overlapping the other subnets.
// Which zone has which depends on what exists already, see package infra.
func (c *Cloud) PrivateSubnets() iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		p := c.Management.Private
		for ; p.IsValid() && c.VPC.CIDR.Contains(p.Addr()); p = following(p) {
			if !p.Overlaps(c.Management.Subnet) && !p.Overlaps(c.Provider.Subnet) && !yield(p) {
				return
			}
		}
	}
}

// following returns the network of the same size after a network, the zero value after the last.
func following(p netip.Prefix) netip.Prefix {
	next := nth(p, size(p))
	if !p.Addr().Less(next) {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(next, p.Bits())
}

// privateDefault returns the first network of a size after the other two subnets, the zero value if the VPC
// has none.
func privateDefault(c *Cloud, bits int) netip.Prefix {
	vpc := c.VPC.CIDR
	if vpc.Bits() < shortestPrefix || bits > longestPrefix {
		return netip.Prefix{}
	}
	behind := func(p, other netip.Prefix) bool { return other.Addr().Less(p.Addr()) && !p.Overlaps(other) }
	for p := netip.PrefixFrom(vpc.Addr(), bits); p.IsValid() && vpc.Contains(p.Addr()); p = following(p) {
		if behind(p, c.Management.Subnet) && behind(p, c.Provider.Subnet) {
			return p
		}
	}
	return netip.Prefix{}
}

// validatePrivate checks the subnets of the nodes that only compute.
func (d *decoder) validatePrivate(c *Cloud) {
	const path = "management.private"
	private, count := c.Management.Private, map[string]int{}
	for _, n := range c.Nodes {
		if !n.Public() {
			count[cmp.Or(n.Zone, c.AvailabilityZone)]++
		}
	}
	if d.has(path) {
		d.validateSubnet(path, private, c.VPC.CIDR)
	}
	if !d.ok("vpc.cidr", "management.subnet", "provider.subnet", path) || !d.has(path) && len(count) == 0 {
		return
	}
	if !private.IsValid() {
		d.reject(path, "take a larger vpc.cidr, or smaller subnets",
			"the vpc %s has no room left for a subnet of the nodes that only compute", c.VPC.CIDR)
		return
	}
	for _, other := range []struct {
		path   string
		subnet netip.Prefix
	}{{"management.subnet", c.Management.Subnet}, {"provider.subnet", c.Provider.Subnet}} {
		if private.Overlaps(other.subnet) {
			d.reject(path, "", "%s overlaps %s %s", private, other.path, other.subnet)
			return
		}
	}
	rooms := 0
	for range c.PrivateSubnets() {
		if rooms++; rooms >= len(count) {
			break
		}
	}
	if rooms < len(count) {
		d.reject(path, "one for each zone: take a smaller one, or one further ahead in the vpc",
			"%d zones need as many subnets of the size of %s, and the vpc %s has room for %d", len(count), private, c.VPC.CIDR,
			rooms)
		return
	}
	for _, zone := range slices.Sorted(maps.Keys(count)) {
		if n, room := count[zone], usable(private); n > room {
			d.reject(path, "take a larger one", "%s has room for %d nodes, and there are %d in %s", private, room, n,
				cmp.Or(zone, "the cloud's zone"))
			return
		}
	}
}

// validateRoom checks that the management subnet has room for the nodes in it.
func (d *decoder) validateRoom(c *Cloud) {
	const path = "management.subnet"
	public := 0
	for _, n := range c.Nodes {
		if n.Public() {
			public++
		}
	}
	room := usable(c.Management.Subnet)
	switch {
	case !d.ok(path, "vpc.cidr"):
	case public > room:
		d.reject(path, "take a larger one", "%s has room for %d nodes, and %d are controller or gateways",
			c.Management.Subnet, room, public)
	case public == room && c.UsesNATGateway():
		d.reject(path, "take a larger one, or management.nat: instance",
			"%s has room for the %d nodes that are controller or gateways, and for no NAT gateway beside them",
			c.Management.Subnet, public)
	}
}
