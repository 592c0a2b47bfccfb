// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"macaw.example/internal/cloud"
	"macaw.example/internal/images"
)

// Wanted describes a cloud's AWS resources.
type Wanted struct {
	Cloud *cloud.Cloud
	// PublicKey is an SSH public key in the form of authorized_keys.
	PublicKey string
	// Image is what new instances boot; it may be the zero value if none will be made.
	Image images.Image
	// Zone is the zone for new subnets; if empty, the region's first.
	Zone string
	// UserData is cloud-init's input, at most 16 KiB (EC2 User Guide, user-data).
	UserData []byte
	// Virtualization is that of [Types]. Nothing is planned or said about types
	// that it lacks.
	Virtualization map[string]Virtualization
	// Bakery makes an instance that will become an image. It has one network interface, with a public
	// address that EC2 assigns at the launch and takes back with the instance: an account may have no
	// Elastic IP left (EC2 User Guide, using-instance-addressing, "Public IPv4 addresses").
	Bakery bool
	// Restart permits stopping running instances for changes that need it.
	Restart bool
}

const maxUserData = 16 << 10

// up builds the plan that makes or repairs a cloud.
type up struct {
	*Plan
	c *cloud.Cloud
	w Wanted
	s Seen
	// gone has the IDs of network interfaces that will be removed.
	gone     []string
	restarts []func() // planned at the end
}

// PlanUp returns the plan that turns what is seen into what is wanted. It makes no calls: the same
// input gives the same plan.
func PlanUp(w Wanted, s Seen) (*Plan, error) {
	if len(w.UserData) > maxUserData {
		return nil, fmt.Errorf("planning cloud %s: %d bytes of user data, and AWS's limit is %d",
			w.Cloud.Name, len(w.UserData), maxUserData)
	}
	b := &up{Plan: &Plan{Cloud: w.Cloud.Name, wanted: &w, ids: map[string]string{}}, c: w.Cloud, w: w, s: s}
	b.retags()
	// Actions are planned in the order in which they should start: the role and the Elastic IPs
	// need nothing, AWS takes some time to propagate a role, and the instance takes longest.
	if err := b.role(); err != nil {
		return nil, err
	}
	b.replaced()
	b.addresses()
	if err := b.network(); err != nil {
		return nil, err
	}
	b.ipv6Blocks()
	b.reservations()
	b.groups()
	b.keyPair()
	for i := range b.c.Nodes {
		b.interfaces(i)
		b.ipv6Addresses(i)
	}
	b.associations()
	for i := range b.c.Nodes {
		if err := b.instance(i); err != nil {
			return nil, err
		}
	}
	b.agentsInterfaces()
	b.routes()
	b.releaseIPv6()
	b.leftovers()
	for _, restart := range b.restarts {
		restart()
	}
	return b.Plan, nil
}

func (b *up) drift(object, hint, format string, args ...any) {
	b.Drift = append(b.Drift, Drift{Object: object, Text: fmt.Sprintf(format, args...), Hint: hint})
}

// vpc returns the cloud's VPC. Of duplicates, which a call repeated before AWS showed its result
// makes, the one with subnets is in use.
func (b *up) vpc() *VPC {
	var best *VPC
	for i, v := range b.s.VPCs {
		used := false
		for _, n := range b.s.Subnets {
			used = used || n.VPC == v.ID
		}
		if best == nil || used {
			best = &b.s.VPCs[i]
		}
		if used {
			break
		}
	}
	return best
}

func (b *up) network() error {
	var vpcID string
	if v := b.vpc(); v == nil {
		b.create(partVPC, "vpc", b.c.VPC.CIDR.String(), createVPC(b.c.VPC.CIDR))
		b.dns()
	} else {
		vpcID = v.ID
		b.ids[partVPC] = v.ID
		if v.CIDR != b.c.VPC.CIDR.String() {
			b.drift("vpc", "macaw down, then macaw up", "it is %s, the file says %s", v.CIDR, b.c.VPC.CIDR)
		}
		if !v.DNSSupport || !v.DNSHostname {
			b.dns()
		}
		for _, other := range b.s.VPCs {
			if other.ID != v.ID {
				b.drift("vpc", "macaw down removes it", "there is a second one, %s", other.ID)
			}
		}
	}
	b.internetGateway(vpcID)
	zone, err := b.zone()
	if err != nil {
		return err
	}
	b.subnet(vpcID, partManagement, b.c.Management.Subnet, zone)
	b.subnet(vpcID, partProvider, b.c.Provider.Subnet, zone)
	return nil
}

func (b *up) dns() { b.change("vpc/dns", "vpc", "dns support and host names on", enableDNS, partVPC) }

// zone returns the zone of both subnets: a secondary address, and so a floating IP, never leaves
// its zone.
func (b *up) zone() (string, error) {
	if zone := cmp.Or(b.subnetZone(), b.w.Zone, b.c.AvailabilityZone); zone != "" {
		return zone, nil
	}
	if len(b.s.Zones) == 0 {
		return "", errors.New("planning the subnets: AWS shows no availability zone")
	}
	return b.s.Zones[0], nil
}

// subnetZone returns the zone of the existing subnets, or the empty string.
func (b *up) subnetZone() string {
	for _, n := range b.s.Subnets {
		if n.VPC == b.ids[partVPC] && strings.HasPrefix(n.Part, "subnet/") {
			return n.Zone
		}
	}
	return ""
}

// SubnetZone returns the zone of a cloud's existing subnets, or the empty string.
func SubnetZone(c *cloud.Cloud, s Seen) string {
	b := &up{Plan: &Plan{ids: map[string]string{}}, c: c, s: s}
	v := b.vpc()
	if v == nil {
		return ""
	}
	b.ids[partVPC] = v.ID
	return b.subnetZone()
}

func (b *up) internetGateway(vpcID string) {
	attached := false
	for _, g := range b.s.InternetGateways {
		if b.ids[partInternetGateway] == "" || g.VPC != "" && g.VPC == vpcID {
			b.ids[partInternetGateway], attached = g.ID, g.VPC != "" && g.VPC == vpcID
		}
	}
	if b.ids[partInternetGateway] == "" {
		b.create(partInternetGateway, "internet gateway", "", createInternetGateway)
	}
	if !attached {
		b.change(partAttachment, "internet gateway", "attached to the vpc", attachInternetGateway,
			partVPC, partInternetGateway)
	}
}

func (b *up) subnet(vpcID, network string, cidr netip.Prefix, zone string) {
	part := partSubnet(network)
	for _, n := range b.s.Subnets {
		if n.Part != part || n.VPC != vpcID {
			continue
		}
		b.ids[part] = n.ID
		if n.CIDR != cidr.String() {
			b.drift("subnet "+network, "macaw down, then macaw up", "it is %s, the file says %s", n.CIDR, cidr)
		}
		if b.c.AvailabilityZone != "" && n.Zone != b.c.AvailabilityZone {
			b.drift("subnet "+network, "macaw down, then macaw up",
				"it is in %s, the file says %s", n.Zone, b.c.AvailabilityZone)
		}
		b.subnetAttributes(network, n)
		return
	}
	b.create(part, "subnet", fmt.Sprintf("%s %s in %s", network, cidr, zone), createSubnet(part, cidr, zone), partVPC)
}

// routes gives both subnets one route table with the Internet gateway as the default route. AWS
// adds the VPC's local route.
func (b *up) routes() {
	var table *RouteTable
	for i, t := range b.s.RouteTables {
		if t.VPC == b.ids[partVPC] && (table == nil || len(t.Subnets) > len(table.Subnets)) {
			table = &b.s.RouteTables[i]
		}
	}
	if table == nil {
		b.create(partRouteTable, "route table", "", createRouteTable, partVPC)
		table = &RouteTable{}
	} else {
		b.ids[partRouteTable] = table.ID
		b.routesDrift(*table)
	}
	needs := []string{partRouteTable, partInternetGateway, partAttachment}
	b.route("route", everywhere, table.Default, table.Blackhole, needs)
	if b.c.Provider.IPv6 {
		b.route("route/ipv6", everywhere6, table.Default6, table.Blackhole6, append(needs, partVPCIPv6))
	}
	for _, network := range []string{partManagement, partProvider} {
		part := partSubnet(network)
		if id := b.ids[part]; id != "" && slices.Contains(table.Subnets, id) {
			continue
		}
		b.change("route/"+part, "subnet", network+" uses the route table", associateRouteTable(part),
			partRouteTable, part)
	}
}

// route plans that the target of a destination, currently seen, is the Internet gateway.
func (b *up) route(id, to, seen string, blackhole bool, needs []string) {
	detail := to + " to the internet gateway"
	switch {
	case seen == "":
		b.create(id, "route", detail, createRoute(to), needs...)
	case seen != b.ids[partInternetGateway] || blackhole:
		b.change(id, "route", detail, replaceRoute(to), needs...)
	}
}

func (b *up) groups() {
	b.group(partManagement, managementRules(b.c.Management))
	b.group(partProvider, providerRules(b.c.Provider))
}

func (b *up) group(network string, want []Rule) {
	part := partGroup(network)
	var have []Rule
	for _, g := range b.s.SecurityGroups {
		if g.Part == part && g.VPC == b.ids[partVPC] {
			b.ids[part], have = g.ID, g.Ingress
			b.egress(network, g.Egress)
		}
	}
	if b.ids[part] == "" {
		b.create(part, "security group", network, createSecurityGroup(part, network), partVPC)
	}
	if add := missing(want, have); len(add) > 0 {
		b.change(part+"/allow", "security group", network+" allows "+describeRules(add, "from"),
			authorize(part, add), part)
	}
	// A rule that the file does not have is a hole, so it is removed.
	if extra := missing(have, want); len(extra) > 0 {
		b.change(part+"/revoke", "security group", network+" no longer allows "+describeRules(extra, "from"),
			revoke(part, extra), part)
	}
}

// describeRules formats the rules for display: ports grouped by source; way is "from" or "to".
func describeRules(rules []Rule, way string) string {
	var order []string
	ports := map[string][]string{}
	for _, r := range rules {
		source := r.Source
		if source == sourceSelf {
			source = "its own members"
		}
		if ports[source] == nil {
			order = append(order, source)
		}
		port := fmt.Sprintf("%s %d", r.Protocol, r.From)
		switch {
		case r.Protocol == "-1":
			port = "everything"
		case r.From != r.To:
			port = fmt.Sprintf("%s %d-%d", r.Protocol, r.From, r.To)
		case r.Protocol == "tcp":
			port = fmt.Sprint(r.From)
		}
		ports[source] = append(ports[source], port)
	}
	var out []string
	for _, source := range order {
		out = append(out, strings.Join(ports[source], ",")+" "+way+" "+source)
	}
	return strings.Join(out, "; ")
}

func (b *up) keyPair() {
	used := false
	for _, i := range b.s.Instances {
		used = used || i.live() && !b.unwanted(i.Part)
	}
	for _, k := range b.s.KeyPairs {
		if k.PublicKey == "" || sameKey(k.PublicKey, b.w.PublicKey) {
			b.ids[partKeyPair] = k.ID
			return
		}
		if used {
			b.ids[partKeyPair] = k.ID
			b.drift("key pair", "",
				"its public key is not this machine's, and instances get theirs only at launch")
			return
		}
	}
	var needs []string
	for _, k := range b.s.KeyPairs {
		needs = append(needs, k.ID)
		b.remove(k.ID, "key pair", k.Name, deleteKeyPair(k.ID))
	}
	b.create(partKeyPair, "key pair", keyName(b.c.Name), importKeyPair(b.w.PublicKey), needs...)
}

// sameKey compares the type and the key, not the comment.
func sameKey(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	return len(x) > 1 && len(y) > 1 && x[0] == y[0] && x[1] == y[1]
}
