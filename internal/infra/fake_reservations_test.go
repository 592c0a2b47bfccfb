package infra

import (
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (f *fake) GetSubnetCidrReservations(ctx context.Context, in *ec2.GetSubnetCidrReservationsInput, _ ...options) (*ec2.GetSubnetCidrReservationsOutput, error) {
	return do(ctx, f, "GetSubnetCidrReservations", func() (*ec2.GetSubnetCidrReservationsOutput, error) {
		if f.subnets[*in.SubnetId] == nil {
			return nil, apiError("InvalidSubnetID.NotFound")
		}
		out := &ec2.GetSubnetCidrReservationsOutput{}
		for _, r := range list(f.reservations, in.Filters, func(r *types.SubnetCidrReservation) []types.Tag { return r.Tags }) {
			if *r.SubnetId == *in.SubnetId {
				if netip.MustParsePrefix(*r.Cidr).Addr().Is4() {
					out.SubnetIpv4CidrReservations = append(out.SubnetIpv4CidrReservations, r)
				} else {
					out.SubnetIpv6CidrReservations = append(out.SubnetIpv6CidrReservations, r)
				}
			}
		}
		return out, nil
	})
}

func (f *fake) CreateSubnetCidrReservation(ctx context.Context, in *ec2.CreateSubnetCidrReservationInput, _ ...options) (*ec2.CreateSubnetCidrReservationOutput, error) {
	return do(ctx, f, "CreateSubnetCidrReservation", func() (*ec2.CreateSubnetCidrReservationOutput, error) {
		for _, r := range f.reservations {
			if *r.SubnetId == *in.SubnetId && netip.MustParsePrefix(*r.Cidr).Overlaps(netip.MustParsePrefix(*in.Cidr)) {
				return nil, apiError("InvalidParameterValue")
			}
		}
		r := &types.SubnetCidrReservation{SubnetCidrReservationId: f.newID("scr"), SubnetId: in.SubnetId, Cidr: in.Cidr,
			ReservationType: in.ReservationType, Tags: tagsIn(in.TagSpecifications)}
		f.reservations[*r.SubnetCidrReservationId] = r
		return &ec2.CreateSubnetCidrReservationOutput{SubnetCidrReservation: r}, nil
	})
}

func (f *fake) DeleteSubnetCidrReservation(ctx context.Context, in *ec2.DeleteSubnetCidrReservationInput, _ ...options) (*ec2.DeleteSubnetCidrReservationOutput, error) {
	return do(ctx, f, "DeleteSubnetCidrReservation", func() (*ec2.DeleteSubnetCidrReservationOutput, error) {
		if f.reservations[*in.SubnetCidrReservationId] == nil {
			return nil, apiError("InvalidSubnetCidrReservationID.NotFound")
		}
		delete(f.reservations, *in.SubnetCidrReservationId)
		return &ec2.DeleteSubnetCidrReservationOutput{}, nil
	})
}
