// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"
)

// The types of a subnet CIDR reservation.
const (
	reservePrefix   = "prefix"
	reserveExplicit = "explicit"
)

// reservationRecord is a range of a subnet excluded from automatic allocation. The type
// "prefix" serves the delegation of prefixes; "explicit" serves only requests that name
// an address (VPC User Guide, subnet-cidr-reservation).
type reservationRecord struct {
	ID          string
	Subnet      string
	CIDR        netip.Prefix
	Type        string
	Description string
	tagHolder
}

// reservationsOf returns the reservations in a subnet, by ID.
func (t *tx) reservationsOf(subnet string) []*reservationRecord {
	return slices.DeleteFunc(byID(t.Reservations), func(r *reservationRecord) bool { return r.Subnet != subnet })
}

type subnetReservationXML struct {
	ID          string      `xml:"subnetCidrReservationId"`
	Subnet      string      `xml:"subnetId" filter:"subnet-id"`
	CIDR        string      `xml:"cidr"`
	Type        string      `xml:"reservationType" filter:"reservationType"`
	Owner       string      `xml:"ownerId"`
	Description string      `xml:"description,omitempty"`
	Tags        set[tagXML] `xml:"tagSet" filter:""`
}

func (t *tx) subnetReservationXML(r *reservationRecord) subnetReservationXML {
	return subnetReservationXML{r.ID, r.Subnet, r.CIDR.String(), r.Type, t.cfg.Account, r.Description, r.Tags.xml()}
}

type createReservationInput struct {
	dryRun
	tagged
	Subnet          *subnetRecord `form:"SubnetId,required"`
	Cidr            string        `form:",required"`
	ReservationType string        `form:",required"`
	Description     string
}

type createReservationOutput struct {
	response
	Reservation subnetReservationXML `xml:"subnetCidrReservation"`
}

// createSubnetCidrReservation reserves a range. Addresses in use in it stay (VPC User
// Guide, subnet-cidr-reservation).
func createSubnetCidrReservation(t *tx, in createReservationInput) (*createReservationOutput, error) {
	s := in.Subnet
	if in.ReservationType != reservePrefix && in.ReservationType != reserveExplicit {
		return nil, invalidParameter("Invalid value '%s' for reservationType. Must be one of: prefix, explicit",
			in.ReservationType)
	}
	cidr, err := netip.ParsePrefix(in.Cidr)
	if err != nil || cidr != cidr.Masked() {
		return nil, invalidParameter("Value (%s) for parameter cidr is invalid. This is not a valid CIDR block.", in.Cidr)
	}
	if !within(cidr, s.CIDR) && !within(cidr, s.IPv6) {
		return nil, invalidParameter("Reservation CIDR %s is not within the CIDR blocks of subnet %s", cidr, s.ID)
	}
	for _, other := range t.reservationsOf(s.ID) {
		if other.CIDR.Overlaps(cidr) {
			return nil, invalidParameter("Reservation CIDR %s has overlap with existing reserved CIDR block", cidr)
		}
	}
	r := &reservationRecord{ID: kindReservation.newID(), Subnet: s.ID, CIDR: cidr, Type: in.ReservationType,
		Description: in.Description}
	if r.Tags, err = in.tagsFor(kindReservation); err != nil {
		return nil, err
	}
	t.Reservations[r.ID] = r
	return &createReservationOutput{Reservation: t.subnetReservationXML(r)}, nil
}

type oneReservation struct {
	dryRun
	Reservation *reservationRecord `form:"SubnetCidrReservationId,required"`
}

type deleteReservationOutput struct {
	response
	Reservation subnetReservationXML `xml:"deletedSubnetCidrReservation"`
}

func deleteSubnetCidrReservation(t *tx, in oneReservation) (*deleteReservationOutput, error) {
	delete(t.Reservations, in.Reservation.ID)
	return &deleteReservationOutput{Reservation: t.subnetReservationXML(in.Reservation)}, nil
}

type getReservationsInput struct {
	query
	Subnet *subnetRecord `form:"SubnetId,required"`
}

type getReservationsOutput struct {
	response
	IPv4      set[subnetReservationXML] `xml:"subnetIpv4CidrReservationSet"`
	IPv6      set[subnetReservationXML] `xml:"subnetIpv6CidrReservationSet"`
	NextToken string                    `xml:"nextToken,omitempty"`
}

func getSubnetCidrReservations(t *tx, in getReservationsInput) (*getReservationsOutput, error) {
	var all []item[subnetReservationXML]
	for _, r := range t.reservationsOf(in.Subnet.ID) {
		all = append(all, item[subnetReservationXML]{r.ID, t.subnetReservationXML(r)})
	}
	page, next, err := choose(kindReservation, all, nil, in.query)
	if err != nil {
		return nil, err
	}
	out := &getReservationsOutput{NextToken: next}
	for _, x := range page.Items {
		if t.Reservations[x.ID].CIDR.Addr().Is6() {
			out.IPv6.Items = append(out.IPv6.Items, x)
		} else {
			out.IPv4.Items = append(out.IPv4.Items, x)
		}
	}
	return out, nil
}
