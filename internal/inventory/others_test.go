// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/labtest"
)

// furnished is an AWS with kinds of resources that the lab cannot make.
type furnished struct{ EC2Reader }

func (furnished) DescribeVpcEndpoints(
	context.Context, *ec2.DescribeVpcEndpointsInput, ...func(*ec2.Options),
) (*ec2.DescribeVpcEndpointsOutput, error) {
	return &ec2.DescribeVpcEndpointsOutput{VpcEndpoints: []types.VpcEndpoint{
		{VpcEndpointId: aws.String("vpce-s3"), VpcEndpointType: types.VpcEndpointTypeGateway,
			RouteTableIds: []string{"rtb-1"}},
		{VpcEndpointId: aws.String("vpce-gone"), VpcEndpointType: types.VpcEndpointTypeGateway, State: types.StateDeleted},
		{VpcEndpointId: aws.String("vpce-ssm"), VpcEndpointType: types.VpcEndpointTypeInterface}, // has network interfaces
	}}, nil
}

func (furnished) DescribeNetworkAcls(
	context.Context, *ec2.DescribeNetworkAclsInput, ...func(*ec2.Options),
) (*ec2.DescribeNetworkAclsOutput, error) {
	return &ec2.DescribeNetworkAclsOutput{NetworkAcls: []types.NetworkAcl{
		{NetworkAclId: aws.String("acl-default"), IsDefault: aws.Bool(true)}, {NetworkAclId: aws.String("acl-1")},
	}}, nil
}

func (furnished) DescribeInternetGateways(
	context.Context, *ec2.DescribeInternetGatewaysInput, ...func(*ec2.Options),
) (*ec2.DescribeInternetGatewaysOutput, error) {
	return &ec2.DescribeInternetGatewaysOutput{InternetGateways: []types.InternetGateway{
		{InternetGatewayId: aws.String("igw-1")},
	}}, nil
}

func TestSeeOthers(t *testing.T) {
	api := furnished{ec2.NewFromConfig(labtest.NewAPI(t, labtest.APIOptions{}).Config())}
	got, err := SeeOthers(t.Context(), api, Seen{
		Cloud: "first", VPCs: []VPC{{ID: "vpc-1"}}, Volumes: []Volume{{ID: "vol-1", Instance: "i-1"}, {ID: "vol-2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Other{
		{"network acl acl-1", "acl-1", []string{"vpc-1"}},
		{"instance i-1", "i-1", []string{"vol-1"}},
		{"internet gateway igw-1", "igw-1", []string{"vpc-1"}},
		{"vpc endpoint vpce-s3", "vpce-s3", []string{"rtb-1", "vpc-1"}},
	}, got); diff != "" {
		t.Error(diff)
	}
}
