// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
	"macaw.example/internal/inventory"
)

// A NAT gateway that fails ends the run with AWS's reason, and the next run makes another with the same Elastic IP.
func TestNATGatewayFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l, w := newSeveralLab(t, natQuotaOfTests), several(t, natFile)
		var stolen *string
		l.hook(func(c call) error {
			in, ok := c.in.(*ec2.CreateNatGatewayInput)
			if !ok || stolen != nil {
				return nil
			}
			subnet := got(l.root.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{*in.SubnetId}})).Subnets[0]
			eni := got(l.root.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: subnet.SubnetId,
				PrivateIpAddress: aws.String("10.0.0.200")})).NetworkInterface.NetworkInterfaceId
			got(l.root.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: in.AllocationId, NetworkInterfaceId: eni}))
			stolen = eni
			return nil
		}, nil)
		_, _, err := labUp(ctx, l.Clients, w)
		l.hook(nil, nil)
		if err == nil || !strings.Contains(err.Error(), "failed: Resource.AlreadyAssociated: Elastic IP address eipalloc-") ||
			!slices.Contains(hint.All(err), "macaw up removes it and makes another") {
			t.Fatalf("%v, hints %q", err, hint.All(err))
		}
		got(l.root.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: stolen}))
		p := planOf(t, l, w)
		if !strings.Contains(p, "- delete nat gateway nat-") || !strings.Contains(p, "(Resource.AlreadyAssociated: ") ||
			!strings.Contains(p, "+ create nat gateway with 10.0.0.254") || strings.Contains(p, "elastic ip for the nat") {
			t.Errorf("the plan:\n%s", p)
		}
		bringUp(t, l, w)
		if n := len(l.nats()); n != 1 {
			t.Errorf("%d NAT gateways", n)
		}
		takeDown(t, l, "first")
	})
}

// A failed one does not keep its cloud from being removed.
func TestNATGatewayFailedAndRemoved(t *testing.T) {
	s := inventory.Seen{Cloud: "first", NATGateways: []inventory.NATGateway{
		{ID: "nat-1", State: "failed", Reason: "InternalError: x"}, {ID: "nat-2", State: "deleted"}}}
	if s.Empty() {
		t.Error("nothing is left, although there is a failed NAT gateway")
	}
	want := "- delete nat gateway nat-1 (InternalError: x)\n"
	if diff := cmp.Diff(want, PlanDown(s).String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	s.NATGateways = s.NATGateways[1:]
	if !s.Empty() {
		t.Error("AWS remembers a deleted NAT gateway, and something is left")
	}
}

// Waiting has an end, with the state and what to do; and one that AWS deletes meanwhile is made again.
func TestNATGatewayNeverAvailable(t *testing.T) {
	for _, state := range []types.NatGatewayState{"pending", "deleting"} {
		synctest.Test(t, func(t *testing.T) {
			api := &stuckNAT{state: state}
			a := &applier{api: api, clock: wallClock{}, ids: map[string]string{}, cloud: "first"}
			began := time.Now()
			err := createNATGateway(netip.MustParseAddr("10.0.0.254"), nil)(ctx, a)
			var over *awsapi.Exhausted
			switch {
			case state == "deleting":
				if !errors.Is(err, errNoLonger) || len(api.tokens) != generations {
					t.Errorf("%v, after %d tries", err, len(api.tokens))
				}
			case !errors.As(err, &over) || !strings.Contains(err.Error(), "nat gateway nat-1 is pending") ||
				len(hint.All(err)) == 0 || len(api.tokens) != 1:
				t.Errorf("%v, hints %q, %d tries", err, hint.All(err), len(api.tokens))
			case time.Since(began) < 10*time.Minute || time.Since(began) > 11*time.Minute:
				t.Errorf("it took %s", time.Since(began))
			}
		})
	}
}

// stuckNAT makes NAT gateways that stay in a state.
type stuckNAT struct {
	EC2
	state  types.NatGatewayState
	tokens map[string]bool
}

func (s *stuckNAT) CreateNatGateway(_ context.Context, in *ec2.CreateNatGatewayInput, _ ...options) (
	*ec2.CreateNatGatewayOutput, error) {
	if s.tokens == nil {
		s.tokens = map[string]bool{}
	}
	s.tokens[*in.ClientToken] = true
	return &ec2.CreateNatGatewayOutput{NatGateway: &types.NatGateway{NatGatewayId: aws.String("nat-1")}}, nil
}

func (s *stuckNAT) DescribeNatGateways(context.Context, *ec2.DescribeNatGatewaysInput, ...options) (
	*ec2.DescribeNatGatewaysOutput, error) {
	return &ec2.DescribeNatGatewaysOutput{NatGateways: []types.NatGateway{{NatGatewayId: aws.String("nat-1"),
		State: s.state}}}, nil
}

// The quota of NAT gateways has its remedy.
func TestNATGatewayLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l, w := newSeveralLab(t, natQuotaOfTests), several(t, natFile)
		l.hook(func(c call) error {
			if c.op == "CreateNatGateway" {
				return apiError("NatGatewayLimitExceeded")
			}
			return nil
		}, nil)
		_, _, err := labUp(ctx, l.Clients, w)
		if errorCode(err) != "NatGatewayLimitExceeded" || !strings.Contains(strings.Join(hint.All(err), "\n"), natQuota) {
			t.Errorf("%v, hints %q", err, hint.All(err))
		}
	})
}

// A run whose every first answer is lost makes one NAT gateway, and removes it.
func TestNATAnswersLost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l, w := newSeveralLab(t, natQuotaOfTests+1), several(t, natFile)
		l.lossy(&loser{lost: map[string]bool{}})
		bringUp(t, l, w)
		if n := len(l.nats()); n != 1 {
			t.Errorf("%d NAT gateways", n)
		}
		takeDown(t, l, "first")
	})
}
