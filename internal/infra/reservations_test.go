// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	awsapi "macaw.example/internal/aws"
)

func TestCover(t *testing.T) {
	for _, tt := range []struct {
		first string
		n     int
		want  string
	}{
		{"10.0.1.64", 0, ""},
		{"10.0.1.64", 1, "10.0.1.64/32"},
		{"10.0.1.64", 4, "10.0.1.64/30"},
		{"10.0.1.64", 64, "10.0.1.64/26"},
		{"10.0.1.64", 14, "10.0.1.64/29 10.0.1.72/30 10.0.1.76/31"},
		{"10.0.1.63", 2, "10.0.1.63/32 10.0.1.64/32"},
		{"10.0.1.5", 6, "10.0.1.5/32 10.0.1.6/31 10.0.1.8/31 10.0.1.10/32"},
		{"10.0.0.4", 1019, "10.0.0.4/30 10.0.0.8/29 10.0.0.16/28 10.0.0.32/27 10.0.0.64/26 10.0.0.128/25 10.0.1.0/24 " +
			"10.0.2.0/24 10.0.3.0/25 10.0.3.128/26 10.0.3.192/27 10.0.3.224/28 10.0.3.240/29 10.0.3.248/30 10.0.3.252/31 " +
			"10.0.3.254/32"},
		{"255.255.255.254", 2, "255.255.255.254/31"},
	} {
		var got []string
		for _, p := range cover(netip.MustParseAddr(tt.first), tt.n) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%d from %s, -want +got:\n%s", tt.n, tt.first, diff)
		}
	}
}

// The blocks cover exactly the range, each address once, and no two of them could be merged.
func TestCoverIsExactAndSmallest(t *testing.T) {
	base := netip.MustParseAddr("10.0.0.0")
	for start := range 70 {
		first := base
		for range start {
			first = first.Next()
		}
		for n := range 70 {
			next, blocks := first, cover(first, n)
			for i, p := range blocks {
				if p != p.Masked() || p.Addr() != next {
					t.Fatalf("%d from %s: %v", n, first, blocks)
				}
				for range 1 << (32 - p.Bits()) {
					next = next.Next()
				}
				if i > 0 && blocks[i-1].Bits() == p.Bits() {
					if union := netip.PrefixFrom(blocks[i-1].Addr(), p.Bits()-1); union == union.Masked() {
						t.Fatalf("%d from %s: %v has halves of %s", n, first, blocks, union)
					}
				}
			}
			end := first
			for range n {
				end = end.Next()
			}
			if next != end {
				t.Fatalf("%d from %s: %v ends at %s", n, first, blocks, next)
			}
		}
	}
}

// reservations returns those of all subnets, of any owner.
func (l *labAccount) reservations(t *testing.T) (all []types.SubnetCidrReservation) {
	t.Helper()
	for _, n := range got(l.root.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})).Subnets {
		out := got(l.root.GetSubnetCidrReservations(ctx, &ec2.GetSubnetCidrReservationsInput{SubnetId: n.SubnetId}))
		all = append(all, slices.Concat(out.SubnetIpv4CidrReservations, out.SubnetIpv6CidrReservations)...)
	}
	return all
}

// Old blocks are removed before overlapping new ones are made.
func TestReservationsFollowTheRange(t *testing.T) {
	l := newLab(t, 9)
	bringUp(t, l, wanted(t, "provider: {addresses: 3, first: 10.0.1.67}\n"))
	w := wanted(t, "provider: {addresses: 5, first: 10.0.1.66}\n")
	bringUp(t, l, w)
	got := map[string]bool{}
	for _, r := range l.reservations(t) {
		got[fmt.Sprint(*r.Cidr, " ", r.ReservationType, " ", awsapi.Part(r.Tags))] = true
	}
	want := map[string]bool{
		"10.0.1.66/31 explicit reservation/10.0.1.66/31": true,
		"10.0.1.68/31 explicit reservation/10.0.1.68/31": true,
		"10.0.1.70/32 explicit reservation/10.0.1.70/32": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Somebody else's reservation in the range is an error, not a success.
func TestReservationOfSomebodyElse(t *testing.T) {
	l, w := newLab(t, 3), wanted(t, "provider: {addresses: 2}\n")
	bringUp(t, l, w)
	for _, r := range l.reservations(t) {
		got(l.root.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{*r.SubnetCidrReservationId}}))
	}
	if _, _, err := labUp(ctx, l.Clients, w); errorCode(err) != "InvalidParameterValue" {
		t.Errorf("error: %v", err)
	}
}
