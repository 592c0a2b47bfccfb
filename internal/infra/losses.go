// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
)

// Loss is what a plan takes from Neutron though it may be in use: AWS knows which addresses are registered and
// associated, and only Neutron knows which of them a router or a floating IP has.
type Loss struct {
	// Address is one of Neutron's. Public is its Elastic IP, or empty.
	Address string `json:"address"`
	Public  string `json:"elasticIP,omitempty"`
	// Kept means that only the Elastic IP is lost.
	Kept bool `json:"kept,omitempty"`
}

// String formats the loss after "gives up".
func (l Loss) String() string {
	switch {
	case l.Kept:
		return fmt.Sprintf("the Elastic IP %s of %s", l.Public, l.Address)
	case l.Public != "":
		return fmt.Sprintf("%s and its Elastic IP %s", l.Address, l.Public)
	}
	return l.Address
}

// losses determines what the plan takes from Neutron. It refuses a range that begins elsewhere and lacks some of
// the registered addresses: at the end of a range the operator sees what is cut off, here hardly.
func (b *up) losses() error {
	before, first := b.before()
	registered, out := map[string]bool{}, []string{}
	for _, e := range b.s.Interfaces {
		if !b.inVPC(e.VPC) || !awsapi.IsProviderPart(nodeOf(e.Part), e.Part) {
			continue
		}
		for _, text := range slices.Concat(e.Secondary, e.IPv6) {
			registered[text] = true
			a, err := netip.ParseAddr(text)
			was := func(p netip.Prefix) bool { return p.Contains(a) }
			if err != nil || b.isNeutrons(a) || !slices.ContainsFunc(before, was) {
				continue // an address that never was Neutron's has no owner
			}
			out = append(out, text)
			b.Losses = append(b.Losses, Loss{Address: text, Public: b.publicOf(text)})
		}
	}
	cut := func(text string) bool { return !strings.Contains(text, ":") }
	if first.IsValid() && first != b.c.Provider.First && slices.ContainsFunc(out, cut) {
		return b.c.Reject("provider.first",
			fmt.Sprintf("first: %s keeps them; or macaw down, then macaw up: all of the cloud is lost", first),
			"neutron's addresses began at %s, now they begin at %s: without %s, which may be in use", first,
			b.c.Provider.First, strings.Join(slices.DeleteFunc(out, func(text string) bool { return !cut(text) }), " "))
	}
	for _, a := range b.s.Addresses {
		private, ok := strings.CutPrefix(a.Part, awsapi.AddressParts)
		_, err := netip.ParseAddr(private)
		released := slices.ContainsFunc(b.Actions, func(x Action) bool { return x.ID == a.ID && x.Verb == Delete })
		// Of duplicates one stays, see addresses.
		if !ok || err != nil || !released || b.ids[a.Part] != "" || slices.Contains(out, private) {
			continue
		}
		if a.Private != "" || registered[private] {
			b.Losses = append(b.Losses, Loss{Address: private, Public: a.Public, Kept: true})
		}
	}
	slices.SortStableFunc(b.Losses, func(x, y Loss) int {
		return cmp.Or(netip.MustParseAddr(x.Address).Compare(netip.MustParseAddr(y.Address)), cmp.Compare(x.Public, y.Public))
	})
	return nil
}

// before returns the blocks that Neutron's addresses have been in so far, and the first IPv4 address, if any.
func (b *up) before() (blocks []netip.Prefix, first netip.Addr) {
	for _, r := range b.s.Reservations {
		p, err := netip.ParsePrefix(r.CIDR)
		if err != nil || b.networkWith(r.Subnet) != partProvider {
			continue
		}
		blocks = append(blocks, p)
		if p.Addr().Is4() && (!first.IsValid() || p.Addr().Less(first)) {
			first = p.Addr()
		}
	}
	return blocks, first
}

// isNeutrons reports whether the file gives an address to Neutron.
func (b *up) isNeutrons(a netip.Addr) bool {
	if a.Is4() {
		return b.c.InRange(a)
	}
	for _, n := range b.s.Subnets {
		if n.Part == partSubnet(partProvider) && b.inVPC(n.VPC) && n.IPv6.CIDR.Contains(a) {
			return slices.Contains(b.c.ProviderIPv6Addresses(n.IPv6.CIDR), a)
		}
	}
	return false
}

// publicOf returns the Elastic IP associated with one of Neutron's addresses, or the empty string. One of a pool
// is not the cloud's and stays.
func (b *up) publicOf(private string) string {
	for _, a := range b.s.Addresses {
		if a.Part == awsapi.AddressPart(private) && a.Private == private {
			return a.Public
		}
	}
	return ""
}
