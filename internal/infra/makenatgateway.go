// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
	"macaw.example/internal/inventory"
)

// natPolicy is for the minutes that a NAT gateway takes to become available, and to go: as long as the waiters of
// AWS's SDK (EC2 API, NatGatewayAvailable and NatGatewayDeleted: 40 times 15 seconds).
var natPolicy = policy(time.Second, 5*time.Second, 10*time.Minute)

// natQuota is the code in Service Quotas of NAT gateways per availability zone: five in a new account (VPC User
// Guide, amazon-vpc-limits).
const natQuota = "L-FE5A380F"

// createNATGateway makes a NAT gateway with a private address and waits until it is available. What is missing shows
// only then: the call succeeds, and the gateway fails (EC2 API Reference, NatGateway). gone has the IDs of earlier
// ones that AWS still shows: their tokens are spent.
func createNATGateway(private netip.Addr, gone []string) step {
	return func(ctx context.Context, a *applier) error {
		subnet, allocation := a.id(partSubnet(partManagement)), a.id(partNATAddress)
		for g := range generations {
			in := &ec2.CreateNatGatewayInput{
				SubnetId: aws.String(subnet), AllocationId: aws.String(allocation),
				ConnectivityType: types.ConnectivityTypePublic, PrivateIpAddress: aws.String(private.String()),
				ClientToken: token(a.cloud, partNATGateway, subnet, allocation, private.String(), strings.Join(gone, ","),
					fmt.Sprint(g)),
				TagSpecifications: a.tags(types.ResourceTypeNatgateway, partNATGateway),
			}
			var id string
			err := a.call(ctx, func(ctx context.Context) error {
				out, err := a.api.CreateNatGateway(ctx, in)
				if err == nil {
					id = aws.ToString(out.NatGateway.NatGatewayId)
				}
				return err
			})
			if errorCode(err) == "NatGatewayLimitExceeded" {
				return hint.With(err, "ask AWS for more: Service Quotas, vpc, %s; or management.nat: instance", natQuota)
			}
			if err != nil {
				return err
			}
			a.set(partNATGateway, id)
			if err := awaitNATGateway(id)(ctx, a); !errors.Is(err, errNoLonger) {
				return err
			}
		}
		return errNoLonger
	}
}

// awaitNATGateway waits until a NAT gateway is available. AWS may not show it at first.
func awaitNATGateway(id string) step {
	return func(ctx context.Context, a *applier) error {
		late := a.clock.Now().Add(visiblePolicy.Total)
		return a.until(ctx, natPolicy, func(ctx context.Context) (bool, error) {
			n, err := a.natGateway(ctx, id)
			switch {
			case err != nil:
				return awsapi.Passing(err), err
			case n == nil:
				return a.clock.Now().Before(late), fmt.Errorf("nat gateway %s: %w", id, errNoLonger)
			case n.Available():
				return false, nil
			case n.Live():
				return true, hint.With(fmt.Errorf("nat gateway %s is %s", id, n.State),
					"AWS takes minutes to make one; macaw up continues to wait")
			case n.State == string(types.NatGatewayStateFailed):
				return false, hint.With(fmt.Errorf("nat gateway %s failed: %s", id, n.Reason),
					"macaw up removes it and makes another")
			}
			return false, fmt.Errorf("nat gateway %s is %s: %w", id, n.State, errNoLonger)
		})
	}
}

// natGateway returns nil if AWS shows no such NAT gateway.
func (a *applier) natGateway(ctx context.Context, id string) (*inventory.NATGateway, error) {
	out, err := a.api.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}})
	if awsapi.IsNotFound(err) || err == nil && len(out.NatGateways) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := inventory.NATGatewayOf(out.NatGateways[0])
	return &n, nil
}

// deleteNATGateway deletes a NAT gateway and waits until it is gone. Until then it has its Elastic IP and a network
// interface in its subnet (VPC User Guide, nat-gateway-working-with). Routes to it become black holes.
func deleteNATGateway(id string) step {
	return func(ctx context.Context, a *applier) error {
		if err := a.remove(ctx, func(ctx context.Context) error {
			_, err := a.api.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: aws.String(id)})
			return err
		}); err != nil {
			return err
		}
		return a.until(ctx, natPolicy, func(ctx context.Context) (bool, error) {
			n, err := a.natGateway(ctx, id)
			switch {
			case err != nil:
				return awsapi.Passing(err), err
			case n == nil || n.Deleted():
				return false, nil
			}
			return true, hint.With(fmt.Errorf("nat gateway %s is %s", id, n.State),
				"AWS takes minutes to delete one; the same command continues to wait")
		})
	}
}

// releaseNATAddress releases the Elastic IP of a NAT gateway that is deleted, which ends the association (EC2 API
// Reference, DeleteNatGateway). Nobody may end it before: AWS answers AuthFailure, here and to DisassociateAddress.
func releaseNATAddress(id string) step {
	return oneRemoval(func(ctx context.Context, a *applier) error {
		_, err := a.api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: aws.String(id)})
		return err
	}, "AuthFailure")
}
