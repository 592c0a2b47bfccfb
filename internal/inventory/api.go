// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// EC2Reader is the subset of the EC2 API that this package uses; *ec2.Client implements it.
type EC2Reader interface {
	ec2.DescribeInstancesAPIClient
	ec2.DescribeInternetGatewaysAPIClient
	ec2.DescribeKeyPairsAPIClient
	ec2.DescribeNatGatewaysAPIClient
	ec2.DescribeNetworkAclsAPIClient
	ec2.DescribeNetworkInterfacesAPIClient
	ec2.DescribeRouteTablesAPIClient
	ec2.DescribeSecurityGroupsAPIClient
	ec2.DescribeSubnetsAPIClient
	ec2.DescribeVolumesAPIClient
	ec2.DescribeVpcEndpointsAPIClient
	ec2.DescribeVpcsAPIClient

	DescribeAddresses(
		context.Context, *ec2.DescribeAddressesInput, ...func(*ec2.Options)) (*ec2.DescribeAddressesOutput, error)
	DescribeAvailabilityZones(
		context.Context, *ec2.DescribeAvailabilityZonesInput, ...func(*ec2.Options),
	) (*ec2.DescribeAvailabilityZonesOutput, error)
	DescribeInstanceAttribute(
		context.Context, *ec2.DescribeInstanceAttributeInput, ...func(*ec2.Options),
	) (*ec2.DescribeInstanceAttributeOutput, error)
	DescribeVpcAttribute(
		context.Context, *ec2.DescribeVpcAttributeInput, ...func(*ec2.Options)) (*ec2.DescribeVpcAttributeOutput, error)
	GetSubnetCidrReservations(
		context.Context, *ec2.GetSubnetCidrReservationsInput, ...func(*ec2.Options),
	) (*ec2.GetSubnetCidrReservationsOutput, error)
}

// IAMReader is the subset of the IAM API that this package uses; *iam.Client implements it.
type IAMReader interface {
	iam.GetRoleAPIClient
	iam.GetInstanceProfileAPIClient

	GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
}
