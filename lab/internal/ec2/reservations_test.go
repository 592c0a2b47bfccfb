// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

func (l *lab) reserve(subnet, cidr string, kind types.SubnetCidrReservationType) (string, error) {
	out, err := l.CreateSubnetCidrReservation(l.ctx,
		&ec2.CreateSubnetCidrReservationInput{SubnetId: &subnet, Cidr: &cidr, ReservationType: kind})
	if err != nil {
		return "", err
	}
	return *out.SubnetCidrReservation.SubnetCidrReservationId, nil
}

func (l *lab) free(subnet string) int {
	l.t.Helper()
	return int(*must(l.DescribeSubnets(l.ctx,
		&ec2.DescribeSubnetsInput{SubnetIds: []string{subnet}}))(l).Subnets[0].AvailableIpAddressCount)
}

func TestReservations(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/24")
	for _, c := range []struct {
		name, cidr, kind, want string
	}{
		{"outside", "10.0.1.0/28", "explicit", "InvalidParameterValue"},
		{"larger than the subnet", "10.0.0.0/23", "explicit", "InvalidParameterValue"},
		{"host bits", "10.0.0.17/28", "explicit", "InvalidParameterValue"},
		{"no CIDR", "10.0.0.16", "explicit", "InvalidParameterValue"},
		{"unknown type", "10.0.0.16/28", "implicit", "InvalidParameterValue"},
		{"IPv6 without IPv6", "2001:db8::/80", "prefix", "InvalidParameterValue"},
	} {
		if _, err := l.reserve(s, c.cidr, types.SubnetCidrReservationType(c.kind)); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	e := l.eni(s, "10.0.0.10") // already in use, which is allowed
	id := must(l.reserve(s, "10.0.0.0/26", "explicit"))(l)
	_, err := l.reserve(s, "10.0.0.32/28", "prefix")
	l.wantCode(err, "InvalidParameterValue")
	if want := "Reservation CIDR 10.0.0.32/28 has overlap with existing reserved CIDR block"; apiMessage(err) != want {
		t.Errorf("the refusal is %q, want %q", apiMessage(err), want)
	}
	if free := l.free(s); free != 250 {
		t.Errorf("an explicit reservation leaves %d addresses, want 250", free)
	}
	if got := *l.eni(s, "").PrivateIpAddress; got != "10.0.0.64" {
		t.Errorf("AWS allocated %s, want the first address behind the reservation", got)
	}
	if got := addresses(*l.eni(s, "10.0.0.20")); got[0] != "10.0.0.20" {
		t.Errorf("an address named by hand is %s", got)
	}
	if addresses(*e)[0] != "10.0.0.10" {
		t.Error("the reservation unassigned an address")
	}
	must(l.reserve(s, "10.0.0.240/28", "prefix"))(l) // the last address is AWS's in any case
	if free := l.free(s); free != 251-3-15 {
		t.Errorf("a reservation for prefixes leaves %d addresses, want %d", free, 251-3-15)
	}
	_, err = l.DeleteSubnetCidrReservation(l.ctx,
		&ec2.DeleteSubnetCidrReservationInput{SubnetCidrReservationId: &id, DryRun: aws.Bool(true)})
	l.wantCode(err, "DryRunOperation")
	gone := must(l.DeleteSubnetCidrReservation(l.ctx,
		&ec2.DeleteSubnetCidrReservationInput{SubnetCidrReservationId: &id}))(l)
	if *gone.DeletedSubnetCidrReservation.Cidr != "10.0.0.0/26" {
		t.Errorf("deleted %+v", gone.DeletedSubnetCidrReservation)
	}
	if got := *l.eni(s, "").PrivateIpAddress; got != "10.0.0.4" {
		t.Errorf("AWS allocated %s where nothing is reserved any more", got)
	}
	_, err = l.DeleteSubnetCidrReservation(l.ctx, &ec2.DeleteSubnetCidrReservationInput{SubnetCidrReservationId: &id})
	l.wantCode(err, "InvalidSubnetCidrReservationID.NotFound")
}

func TestGetReservations(t *testing.T) {
	l := newLab(t)
	v, _ := l.vpc6("10.0.0.0/16")
	s := l.subnet6(v, "10.0.0.0/24", 0)
	tag := []types.TagSpecification{{ResourceType: "subnet-cidr-reservation",
		Tags: []types.Tag{{Key: aws.String("n"), Value: aws.String("first")}}}}
	in := &ec2.CreateSubnetCidrReservationInput{SubnetId: &s, Cidr: aws.String("10.0.0.128/28"),
		ReservationType: "explicit",
		Description:     aws.String("Neutron"), TagSpecifications: tag}
	first := must(l.CreateSubnetCidrReservation(l.ctx, in))(l).SubnetCidrReservation
	if *first.Description != "Neutron" || len(first.Tags) != 1 || *first.OwnerId != "123456789012" {
		t.Errorf("made %+v", first)
	}
	for i := range 6 {
		must(l.reserve(s, fmt.Sprintf("10.0.0.%d/28", 144+16*i), "prefix"))(l)
	}
	block := *l.describeSubnet(s).Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock
	must(l.reserve(s, block[:len(block)-len("/64")]+"/80", "prefix"))(l)

	// The SDK has no paginator for this call.
	var pages []int
	seen, v6 := map[string]bool{}, 0
	for next := (*string)(nil); ; {
		out := must(l.GetSubnetCidrReservations(l.ctx,
			&ec2.GetSubnetCidrReservationsInput{SubnetId: &s, MaxResults: aws.Int32(5), NextToken: next}))(l)
		for _, r := range out.SubnetIpv4CidrReservations {
			seen[*r.SubnetCidrReservationId] = true
		}
		v6 += len(out.SubnetIpv6CidrReservations)
		pages = append(pages, len(out.SubnetIpv4CidrReservations)+len(out.SubnetIpv6CidrReservations))
		if next = out.NextToken; next == nil {
			break
		}
	}
	if d := cmp.Diff([]int{5, 3}, pages); d != "" || len(seen) != 7 || v6 != 1 {
		t.Errorf("%d and %d of IPv6: %s", len(seen), v6, d)
	}
	for _, c := range []struct {
		name, value string
		want        int
	}{{"reservationType", "explicit", 1}, {"tag:n", "first", 1}, {"subnet-id", s, 8}, {"tag-key", "m", 0}} {
		out := must(l.GetSubnetCidrReservations(l.ctx, &ec2.GetSubnetCidrReservationsInput{SubnetId: &s,
			Filters: []types.Filter{{Name: &c.name, Values: []string{c.value}}}}))(l)
		if n := len(out.SubnetIpv4CidrReservations) + len(out.SubnetIpv6CidrReservations); n != c.want {
			t.Errorf("%s=%s finds %d, want %d", c.name, c.value, n, c.want)
		}
	}
	must(l.DeleteTags(l.ctx, &ec2.DeleteTagsInput{Resources: []string{*first.SubnetCidrReservationId}}))(l)
	must(l.DeleteSubnet(l.ctx, &ec2.DeleteSubnetInput{SubnetId: &s}))(l) // with its reservations
	_, err := l.DeleteSubnetCidrReservation(l.ctx,
		&ec2.DeleteSubnetCidrReservationInput{SubnetCidrReservationId: first.SubnetCidrReservationId})
	l.wantCode(err, "InvalidSubnetCidrReservationID.NotFound")
}
