// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// Each of these returns all resources of a kind that pass the filters. Package infra looks for the result of a
// call whose response was lost with the exported ones.

func FindVPCs(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.Vpc, error) {
	return awsapi.Collect(ctx, ec2.NewDescribeVpcsPaginator(api, &ec2.DescribeVpcsInput{Filters: filters}),
		func(out *ec2.DescribeVpcsOutput) []types.Vpc { return out.Vpcs })
}

func FindInternetGateways(
	ctx context.Context, api EC2Reader, filters ...types.Filter,
) ([]types.InternetGateway, error) {
	in := &ec2.DescribeInternetGatewaysInput{Filters: filters}
	return awsapi.Collect(ctx, ec2.NewDescribeInternetGatewaysPaginator(api, in),
		func(out *ec2.DescribeInternetGatewaysOutput) []types.InternetGateway { return out.InternetGateways })
}

func FindSubnets(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.Subnet, error) {
	return awsapi.Collect(ctx, ec2.NewDescribeSubnetsPaginator(api, &ec2.DescribeSubnetsInput{Filters: filters}),
		func(out *ec2.DescribeSubnetsOutput) []types.Subnet { return out.Subnets })
}

func FindRouteTables(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.RouteTable, error) {
	in := &ec2.DescribeRouteTablesInput{Filters: filters}
	return awsapi.Collect(ctx, ec2.NewDescribeRouteTablesPaginator(api, in),
		func(out *ec2.DescribeRouteTablesOutput) []types.RouteTable { return out.RouteTables })
}

func FindSecurityGroups(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.SecurityGroup, error) {
	in := &ec2.DescribeSecurityGroupsInput{Filters: filters}
	return awsapi.Collect(ctx, ec2.NewDescribeSecurityGroupsPaginator(api, in),
		func(out *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return out.SecurityGroups })
}

func findInterfaces(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.NetworkInterface, error) {
	in := &ec2.DescribeNetworkInterfacesInput{Filters: filters}
	return awsapi.Collect(ctx, ec2.NewDescribeNetworkInterfacesPaginator(api, in),
		func(out *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface { return out.NetworkInterfaces })
}

func findInstances(ctx context.Context, api EC2Reader, filters ...types.Filter) (all []types.Instance, err error) {
	in := &ec2.DescribeInstancesInput{Filters: filters}
	reservations, err := awsapi.Collect(ctx, ec2.NewDescribeInstancesPaginator(api, in),
		func(out *ec2.DescribeInstancesOutput) []types.Reservation { return out.Reservations })
	for _, r := range reservations {
		all = append(all, r.Instances...)
	}
	return all, err
}

func findVolumes(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.Volume, error) {
	return awsapi.Collect(ctx, ec2.NewDescribeVolumesPaginator(api, &ec2.DescribeVolumesInput{Filters: filters}),
		func(out *ec2.DescribeVolumesOutput) []types.Volume { return out.Volumes })
}

func findNetworkACLs(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.NetworkAcl, error) {
	in := &ec2.DescribeNetworkAclsInput{Filters: filters}
	return awsapi.Collect(ctx, ec2.NewDescribeNetworkAclsPaginator(api, in),
		func(out *ec2.DescribeNetworkAclsOutput) []types.NetworkAcl { return out.NetworkAcls })
}

func findEndpoints(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.VpcEndpoint, error) {
	in := &ec2.DescribeVpcEndpointsInput{Filters: filters}
	return awsapi.Collect(ctx, ec2.NewDescribeVpcEndpointsPaginator(api, in),
		func(out *ec2.DescribeVpcEndpointsOutput) []types.VpcEndpoint { return out.VpcEndpoints })
}

// FindAddresses makes one call: the result has no pages (EC2 API Reference, DescribeAddresses).
func FindAddresses(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.Address, error) {
	out, err := api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filters})
	if err != nil {
		return nil, err
	}
	return out.Addresses, nil
}

// FindKeyPairs makes one call: the result has no pages (EC2 API Reference, DescribeKeyPairs).
func FindKeyPairs(ctx context.Context, api EC2Reader, filters ...types.Filter) ([]types.KeyPairInfo, error) {
	in := &ec2.DescribeKeyPairsInput{Filters: filters, IncludePublicKey: aws.Bool(true)}
	out, err := api.DescribeKeyPairs(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.KeyPairs, nil
}
