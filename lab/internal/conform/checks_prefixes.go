// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

const sourcePrefix = "EC2 User Guide, ec2-prefix-eni"

// delegate assigns IPv4 prefixes by name.
func (b *bench) delegate(eni string, move bool, prefixes ...string) error {
	_, err := b.AssignPrivateIpAddresses(b.ctx,
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &eni, Ipv4Prefixes: prefixes,
			AllowReassignment: aws.Bool(move)})
	return err
}

func (b *bench) hasPrefixes(eni string, want ...string) {
	b.eventually(list("the interface has", want), func() (string, bool) {
		var have []string
		for _, p := range b.see(eni).Ipv4Prefixes {
			have = append(have, aws.ToString(p.Ipv4Prefix))
		}
		return list("it has", have), list("", have) == list("", want)
	})
}

var prefixChecks = []Check{
	{
		ID: "prefix", Title: "Prefixes are delegated", Confidence: Documented, Source: sourcePrefix,
		Rule:  "An interface gets a /28 of its subnet by name, gives it back, and its addresses are free again",
		Needs: []string{"subnet-available"},
		run: func(b *bench) {
			p := b.place(26)
			e := *b.eni(p, p.at(4)).NetworkInterfaceId
			b.need(b.delegate(e, false, p.at(32)+"/28"))
			b.hasPrefixes(e, p.at(32)+"/28")
			b.available(p, 58-16)
			must(b.UnassignPrivateIpAddresses(b.ctx,
				&ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: &e, Ipv4Prefixes: []string{p.at(32) + "/28"}}))(b)
			b.hasPrefixes(e)
			b.available(p, 58)
		},
	},
	{
		ID: "prefix-count", Title: "AWS chooses a prefix", Confidence: Documented, Source: sourcePrefix,
		Rule:  "With Ipv4PrefixCount AWS chooses a /28 of the subnet, from a prefix reservation if there is one",
		Needs: []string{"prefix", "reservation"},
		run: func(b *bench) {
			p := b.place(26)
			must(b.reserve(p, 32, 28, prefix))(b)
			e := *b.eni(p, p.at(4)).NetworkInterfaceId
			out := must(b.AssignPrivateIpAddresses(b.ctx,
				&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &e, Ipv4PrefixCount: aws.Int32(1)}))(b)
			b.want("prefixes in the answer", len(out.AssignedIpv4Prefixes), 1)
			b.want("the prefix", aws.ToString(out.AssignedIpv4Prefixes[0].Ipv4Prefix), p.at(32)+"/28")
		},
	},
	{
		ID: "prefix-form", Title: "A prefix is a /28 on its boundary", Confidence: Documented, Source: sourcePrefix,
		Rule:  "A prefix that is no /28, not on its boundary, outside the subnet, or over an address in use is refused",
		Needs: []string{"prefix"},
		run: func(b *bench) {
			p := b.place(25)
			e, other := *b.eni(p, p.at(4)).NetworkInterfaceId, *b.eni(p, p.at(50)).NetworkInterfaceId
			for _, c := range []struct {
				what string
				n    int
				bits string
			}{{"a /27", 32, "/27"}, {"a /29", 32, "/29"}, {"off its boundary", 24, "/28"}, {"outside the subnet", 128,
				"/28"}, {"over another's address", 48, "/28"}} {
				b.refused(b.delegate(e, false, p.at(c.n)+c.bits), c.what)
			}
			b.hasPrefixes(e)
			b.need(b.delegate(e, false, p.at(32)+"/28"))
			b.refused(b.delegate(other, false, p.at(32)+"/28"), "another's prefix")
			_, err := b.assign(other, false, p.at(33))
			b.refused(err, "an address of another's prefix")
		},
	},
	{
		ID: "prefix-insufficient", Title: "No room for a prefix", Confidence: Reported,
		Source: "Amazon EKS User Guide and clients' code: InsufficientCidrBlocks",
		Rule:   "When no /28 is free, a request that leaves the choice to AWS is InsufficientCidrBlocks",
		Needs:  []string{"prefix"},
		run: func(b *bench) {
			p := b.place(28) // its reserved addresses leave no free /28
			e := *b.eni(p).NetworkInterfaceId
			_, err := b.AssignPrivateIpAddresses(b.ctx,
				&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &e, Ipv4PrefixCount: aws.Int32(1)})
			b.wantCode(err, "a prefix of a /28", "InsufficientCidrBlocks")
		},
	},
	{
		ID: "prefix-limit", Title: "A prefix counts as one address", Confidence: Documented, Source: sourcePrefix,
		Rule: fmt.Sprintf("Of the %d addresses that an interface of a %s may have, each prefix takes one", machineAddresses,
			machineType),
		Needs: []string{"prefix", "address-limit"}, Costs: []Cost{Instances},
		run: func(b *bench) {
			p := b.place(25)
			e := *b.eni(p, p.at(4)).NetworkInterfaceId
			i := b.quietMachine(p, e)
			grants(0, b.delegate(e, false, p.at(16)+"/28", p.at(32)+"/28", p.at(48)+"/28"))(b, "three prefixes")
			b.wantCode(b.delegate(e, false, p.at(64)+"/28"), "a fourth prefix", "PrivateIpAddressLimitExceeded")
			_, err := b.assign(e, false, p.at(80))
			b.wantCode(err, "an address besides three prefixes", "PrivateIpAddressLimitExceeded")
			b.terminate(i)
		},
	},
	{
		ID: "prefix-elastic", Title: "An Elastic IP on an address inside a prefix", Confidence: Documented,
		Source: sourcePrefix + ": present since 2023, and no user confirms it",
		Rule:   "An address of a delegated prefix may have an Elastic IP", Needs: []string{"prefix", "elastic-secondary"},
		Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			p := b.place(26)
			eni := *b.eni(p, p.at(4)).NetworkInterfaceId
			b.need(b.delegate(eni, false, p.at(32)+"/28"))
			e := b.elasticIPs(1)[0]
			_, err := b.associate(e.id, eni, p.at(37), true)
			grants(0, err)(b, "an association with an address of the prefix")
			b.onAddress(e.id, eni, p.at(37))
			_, err = b.UnassignPrivateIpAddresses(b.ctx,
				&ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: &eni, Ipv4Prefixes: []string{p.at(32) + "/28"}})
			b.observe("unassigning the prefix while an Elastic IP is on it: %s", answer(err))
			a := must(b.seeAddress(e.id))(b)
			b.observe("the Elastic IP is then on %q", aws.ToString(a.PrivateIpAddress))
		},
	},
	{
		ID: "prefix-move", Title: "Moving a prefix", Confidence: Unknown, Source: sourceAssign,
		Rule: "Whether AllowReassignment moves a prefix, or an address out of one", Needs: []string{"prefix"},
		run: func(b *bench) {
			p := b.place(26)
			from, to := *b.eni(p, p.at(4)).NetworkInterfaceId, *b.eni(p, p.at(5)).NetworkInterfaceId
			b.need(b.delegate(from, false, p.at(32)+"/28"))
			b.hasPrefixes(from, p.at(32)+"/28")
			_, err := b.assign(to, true, p.at(33))
			b.observe("an address out of another's prefix: %s", answer(err))
			b.observe("the prefix: %s", answer(b.delegate(to, true, p.at(32)+"/28")))
		},
	},
}

const sourceIPv6 = "EC2 API Reference, AssignIpv6Addresses"

// ipv6Place is a subnet with IPv6.
func (b *bench) ipv6Place() place {
	s := b.bare()
	b.need(b.sites.noIPv6)
	return b.placeIn(s, 28)
}

func (b *bench) assign6(eni string, addresses ...string) error {
	_, err := b.AssignIpv6Addresses(b.ctx,
		&ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &eni, Ipv6Addresses: addresses})
	return err
}

func (b *bench) hasIPv6(eni string, want ...string) {
	b.eventually(list("the interface has", want), func() (string, bool) {
		var have []string
		for _, a := range b.see(eni).Ipv6Addresses {
			have = append(have, netip.MustParseAddr(aws.ToString(a.Ipv6Address)).String())
		}
		return list("it has", have), list("", have) == list("", want)
	})
}

var ipv6Checks = []Check{
	{
		ID: "ipv6-blocks", Title: "IPv6 of VPC and subnet", Confidence: Documented,
		Source: "VPC User Guide, vpc-cidr-blocks and subnet-sizing",
		Rule:   "A VPC gets a /56 of Amazon's, a subnet a /64 of it",
		run: func(b *bench) {
			s := b.bare()
			grants(0, b.sites.noIPv6)(b, "a VPC with an Amazon-provided IPv6 block")
			b.want("the VPC's prefix length", s.ipv6.Bits(), 56)
			p := b.ipv6Place()
			out := must(b.DescribeSubnets(b.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{p.subnet}}))(b).Subnets[0]
			b.want("IPv6 blocks of the subnet", len(out.Ipv6CidrBlockAssociationSet), 1)
			b.want("the block", netip.MustParsePrefix(aws.ToString(out.Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock)), p.ipv6)
		},
	},
	{
		ID: "ipv6-assign", Title: "IPv6 addresses are assigned and unassigned", Confidence: Documented, Source: sourceIPv6,
		Rule:  "IPv6 addresses are assigned by name or count, within the subnet, and unassigned",
		Needs: []string{"ipv6-blocks"},
		run: func(b *bench) {
			p := b.ipv6Place()
			e := *b.eni(p).NetworkInterfaceId
			b.need(b.assign6(e, p.at6(0x10)))
			b.hasIPv6(e, p.at6(0x10))
			must(b.UnassignIpv6Addresses(b.ctx,
				&ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: &e, Ipv6Addresses: []string{p.at6(0x10)}}))(b)
			b.hasIPv6(e)
			out := must(b.AssignIpv6Addresses(b.ctx,
				&ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &e, Ipv6AddressCount: aws.Int32(2)}))(b)
			b.want("addresses in the answer", len(out.AssignedIpv6Addresses), 2)
			for _, a := range out.AssignedIpv6Addresses {
				b.holds(p.ipv6.Contains(netip.MustParseAddr(a)), "an address of "+p.ipv6.String(), "%s", a)
			}
			b.refused(b.assign6(e, "2001:db8::1"), "an address outside the subnet")
		},
	},
	{
		ID: "ipv6-move", Title: "An IPv6 address does not move in one step", Confidence: Documented, Source: sourceIPv6,
		Rule: "An IPv6 address of another interface is refused until it is unassigned there", Needs: []string{"ipv6-assign"},
		run: func(b *bench) {
			p := b.ipv6Place()
			from, to := *b.eni(p).NetworkInterfaceId, *b.eni(p).NetworkInterfaceId
			b.need(b.assign6(from, p.at6(0x20)))
			b.hasIPv6(from, p.at6(0x20))
			b.refused(b.assign6(to, p.at6(0x20)), "an address of another interface")
			b.hasIPv6(from, p.at6(0x20))
			must(b.UnassignIpv6Addresses(b.ctx,
				&ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: &from, Ipv6Addresses: []string{p.at6(0x20)}}))(b)
			b.hasIPv6(from)
			grants(0, b.assign6(to, p.at6(0x20)))(b, "after it was unassigned")
			b.hasIPv6(to, p.at6(0x20))
		},
	},
	{
		ID: "ipv6-prefix", Title: "IPv6 prefixes", Confidence: Documented, Source: sourcePrefix,
		Rule: "A delegated IPv6 prefix is a /80", Needs: []string{"ipv6-blocks"},
		run: func(b *bench) {
			p := b.ipv6Place()
			e := *b.eni(p).NetworkInterfaceId
			out := must(b.AssignIpv6Addresses(b.ctx,
				&ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &e, Ipv6PrefixCount: aws.Int32(1)}))(b)
			b.want("prefixes in the answer", len(out.AssignedIpv6Prefixes), 1)
			b.want("the prefix length", netip.MustParsePrefix(out.AssignedIpv6Prefixes[0]).Bits(), 80)
			_, err := b.AssignIpv6Addresses(b.ctx,
				&ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &e, Ipv6Prefixes: []string{p.ipv6.Addr().String() + "/96"}})
			b.refused(err, "a /96")
		},
	},
	{
		ID: "ipv6-reserved", Title: "Reserved IPv6 addresses", Confidence: Documented,
		Source: "VPC User Guide, subnet-sizing: the first four and the last address of an IPv6 block",
		Rule:   "The first four IPv6 addresses of a subnet are not assigned", Needs: []string{"ipv6-assign"},
		run: func(b *bench) {
			p := b.ipv6Place()
			e := *b.eni(p).NetworkInterfaceId
			for n := range 4 {
				b.refused(b.assign6(e, p.at6(n)), p.at6(n))
			}
		},
	},
}
