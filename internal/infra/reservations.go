// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
)

// Range returns the fewest CIDR blocks that cover the cloud's addresses: those that Neutron may
// give out and a gateway's agent may register.
func Range(c *cloud.Cloud) []netip.Prefix {
	return cover(c.Provider.First, c.Provider.Addresses)
}

// cover returns the fewest CIDR blocks that together are n IPv4 addresses from first on, in
// ascending order.
func cover(first netip.Addr, n int) []netip.Prefix {
	var out []netip.Prefix
	b := first.As4()
	for at := binary.BigEndian.Uint32(b[:]); n > 0; {
		// The largest block that the address is aligned to and that fits.
		size := min(bits.TrailingZeros32(at), bits.Len(uint(n))-1)
		binary.BigEndian.PutUint32(b[:], at)
		out = append(out, netip.PrefixFrom(netip.AddrFrom4(b), 32-size))
		at += 1 << size
		n -= 1 << size
	}
	return out
}

// reservations keeps AWS from giving an address of Neutron's range to another network interface:
// AWS assigns none of an explicit reservation by itself (VPC User Guide, subnet-cidr-reservation).
func (b *up) reservations() {
	subnet := partSubnet(partProvider)
	want := Range(b.c)
	block, ok := b.ipv6Subnet()
	if ok {
		want = append(want, cloud.IPv6Block(block))
	}
	var kept, needs []string
	for _, r := range b.s.Reservations {
		if r.Subnet != b.ids[subnet] {
			continue // deleted with its subnet
		}
		if r.Explicit && slices.ContainsFunc(want, func(p netip.Prefix) bool { return p.String() == r.CIDR }) {
			kept = append(kept, r.CIDR)
			continue
		}
		// Reservations must not overlap, so the old one goes first.
		needs = append(needs, r.ID)
		b.remove(r.ID, "address reservation", r.CIDR, deleteReservation(r.ID))
	}
	needs = append(needs, subnet)
	for _, p := range want {
		if slices.Contains(kept, p.String()) {
			continue
		}
		part := partReservation(p.String())
		b.create(part, "address reservation", p.String()+" for neutron",
			createReservation(subnet, func(*applier) netip.Prefix { return p }), needs...)
		// One after the other: AWS takes a burst of 5 of these calls and then one per second (EC2
		// Developer Guide, ec2-api-throttling).
		needs = append(needs, part)
	}
	if b.c.Provider.IPv6 && !ok {
		b.create(partReservation("ipv6"), "address reservation", "of IPv6 for neutron",
			createReservation(subnet, func(a *applier) netip.Prefix { return cloud.IPv6Block(a.ipv6Subnet()) }),
			append(needs, partSubnetIPv6)...)
	}
}

// createReservation has no ClientToken. If the call fails because the block overlaps with an
// existing one (InvalidParameterValue), and that is the same block of the cloud, an earlier try
// succeeded.
func createReservation(subnet string, of func(*applier) netip.Prefix) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		cidr := of(a)
		_, err := a.api.CreateSubnetCidrReservation(ctx, &ec2.CreateSubnetCidrReservationInput{
			SubnetId: aws.String(a.id(subnet)), Cidr: aws.String(cidr.String()),
			ReservationType:   types.SubnetCidrReservationTypeExplicit,
			Description:       aws.String("Macaw cloud " + a.cloud + ", neutron's addresses"),
			TagSpecifications: a.tags(types.ResourceTypeSubnetCidrReservation, partReservation(cidr.String())),
		})
		if errorCode(err) == "InvalidParameterValue" {
			same := func(r inventory.Reservation) bool { return r.Explicit && r.CIDR == cidr.String() }
			made, seeErr := inventory.Reservations(ctx, a.api, a.id(subnet), awsapi.ByTag(awsapi.TagCloud, a.cloud))
			if seeErr == nil && slices.ContainsFunc(made, same) {
				return nil
			}
		}
		return err
	})
}
