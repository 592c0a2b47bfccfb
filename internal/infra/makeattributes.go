// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// AWS changes one attribute per call (EC2 API Reference, ModifyNetworkInterfaceAttribute,
// ModifySubnetAttribute, ModifyInstanceAttribute).

func modifySubnet(part string, in ec2.ModifySubnetAttributeInput) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		in.SubnetId = aws.String(a.id(part))
		_, err := a.api.ModifySubnetAttribute(ctx, &in)
		return err
	})
}

func mapNoPublic(part string) step {
	return modifySubnet(part,
		ec2.ModifySubnetAttributeInput{MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: aws.Bool(false)}})
}

func assignNoIPv6(part string) step {
	return modifySubnet(
		part,
		ec2.ModifySubnetAttributeInput{
			AssignIpv6AddressOnCreation: &types.AttributeBooleanValue{Value: aws.Bool(false)},
		},
	)
}

func modifyInterface(id string, in func(*applier) ec2.ModifyNetworkInterfaceAttributeInput) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		in := in(a)
		in.NetworkInterfaceId = aws.String(id)
		_, err := a.api.ModifyNetworkInterfaceAttribute(ctx, &in)
		return err
	})
}

// checkSources switches the source/destination check of an interface, which is a part, on or off.
func checkSources(part string, on bool) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		_, err := a.api.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
			NetworkInterfaceId: aws.String(a.id(part)), SourceDestCheck: &types.AttributeBooleanValue{Value: aws.Bool(on)},
		})
		return err
	})
}

func setGroups(id string, groups []string) step {
	return modifyInterface(id, func(a *applier) ec2.ModifyNetworkInterfaceAttributeInput {
		return ec2.ModifyNetworkInterfaceAttributeInput{Groups: a.idsOf(groups)}
	})
}

func keepInterface(id, attachment string) step {
	return modifyInterface(id, func(*applier) ec2.ModifyNetworkInterfaceAttributeInput {
		return ec2.ModifyNetworkInterfaceAttributeInput{Attachment: &types.NetworkInterfaceAttachmentChanges{
			AttachmentId: aws.String(attachment), DeleteOnTermination: aws.Bool(false),
		}}
	})
}

func guardMetadata(instance string) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		m := metadataWanted
		_, err := a.api.ModifyInstanceMetadataOptions(ctx, &ec2.ModifyInstanceMetadataOptionsInput{
			InstanceId: aws.String(instance), HttpEndpoint: types.InstanceMetadataEndpointState(m.Endpoint),
			HttpProtocolIpv6:        types.InstanceMetadataProtocolState(m.IPv6),
			HttpTokens:              types.HttpTokensState(m.Tokens),
			InstanceMetadataTags:    types.InstanceMetadataTagsState(m.Tags),
			HttpPutResponseHopLimit: aws.Int32(m.HopLimit),
		})
		return err
	})
}

func modifyInstance(id string, in ec2.ModifyInstanceAttributeInput) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		in.InstanceId = aws.String(id)
		_, err := a.api.ModifyInstanceAttribute(ctx, &in)
		return err
	}, "IncorrectInstanceState", "IncorrectState") // while it is stopping
}

func stopOnShutdown(instance string) step {
	return modifyInstance(instance, ec2.ModifyInstanceAttributeInput{
		InstanceInitiatedShutdownBehavior: &types.AttributeValue{Value: aws.String("stop")},
	})
}

func setType(instance, name string) step {
	return modifyInstance(instance,
		ec2.ModifyInstanceAttributeInput{InstanceType: &types.AttributeValue{Value: aws.String(name)}})
}

func setUserData(instance string, data []byte) step {
	return modifyInstance(instance,
		ec2.ModifyInstanceAttributeInput{UserData: &types.SecureBlobAttributeValue{Value: data}})
}

func deleteWithInstance(instance, device string) step {
	return modifyInstance(instance, ec2.ModifyInstanceAttributeInput{
		BlockDeviceMappings: []types.InstanceBlockDeviceMappingSpecification{{
			DeviceName: aws.String(device),
			Ebs:        &types.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: aws.Bool(true)},
		}},
	})
}

func setPart(r retag) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		_, err := a.api.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{r.id},
			Tags: []types.Tag{{Key: aws.String(awsapi.TagPart), Value: aws.String(r.part)}}})
		return err
	})
}
