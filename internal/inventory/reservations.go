// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// reservations make a call for each subnet. One that is gone has none.
func (d *details) reservations() (all []look) {
	for _, n := range d.Subnets {
		all = append(all, look{"address reservations", func(ctx context.Context, c clients, mine types.Filter) error {
			found, err := Reservations(ctx, c.EC2, n.ID, mine)
			if awsapi.IsNotFound(err) {
				return nil
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.Reservations = append(d.Reservations, found...)
			return err
		}})
	}
	return all
}

// Reservations returns the reservations of a subnet that pass a filter.
func Reservations(ctx context.Context, api EC2Reader, subnet string, mine types.Filter) (all []Reservation, err error) {
	found, err := findReservations(ctx, api, subnet, mine)
	for _, r := range found {
		cidr, err := netip.ParsePrefix(aws.ToString(r.Cidr))
		if err != nil {
			return nil, fmt.Errorf("reading reservation %s: %w", aws.ToString(r.SubnetCidrReservationId), err)
		}
		all = append(all, Reservation{
			ID: aws.ToString(r.SubnetCidrReservationId), Part: awsapi.Part(r.Tags), Subnet: aws.ToString(r.SubnetId),
			CIDR: cidr.String(), Explicit: r.ReservationType == types.SubnetCidrReservationTypeExplicit,
		})
	}
	return all, err
}

// findReservations returns a subnet's reservations: AWS lists them only by subnet, and the SDK has
// no paginator for them.
func findReservations(
	ctx context.Context, api EC2Reader, subnet string, filters ...types.Filter,
) (all []types.SubnetCidrReservation, err error) {
	for in := (&ec2.GetSubnetCidrReservationsInput{SubnetId: aws.String(subnet), Filters: filters}); ; {
		out, err := api.GetSubnetCidrReservations(ctx, in)
		if err != nil {
			return nil, err
		}
		all = slices.Concat(all, out.SubnetIpv4CidrReservations, out.SubnetIpv6CidrReservations)
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}
