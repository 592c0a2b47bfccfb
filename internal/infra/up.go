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
	"macaw.example/internal/inventory"
)

// Wanted describes a cloud's AWS resources.
type Wanted struct {
	Cloud *cloud.Cloud
	// PublicKey is an SSH public key in the form of authorized_keys.
	PublicKey string
	// Image is what new instances boot; it may be the zero value if none will be made. Images has those that
	// nodes of the cloud file name, by ID.
	Image  images.Image
	Images map[string]images.Image
	// Zone is the zone for new subnets; if empty, the region's first.
	Zone string
	// UserData returns cloud-init's input for a node, at most 16 KiB (EC2 User Guide, user-data); nil is none.
	UserData func(cloud.Node) []byte
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

// ImageOf returns the image that a node's new instance boots, the zero value if there is none.
func (w Wanted) ImageOf(n cloud.Node) images.Image {
	if n.Image == "" {
		return w.Image
	}
	return w.Images[n.Image]
}

func (w Wanted) userData(n cloud.Node) []byte {
	if w.UserData == nil {
		return nil
	}
	return w.UserData(n)
}

// up builds the plan that makes or repairs a cloud.
type up struct {
	*Plan
	c *cloud.Cloud
	w Wanted
	s inventory.Seen
	// gone has the IDs of network interfaces that will be removed.
	gone     []string
	restarts []func() // planned at the end
	allows   []func() // planned when all security groups are
	revokes  []func(needs []string)
	// home is the zone of the cloud, places has the nodes' by name, and privates are the private subnets.
	home     string
	places   map[string]place
	privates []privateSubnet
	// natPrivate is the private address of a new NAT gateway.
	natPrivate netip.Addr
	checks     []func() // planned after the routes
}

// PlanUp returns the plan that turns what is seen into what is wanted. It makes no calls: the same
// input gives the same plan.
func PlanUp(w Wanted, s inventory.Seen) (*Plan, error) {
	for _, n := range w.Cloud.Nodes {
		if size := len(w.userData(n)); size > maxUserData {
			return nil, fmt.Errorf("planning cloud %s: %d bytes of user data for %s, and AWS's limit is %d",
				w.Cloud.Name, size, n.Name, maxUserData)
		}
	}
	b := &up{Plan: &Plan{Cloud: w.Cloud.Name, wanted: &w, seen: s, ids: map[string]string{}}, c: w.Cloud, w: w, s: s}
	b.retags()
	if err := b.keepsRanges(); err != nil {
		return nil, err
	}
	if err := b.locate(); err != nil {
		return nil, err
	}
	// Actions are planned in the order in which they should start: the role and the Elastic IPs
	// need nothing, AWS takes some time to propagate a role, and the instance takes longest.
	if err := b.roles(); err != nil {
		return nil, err
	}
	b.replaced()
	if err := b.number(); err != nil {
		return nil, fmt.Errorf("planning cloud %s: %w", w.Cloud.Name, err)
	}
	b.addresses()
	b.network()
	b.natGateway()
	b.ipv6Blocks()
	b.reservations()
	b.groups()
	b.keyPair()
	for _, n := range b.c.Nodes {
		b.interfaces(n)
		b.ipv6Addresses(n)
	}
	b.associations()
	for _, n := range b.c.Nodes {
		b.instance(n)
	}
	b.agentsInterfaces()
	b.routes()
	b.privateRoutes()
	b.revokeAll()
	for _, check := range b.checks {
		check()
	}
	b.surplusGroups()
	b.surplusNAT()
	b.releaseIPv6()
	b.leftovers()
	for _, restart := range b.restarts {
		restart()
	}
	if err := b.losses(); err != nil {
		return nil, err
	}
	return b.Plan, nil
}

func (b *up) drift(object, hint, format string, args ...any) {
	b.Drift = append(b.Drift, Drift{Object: object, Text: fmt.Sprintf(format, args...), Hint: hint})
}

// vpc returns the cloud's VPC. Of duplicates, which a call repeated before AWS showed its result
// makes, the one with subnets is in use.
func (b *up) vpc() *inventory.VPC {
	var best *inventory.VPC
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

func (b *up) network() {
	var vpcID string
	if v := b.vpc(); v == nil {
		b.create(partVPC, "vpc", b.c.VPC.CIDR.String(), createVPC(b.c.VPC.CIDR))
		b.dns()
	} else {
		vpcID = v.ID
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
	b.subnet(vpcID, partManagement, b.c.Management.Subnet, b.home)
	b.subnet(vpcID, partProvider, b.c.Provider.Subnet, b.home)
	for _, p := range b.privates {
		if !slices.Contains(slices.Collect(b.c.PrivateSubnets()), p.cidr) {
			b.drift("subnet "+networkName(p.network), "macaw down, then macaw up", "it is %s, the file begins at %s", p.cidr,
				b.c.Management.Private)
		}
		b.subnet(vpcID, p.network, p.cidr, p.zone)
	}
}

func (b *up) dns() { b.change("vpc/dns", "vpc", "dns support and host names on", enableDNS, partVPC) }

// zone returns the zone of the management and the provider subnet: a secondary address, and so a floating
// IP, never leaves its zone.
func (b *up) zone() (string, error) {
	if zone := cmp.Or(b.subnetZone(), b.w.Zone, b.c.AvailabilityZone); zone != "" {
		return zone, nil
	}
	if len(b.s.Zones) == 0 {
		return "", errors.New("planning the subnets: AWS shows no availability zone")
	}
	return b.s.Zones[0], nil
}

// subnetZone returns the zone of the existing ones, or the empty string.
func (b *up) subnetZone() string {
	for _, n := range b.s.Subnets {
		network, ok := strings.CutPrefix(n.Part, partSubnet(""))
		if b.inVPC(n.VPC) && ok && !isPrivate(network) {
			return n.Zone
		}
	}
	return ""
}

// SubnetZone returns the zone of a cloud's existing subnets, or the empty string.
func SubnetZone(c *cloud.Cloud, s inventory.Seen) string {
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
		if b.c.AvailabilityZone != "" && n.Zone != b.c.AvailabilityZone && !isPrivate(network) {
			b.drift("subnet "+network, "macaw down, then macaw up",
				"it is in %s, the file says %s", n.Zone, b.c.AvailabilityZone)
		}
		b.subnetAttributes(network, n)
		return
	}
	detail := fmt.Sprintf("%s %s in %s", network, cidr, zone)
	if isPrivate(network) {
		detail = fmt.Sprintf("private %s in %s", cidr, zone)
	}
	b.create(part, "subnet", detail, createSubnet(part, cidr, zone), partVPC)
}

func (b *up) keyPair() {
	used := false
	for _, i := range b.s.Instances {
		used = used || i.Live() && !b.unwanted(i.Part)
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
