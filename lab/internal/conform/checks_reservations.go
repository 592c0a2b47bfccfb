// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const sourceReservation = "VPC User Guide, subnet-cidr-reservation"

// reserve reserves a prefix of that many bits, starting at the subnet's nth address.
func (b *bench) reserve(p place, n, bits int, kind types.SubnetCidrReservationType) (string, error) {
	cidr := netip.PrefixFrom(nth(p.cidr.Addr(), n), bits).String()
	out, err := b.CreateSubnetCidrReservation(b.ctx,
		&ec2.CreateSubnetCidrReservationInput{SubnetId: &p.subnet, Cidr: &cidr, ReservationType: kind,
			TagSpecifications: b.tags(types.ResourceTypeSubnetCidrReservation)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.SubnetCidrReservation.SubnetCidrReservationId), nil
}

const (
	explicit = types.SubnetCidrReservationTypeExplicit
	prefix   = types.SubnetCidrReservationTypePrefix
)

var reservationChecks = []Check{
	{
		ID: "reservation", Title: "Reservations come and go", Confidence: Documented, Source: sourceReservation,
		Rule: "A reservation is listed with its type and range until it is deleted",
		run: func(b *bench) {
			p := b.place(26)
			id := must(b.reserve(p, 32, 28, explicit))(b)
			list := func() []types.SubnetCidrReservation {
				return must(b.GetSubnetCidrReservations(b.ctx,
					&ec2.GetSubnetCidrReservationsInput{SubnetId: &p.subnet}))(b).SubnetIpv4CidrReservations
			}
			b.eventually("the reservation is listed", func() (string, bool) {
				all := list()
				if len(all) != 1 {
					return "it is not", false
				}
				r := all[0]
				return aws.ToString(r.Cidr), aws.ToString(r.SubnetCidrReservationId) == id &&
					aws.ToString(r.Cidr) == p.at(32)+"/28" && r.ReservationType == explicit
			})
			must(b.DeleteSubnetCidrReservation(b.ctx, &ec2.DeleteSubnetCidrReservationInput{SubnetCidrReservationId: &id}))(b)
			b.eventually("the reservation is gone", func() (string, bool) { return "it is listed", len(list()) == 0 })
		},
	},
	{
		ID: "reservation-explicit", Title: "AWS does not choose reserved addresses", Confidence: Documented,
		Source: sourceReservation,
		Rule:   "No address that AWS chooses lies in an explicit reservation; one that is named may",
		Needs:  []string{"reservation", "assign"},
		run: func(b *bench) {
			p := b.place(28)
			must(b.reserve(p, 8, 29, explicit))(b)
			e := b.eniFrom(&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet, SecondaryPrivateIpAddressCount: aws.Int32(3)})
			reserved := netip.PrefixFrom(nth(p.cidr.Addr(), 8), 29)
			for _, a := range addressesOf(e) {
				b.holds(!reserved.Contains(netip.MustParseAddr(a)), "an address outside "+reserved.String(), "%s", a)
			}
			_, err := b.AssignPrivateIpAddresses(b.ctx,
				&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: e.NetworkInterfaceId,
					SecondaryPrivateIpAddressCount: aws.Int32(1)})
			b.wantCode(err, "when only reserved addresses are free", "InsufficientFreeAddressesInSubnet")
			_, err = b.assign(*e.NetworkInterfaceId, false, p.at(9))
			grants(0, err)(b, "an address of the reservation that is named")
		},
	},
	{
		ID: "reservation-available", Title: "What a reservation takes from the free addresses", Confidence: Documented,
		Source: sourceReservation,
		Rule:   "A prefix reservation lowers AvailableIpAddressCount at once, an explicit one does not",
		Needs:  []string{"reservation", "subnet-available"},
		run: func(b *bench) {
			p := b.place(26)
			b.available(p, 59)
			must(b.reserve(p, 16, 28, explicit))(b)
			b.available(p, 59)
			must(b.reserve(p, 32, 28, prefix))(b)
			b.available(p, 43)
		},
	},
	{
		ID: "reservation-overlap", Title: "Reservations do not overlap", Confidence: Documented, Source: sourceReservation,
		Rule: "A reservation that overlaps another, or lies outside its subnet, is refused; one over addresses in use is " +
			"not",
		Needs: []string{"reservation"},
		run: func(b *bench) {
			p := b.place(26)
			b.eni(p, p.at(20))
			_, err := b.reserve(p, 16, 28, explicit)
			grants(0, err)(b, "a reservation over an address in use")
			_, err = b.reserve(p, 24, 29, prefix)
			b.refused(err, "a reservation inside another")
			_, err = b.reserve(p, 64, 28, explicit)
			b.refused(err, "a reservation outside the subnet")
		},
	},
	{
		ID: "reservation-prefix-address", Title: "A single address of a prefix reservation", Confidence: Unknown,
		Source: sourceReservation,
		Rule:   "Whether an address that lies in a reservation of type prefix can be assigned by name",
		Needs:  []string{"reservation"},
		run: func(b *bench) {
			p := b.place(26)
			must(b.reserve(p, 32, 28, prefix))(b)
			_, err := b.assign(*b.eni(p, p.at(4)).NetworkInterfaceId, false, p.at(33))
			b.observe("%s", answer(err))
		},
	},
	{
		ID: "reservation-subnet", Title: "A subnet with reservations", Confidence: Unknown, Source: sourceReservation,
		Rule: "Whether a subnet with a reservation can be deleted", Needs: []string{"reservation"},
		run: func(b *bench) {
			p := b.place(26)
			must(b.reserve(p, 32, 28, explicit))(b)
			_, err := b.DeleteSubnet(b.ctx, &ec2.DeleteSubnetInput{SubnetId: &p.subnet})
			b.observe("%s", answer(err))
		},
	},
}
