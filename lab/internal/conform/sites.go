// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// site is a VPC that checks share. Each check takes a block of it.
type site struct {
	vpc, table string // table is the main route table
	gateway    string // empty if there is none
	cidr       netip.Prefix
	ipv6       netip.Prefix // a /56, or zero

	mu   sync.Mutex
	next int
}

// sites are the VPCs of a run: one with an Internet gateway, and one with IPv6 but
// without a gateway, made on first use.
type sites struct {
	zone string
	main *site

	mu     sync.Mutex
	bare   *site
	noIPv6 error // why the bare VPC has no IPv6, or nil
}

var (
	mainCIDR = netip.MustParsePrefix("10.213.0.0/16")
	bareCIDR = netip.MustParsePrefix("10.214.0.0/16")
)

// machineType is the type of a run's instances: small, and with few addresses per
// interface, so that checks reach the limit soon (EC2 User Guide, "Maximum IP addresses
// per network interface").
const (
	machineType      = types.InstanceTypeT3Small
	machineENIs      = 3
	machineAddresses = 4 // on each
)

func (s *suite) setUp(ctx context.Context) error {
	b := &bench{suite: s, ctx: ctx}
	return b.carryOut(func(b *bench) {
		offers := must(b.DescribeInstanceTypeOfferings(b.ctx, &ec2.DescribeInstanceTypeOfferingsInput{
			LocationType: types.LocationTypeAvailabilityZone, Filters: filters("instance-type", string(machineType))}))(b)
		if len(offers.InstanceTypeOfferings) == 0 {
			b.end(fmt.Errorf("no availability zone of the region has %s", machineType))
		}
		s.sites.zone = aws.ToString(offers.InstanceTypeOfferings[0].Location)
		main := b.newSite(mainCIDR, false)
		made := must(b.CreateInternetGateway(b.ctx,
			&ec2.CreateInternetGatewayInput{TagSpecifications: b.tags(types.ResourceTypeInternetGateway)}))(b)
		main.gateway = aws.ToString(made.InternetGateway.InternetGatewayId)
		b.settled(func() error {
			_, err := b.AttachInternetGateway(b.ctx,
				&ec2.AttachInternetGatewayInput{InternetGatewayId: &main.gateway, VpcId: &main.vpc})
			return err
		})
		b.settled(func() error {
			_, err := b.CreateRoute(b.ctx,
				&ec2.CreateRouteInput{RouteTableId: &main.table, GatewayId: &main.gateway,
					DestinationCidrBlock: aws.String("0.0.0.0/0")})
			return err
		})
		s.sites.main = main
	})
}

// bare returns the VPC without an Internet gateway.
func (b *bench) bare() *site {
	b.sites.mu.Lock()
	defer b.sites.mu.Unlock()
	if b.sites.bare != nil {
		return b.sites.bare
	}
	err := b.carryOut(func(b *bench) { b.sites.bare = b.newSite(bareCIDR, true) })
	if code(err) != "" { // most checks need no IPv6
		b.sites.noIPv6 = err
		err = b.carryOut(func(b *bench) { b.sites.bare = b.newSite(bareCIDR, false) })
	}
	b.need(err)
	return b.sites.bare
}

func (b *bench) newSite(cidr netip.Prefix, ipv6 bool) *site {
	made := must(b.CreateVpc(b.ctx,
		&ec2.CreateVpcInput{CidrBlock: aws.String(cidr.String()), AmazonProvidedIpv6CidrBlock: aws.Bool(ipv6),
			TagSpecifications: b.tags(types.ResourceTypeVpc)}))(b)
	s := &site{vpc: aws.ToString(made.Vpc.VpcId), cidr: cidr}
	in := &ec2.DescribeVpcsInput{VpcIds: []string{s.vpc}}
	b.need(ec2.NewVpcAvailableWaiter(b.EC2,
		func(o *ec2.VpcAvailableWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).Wait(b.ctx, in, b.cfg.Patience))
	if ipv6 {
		b.eventually("the VPC gets an IPv6 block", func() (string, bool) {
			for _, v := range must(b.DescribeVpcs(b.ctx, in))(b).Vpcs {
				for _, a := range v.Ipv6CidrBlockAssociationSet {
					if p, err := netip.ParsePrefix(aws.ToString(a.Ipv6CidrBlock)); err == nil &&
						a.Ipv6CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
						s.ipv6 = p
						return "", true
					}
				}
			}
			return "none", false
		})
	}
	b.eventually("the VPC has a main route table", func() (string, bool) {
		tables := must(b.DescribeRouteTables(b.ctx,
			&ec2.DescribeRouteTablesInput{Filters: filters("vpc-id", s.vpc, "association.main", "true")}))(b).RouteTables
		if len(tables) == 0 {
			return "none", false
		}
		s.table = aws.ToString(tables[0].RouteTableId)
		return "", true
	})
	return s
}

// block takes a /24 of the VPC that no other check uses.
func (s *site) block() (cidr netip.Prefix, index int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.cidr.Addr().As4()
	a[2] = byte(s.next)
	s.next++
	return netip.PrefixFrom(netip.AddrFrom4(a), 24), s.next - 1
}

// place is a subnet used by one check.
type place struct {
	vpc, subnet string
	cidr        netip.Prefix
	ipv6        netip.Prefix
}

// at is the nth address of the subnet.
func (p place) at(n int) string { return nth(p.cidr.Addr(), n).String() }

// at6 is the nth IPv6 address of the subnet.
func (p place) at6(n int) string { return nth(p.ipv6.Addr(), n).String() }

func nth(a netip.Addr, n int) netip.Addr {
	bytes := a.AsSlice()
	for i := len(bytes) - 1; i >= 0 && n > 0; i-- {
		n += int(bytes[i])
		bytes[i] = byte(n)
		n >>= 8
	}
	out, _ := netip.AddrFromSlice(bytes)
	return out
}

// place makes a subnet with a prefix length of 24 to 28 in the VPC with the Internet
// gateway.
func (b *bench) place(bits int) place { return b.placeIn(b.sites.main, bits) }

func (b *bench) placeIn(s *site, bits int) place { return b.placeAt(s, b.sites.zone, bits) }

// placeAt makes a subnet in a zone.
func (b *bench) placeAt(s *site, zone string, bits int) place {
	block, index := s.block()
	if index > 255 {
		b.end(fmt.Errorf("the VPC %s has no room for another subnet", s.vpc))
	}
	p := place{vpc: s.vpc, cidr: netip.PrefixFrom(block.Addr(), bits)}
	in := &ec2.CreateSubnetInput{VpcId: &s.vpc, CidrBlock: aws.String(p.cidr.String()), AvailabilityZone: &zone,
		TagSpecifications: b.tags(types.ResourceTypeSubnet)}
	if s.ipv6.IsValid() {
		a := s.ipv6.Addr().As16()
		a[7] += byte(index)
		p.ipv6 = netip.PrefixFrom(netip.AddrFrom16(a), 64)
		in.Ipv6CidrBlock = aws.String(p.ipv6.String())
	}
	p.subnet = aws.ToString(must(b.CreateSubnet(b.ctx, in))(b).Subnet.SubnetId)
	b.need(ec2.NewSubnetAvailableWaiter(b.EC2,
		func(o *ec2.SubnetAvailableWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).
		Wait(b.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{p.subnet}}, b.cfg.Patience))
	return p
}
