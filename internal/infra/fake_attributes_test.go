package infra

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// The fake's attributes are as they are made, and those calls that change them
// are the lab's to answer.

func (f *fake) DescribeInstanceAttribute(
	ctx context.Context,
	in *ec2.DescribeInstanceAttributeInput,
	_ ...options,
) (*ec2.DescribeInstanceAttributeOutput, error) {
	return do(ctx, f, "DescribeInstanceAttribute", func() (*ec2.DescribeInstanceAttributeOutput, error) {
		if f.instances[*in.InstanceId] == nil {
			return nil, apiError("InvalidInstanceID.NotFound")
		}
		off := &types.AttributeBooleanValue{Value: aws.Bool(false)}
		return &ec2.DescribeInstanceAttributeOutput{DisableApiTermination: off, DisableApiStop: off,
			InstanceInitiatedShutdownBehavior: &types.AttributeValue{Value: aws.String("stop")},
			UserData:                          &types.AttributeValue{Value: f.userData[*in.InstanceId]}}, nil
	})
}

func (f *fake) DescribeVolumes(
	ctx context.Context,
	in *ec2.DescribeVolumesInput,
	_ ...options,
) (*ec2.DescribeVolumesOutput, error) {
	return do(
		ctx,
		f,
		"DescribeVolumes",
		func() (*ec2.DescribeVolumesOutput, error) { return &ec2.DescribeVolumesOutput{}, nil },
	)
}

func (f *fake) CreateTags(ctx context.Context, in *ec2.CreateTagsInput, _ ...options) (*ec2.CreateTagsOutput, error) {
	return do(ctx, f, "CreateTags", func() (*ec2.CreateTagsOutput, error) {
		for _, id := range in.Resources {
			if v := f.vpcs[id]; v != nil {
				for _, t := range in.Tags {
					v.Tags = slices.DeleteFunc(
						slices.Clone(v.Tags),
						func(old types.Tag) bool { return *old.Key == *t.Key },
					)
					v.Tags = append(v.Tags, t)
				}
			}
		}
		return &ec2.CreateTagsOutput{}, nil
	})
}

func (f *fake) made(in *ec2.RunInstancesInput, i *types.Instance) {
	i.KeyName = in.KeyName
	m := in.MetadataOptions
	i.MetadataOptions = &types.InstanceMetadataOptionsResponse{
		HttpEndpoint:            m.HttpEndpoint,
		HttpProtocolIpv6:        m.HttpProtocolIpv6,
		HttpTokens:              m.HttpTokens,
		InstanceMetadataTags:    m.InstanceMetadataTags,
		HttpPutResponseHopLimit: m.HttpPutResponseHopLimit,
	}
	f.userData[*i.InstanceId] = in.UserData
	if _, err := base64.StdEncoding.DecodeString(aws.ToString(in.UserData)); err != nil {
		panic(err)
	}
}

func (f *fake) ReplaceRouteTableAssociation(
	context.Context,
	*ec2.ReplaceRouteTableAssociationInput,
	...options,
) (*ec2.ReplaceRouteTableAssociationOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) ModifySubnetAttribute(
	context.Context,
	*ec2.ModifySubnetAttributeInput,
	...options,
) (*ec2.ModifySubnetAttributeOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) AuthorizeSecurityGroupEgress(
	context.Context,
	*ec2.AuthorizeSecurityGroupEgressInput,
	...options,
) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) RevokeSecurityGroupEgress(
	context.Context,
	*ec2.RevokeSecurityGroupEgressInput,
	...options,
) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) ModifyNetworkInterfaceAttribute(
	context.Context,
	*ec2.ModifyNetworkInterfaceAttributeInput,
	...options,
) (*ec2.ModifyNetworkInterfaceAttributeOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) ModifyInstanceAttribute(
	context.Context,
	*ec2.ModifyInstanceAttributeInput,
	...options,
) (*ec2.ModifyInstanceAttributeOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) ModifyInstanceMetadataOptions(
	context.Context,
	*ec2.ModifyInstanceMetadataOptionsInput,
	...options,
) (*ec2.ModifyInstanceMetadataOptionsOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) DeleteVolume(context.Context, *ec2.DeleteVolumeInput, ...options) (*ec2.DeleteVolumeOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) DescribeAccountAttributes(context.Context, *ec2.DescribeAccountAttributesInput, ...options) (*ec2.DescribeAccountAttributesOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) DescribeInstanceTypes(context.Context, *ec2.DescribeInstanceTypesInput, ...options) (*ec2.DescribeInstanceTypesOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) DescribeInstanceTypeOfferings(context.Context, *ec2.DescribeInstanceTypeOfferingsInput, ...options) (*ec2.DescribeInstanceTypeOfferingsOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) DescribeVpcEndpoints(context.Context, *ec2.DescribeVpcEndpointsInput, ...options) (*ec2.DescribeVpcEndpointsOutput, error) {
	return nil, apiError("InvalidAction")
}

func (f *fake) DescribeNetworkAcls(context.Context, *ec2.DescribeNetworkAclsInput, ...options) (*ec2.DescribeNetworkAclsOutput, error) {
	return nil, apiError("InvalidAction")
}
