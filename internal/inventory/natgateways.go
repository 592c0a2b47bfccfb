// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// NATGateway translates the packets of the private subnets on their way to the Internet.
type NATGateway struct {
	ID, Part, VPC, Subnet string
	// State is pending, available, failed, deleting or deleted (EC2 API Reference, NatGateway). A failed one is
	// deleted by AWS in about an hour (VPC User Guide, nat-gateway-troubleshooting).
	State string
	// Reason is AWS's for the state failed: code and message.
	Reason string
	// Interface is its network interface, which AWS makes and which has no tags, Private the private address
	// of that, and Allocation its Elastic IP. Each may be empty.
	Interface, Private, Allocation string
}

// Live reports whether the NAT gateway works or is about to.
func (n NATGateway) Live() bool {
	return n.Available() || n.State == string(types.NatGatewayStatePending)
}

// Available reports whether the NAT gateway works.
func (n NATGateway) Available() bool { return n.State == string(types.NatGatewayStateAvailable) }

// Deleted reports whether AWS only remembers the NAT gateway.
func (n NATGateway) Deleted() bool { return n.State == string(types.NatGatewayStateDeleted) }

func findNATGateways(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.NatGateway, error) {
	in := &ec2.DescribeNatGatewaysInput{Filter: filters}
	return awsapi.Collect(ctx, ec2.NewDescribeNatGatewaysPaginator(api, in),
		func(out *ec2.DescribeNatGatewaysOutput) []types.NatGateway { return out.NatGateways })
}

func (s *Seen) seeNATGateways(ctx context.Context, c clients, mine types.Filter) error {
	found, err := findNATGateways(ctx, c.EC2, mine)
	for _, n := range found {
		s.NATGateways = append(s.NATGateways, NATGatewayOf(n))
	}
	return err
}

// NATGatewayOf reads a NAT gateway. Further addresses than the primary one are not of interest.
func NATGatewayOf(n types.NatGateway) NATGateway {
	out := NATGateway{ID: aws.ToString(n.NatGatewayId), Part: awsapi.Part(n.Tags), VPC: aws.ToString(n.VpcId),
		Subnet: aws.ToString(n.SubnetId), State: string(n.State)}
	if n.State == types.NatGatewayStateFailed {
		out.Reason = strings.Trim(aws.ToString(n.FailureCode)+": "+aws.ToString(n.FailureMessage), ": ")
	}
	for i, a := range n.NatGatewayAddresses {
		if i == 0 || aws.ToBool(a.IsPrimary) {
			out.Interface, out.Private = aws.ToString(a.NetworkInterfaceId), aws.ToString(a.PrivateIp)
			out.Allocation = aws.ToString(a.AllocationId)
		}
	}
	return out
}
