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

// reservationRecord is a range of a subnet that AWS takes no address from by
// itself: one for prefixes serves their delegation, an explicit one serves
// nobody but who names an address (VPC User Guide, subnet-cidr-reservation).
type reservationRecord struct {
	ID          string
	Subnet      string
	CIDR        netip.Prefix
	Type        string
	Description string
	tagHolder
}

// reservationsOf are the reservations in a subnet, by ID.
func (t *tx) reservationsOf(subnet string) []*reservationRecord {
	return slices.DeleteFunc(byID(t.Reservations), func(r *reservationRecord) bool { return r.Subnet != subnet })
}

type subnetReservationXML struct {
	ID          string      `xml:"subnetCidrReservationId"`
	Subnet      string      `xml:"subnetId"`
	CIDR        string      `xml:"cidr"`
	Type        string      `xml:"reservationType"`
	Owner       string      `xml:"ownerId"`
	Description string      `xml:"description,omitempty"`
	Tags        set[tagXML] `xml:"tagSet"`
}

func (t *tx) subnetReservationXML(r *reservationRecord) subnetReservationXML {
	return subnetReservationXML{r.ID, r.Subnet, r.CIDR.String(), r.Type, t.cfg.Account, r.Description, r.Tags.xml()}
}

type createReservationInput struct {
	dryRun
	tagged
	SubnetId        string `form:",required"`
	Cidr            string `form:",required"`
	ReservationType string `form:",required"`
	Description     string
}

type createReservationOutput struct {
	response
	Reservation subnetReservationXML `xml:"subnetCidrReservation"`
}

// createSubnetCidrReservation reserves a range. Addresses in use in it stay
// where they are (VPC User Guide, subnet-cidr-reservation).
func createSubnetCidrReservation(t *tx, in createReservationInput) (*createReservationOutput, error) {
	s, err := find(kindSubnet, t.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	if in.ReservationType != reservePrefix && in.ReservationType != reserveExplicit {
		return nil, invalidParameter("Invalid value '%s' for reservationType. Must be one of: prefix, explicit", in.ReservationType)
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
	r := &reservationRecord{ID: kindReservation.newID(), Subnet: s.ID, CIDR: cidr, Type: in.ReservationType, Description: in.Description}
	if r.Tags, err = in.tagsFor(kindReservation); err != nil {
		return nil, err
	}
	t.Reservations[r.ID] = r
	return &createReservationOutput{Reservation: t.subnetReservationXML(r)}, nil
}

type deleteReservationInput struct {
	dryRun
	SubnetCidrReservationId string `form:",required"`
}

type deleteReservationOutput struct {
	response
	Reservation subnetReservationXML `xml:"deletedSubnetCidrReservation"`
}

func deleteSubnetCidrReservation(t *tx, in deleteReservationInput) (*deleteReservationOutput, error) {
	r, err := find(kindReservation, t.Reservations, in.SubnetCidrReservationId)
	if err != nil {
		return nil, err
	}
	delete(t.Reservations, r.ID)
	return &deleteReservationOutput{Reservation: t.subnetReservationXML(r)}, nil
}

type getReservationsInput struct {
	query
	SubnetId string `form:",required"`
}

type getReservationsOutput struct {
	response
	IPv4      set[subnetReservationXML] `xml:"subnetIpv4CidrReservationSet"`
	IPv6      set[subnetReservationXML] `xml:"subnetIpv6CidrReservationSet"`
	NextToken string                    `xml:"nextToken,omitempty"`
}

var selectReservations = selection[reservationRecord]{
	kind: kindReservation,
	id:   func(r *reservationRecord) string { return r.ID },
	tags: func(r *reservationRecord) tags { return r.Tags },
	values: func(r *reservationRecord, name string) ([]string, bool) {
		switch name {
		case "reservationType":
			return one(r.Type)
		case "subnet-id":
			return one(r.Subnet)
		}
		return nil, false
	},
}

func getSubnetCidrReservations(t *tx, in getReservationsInput) (*getReservationsOutput, error) {
	s, err := find(kindSubnet, t.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	page, next, err := choose(selectReservations, t.reservationsOf(s.ID), nil, in.query)
	if err != nil {
		return nil, err
	}
	out := &getReservationsOutput{NextToken: next}
	for _, r := range page {
		if r.CIDR.Addr().Is6() {
			out.IPv6.Items = append(out.IPv6.Items, t.subnetReservationXML(r))
		} else {
			out.IPv4.Items = append(out.IPv4.Items, t.subnetReservationXML(r))
		}
	}
	return out, nil
}
