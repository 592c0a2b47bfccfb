// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/internal/inventory"
)

type options = func(*ec2.Options)

// EC2 is the subset of the EC2 API that this package uses; *ec2.Client implements it.
type EC2 interface {
	inventory.EC2Reader
	finder
	accountReader
	networkMaker
	nodeMaker
	remover
}

// accountReader has the calls that show what an account may do (package preflight).
type accountReader interface {
	DescribeRegions(context.Context, *ec2.DescribeRegionsInput, ...options) (*ec2.DescribeRegionsOutput, error)
	DescribeVpcBlockPublicAccessExclusions(
		context.Context, *ec2.DescribeVpcBlockPublicAccessExclusionsInput, ...options,
	) (*ec2.DescribeVpcBlockPublicAccessExclusionsOutput, error)
	DescribeVpcBlockPublicAccessOptions(
		context.Context, *ec2.DescribeVpcBlockPublicAccessOptionsInput, ...options,
	) (*ec2.DescribeVpcBlockPublicAccessOptionsOutput, error)
	GetAllowedImagesSettings(
		context.Context, *ec2.GetAllowedImagesSettingsInput, ...options) (*ec2.GetAllowedImagesSettingsOutput, error)
	GetEbsDefaultKmsKeyId(
		context.Context, *ec2.GetEbsDefaultKmsKeyIdInput, ...options) (*ec2.GetEbsDefaultKmsKeyIdOutput, error)
	GetEbsEncryptionByDefault(
		context.Context, *ec2.GetEbsEncryptionByDefaultInput, ...options) (*ec2.GetEbsEncryptionByDefaultOutput, error)
	GetInstanceMetadataDefaults(
		context.Context, *ec2.GetInstanceMetadataDefaultsInput, ...options,
	) (*ec2.GetInstanceMetadataDefaultsOutput, error)
}

// finder has further read-only calls.
type finder interface {
	ec2.DescribeIamInstanceProfileAssociationsAPIClient
	ec2.DescribeImagesAPIClient
	ec2.DescribeInstanceStatusAPIClient
	ec2.DescribeInstanceTypesAPIClient
	ec2.DescribeInstanceTypeOfferingsAPIClient

	DescribeAccountAttributes(
		context.Context, *ec2.DescribeAccountAttributesInput, ...options) (*ec2.DescribeAccountAttributesOutput, error)
}

type networkMaker interface {
	AssociateSubnetCidrBlock(
		context.Context, *ec2.AssociateSubnetCidrBlockInput, ...options) (*ec2.AssociateSubnetCidrBlockOutput, error)
	AssociateVpcCidrBlock(
		context.Context, *ec2.AssociateVpcCidrBlockInput, ...options) (*ec2.AssociateVpcCidrBlockOutput, error)
	CreateVpc(context.Context, *ec2.CreateVpcInput, ...options) (*ec2.CreateVpcOutput, error)
	ModifyVpcAttribute(context.Context, *ec2.ModifyVpcAttributeInput, ...options) (*ec2.ModifyVpcAttributeOutput, error)
	CreateInternetGateway(
		context.Context, *ec2.CreateInternetGatewayInput, ...options) (*ec2.CreateInternetGatewayOutput, error)
	AttachInternetGateway(
		context.Context, *ec2.AttachInternetGatewayInput, ...options) (*ec2.AttachInternetGatewayOutput, error)
	CreateNatGateway(context.Context, *ec2.CreateNatGatewayInput, ...options) (*ec2.CreateNatGatewayOutput, error)
	CreateSubnet(context.Context, *ec2.CreateSubnetInput, ...options) (*ec2.CreateSubnetOutput, error)
	CreateSubnetCidrReservation(
		context.Context, *ec2.CreateSubnetCidrReservationInput, ...options,
	) (*ec2.CreateSubnetCidrReservationOutput, error)
	CreateRouteTable(context.Context, *ec2.CreateRouteTableInput, ...options) (*ec2.CreateRouteTableOutput, error)
	CreateRoute(context.Context, *ec2.CreateRouteInput, ...options) (*ec2.CreateRouteOutput, error)
	ReplaceRoute(context.Context, *ec2.ReplaceRouteInput, ...options) (*ec2.ReplaceRouteOutput, error)
	AssociateRouteTable(
		context.Context, *ec2.AssociateRouteTableInput, ...options) (*ec2.AssociateRouteTableOutput, error)
	ReplaceRouteTableAssociation(
		context.Context, *ec2.ReplaceRouteTableAssociationInput, ...options,
	) (*ec2.ReplaceRouteTableAssociationOutput, error)
	ModifySubnetAttribute(
		context.Context, *ec2.ModifySubnetAttributeInput, ...options) (*ec2.ModifySubnetAttributeOutput, error)
	CreateSecurityGroup(
		context.Context, *ec2.CreateSecurityGroupInput, ...options) (*ec2.CreateSecurityGroupOutput, error)
	AuthorizeSecurityGroupIngress(
		context.Context, *ec2.AuthorizeSecurityGroupIngressInput, ...options,
	) (*ec2.AuthorizeSecurityGroupIngressOutput, error)
	RevokeSecurityGroupIngress(
		context.Context, *ec2.RevokeSecurityGroupIngressInput, ...options,
	) (*ec2.RevokeSecurityGroupIngressOutput, error)
	AuthorizeSecurityGroupEgress(
		context.Context, *ec2.AuthorizeSecurityGroupEgressInput, ...options,
	) (*ec2.AuthorizeSecurityGroupEgressOutput, error)
	RevokeSecurityGroupEgress(
		context.Context, *ec2.RevokeSecurityGroupEgressInput, ...options) (*ec2.RevokeSecurityGroupEgressOutput, error)
	CreateTags(context.Context, *ec2.CreateTagsInput, ...options) (*ec2.CreateTagsOutput, error)
}

type nodeMaker interface {
	ImportKeyPair(context.Context, *ec2.ImportKeyPairInput, ...options) (*ec2.ImportKeyPairOutput, error)
	CreateNetworkInterface(
		context.Context, *ec2.CreateNetworkInterfaceInput, ...options) (*ec2.CreateNetworkInterfaceOutput, error)
	ModifyNetworkInterfaceAttribute(
		context.Context, *ec2.ModifyNetworkInterfaceAttributeInput, ...options,
	) (*ec2.ModifyNetworkInterfaceAttributeOutput, error)
	AssignPrivateIpAddresses(
		context.Context, *ec2.AssignPrivateIpAddressesInput, ...options) (*ec2.AssignPrivateIpAddressesOutput, error)
	UnassignPrivateIpAddresses(
		context.Context, *ec2.UnassignPrivateIpAddressesInput, ...options,
	) (*ec2.UnassignPrivateIpAddressesOutput, error)
	AssignIpv6Addresses(
		context.Context, *ec2.AssignIpv6AddressesInput, ...options) (*ec2.AssignIpv6AddressesOutput, error)
	UnassignIpv6Addresses(
		context.Context, *ec2.UnassignIpv6AddressesInput, ...options) (*ec2.UnassignIpv6AddressesOutput, error)
	RunInstances(context.Context, *ec2.RunInstancesInput, ...options) (*ec2.RunInstancesOutput, error)
	ModifyInstanceAttribute(
		context.Context, *ec2.ModifyInstanceAttributeInput, ...options) (*ec2.ModifyInstanceAttributeOutput, error)
	ModifyInstanceCpuOptions(
		context.Context, *ec2.ModifyInstanceCpuOptionsInput, ...options) (*ec2.ModifyInstanceCpuOptionsOutput, error)
	ModifyInstanceMetadataOptions(
		context.Context, *ec2.ModifyInstanceMetadataOptionsInput, ...options,
	) (*ec2.ModifyInstanceMetadataOptionsOutput, error)
	AssociateIamInstanceProfile(
		context.Context, *ec2.AssociateIamInstanceProfileInput, ...options,
	) (*ec2.AssociateIamInstanceProfileOutput, error)
	ReplaceIamInstanceProfileAssociation(
		context.Context, *ec2.ReplaceIamInstanceProfileAssociationInput, ...options,
	) (*ec2.ReplaceIamInstanceProfileAssociationOutput, error)
	StopInstances(context.Context, *ec2.StopInstancesInput, ...options) (*ec2.StopInstancesOutput, error)
	StartInstances(context.Context, *ec2.StartInstancesInput, ...options) (*ec2.StartInstancesOutput, error)
	AllocateAddress(context.Context, *ec2.AllocateAddressInput, ...options) (*ec2.AllocateAddressOutput, error)
	AssociateAddress(context.Context, *ec2.AssociateAddressInput, ...options) (*ec2.AssociateAddressOutput, error)
}

type remover interface {
	TerminateInstances(context.Context, *ec2.TerminateInstancesInput, ...options) (*ec2.TerminateInstancesOutput, error)
	DisassociateAddress(
		context.Context, *ec2.DisassociateAddressInput, ...options) (*ec2.DisassociateAddressOutput, error)
	ReleaseAddress(context.Context, *ec2.ReleaseAddressInput, ...options) (*ec2.ReleaseAddressOutput, error)
	DeleteNatGateway(context.Context, *ec2.DeleteNatGatewayInput, ...options) (*ec2.DeleteNatGatewayOutput, error)
	DeleteNetworkInterface(
		context.Context, *ec2.DeleteNetworkInterfaceInput, ...options) (*ec2.DeleteNetworkInterfaceOutput, error)
	DeleteSecurityGroup(
		context.Context, *ec2.DeleteSecurityGroupInput, ...options) (*ec2.DeleteSecurityGroupOutput, error)
	DeleteSubnetCidrReservation(
		context.Context, *ec2.DeleteSubnetCidrReservationInput, ...options,
	) (*ec2.DeleteSubnetCidrReservationOutput, error)
	DisassociateSubnetCidrBlock(
		context.Context, *ec2.DisassociateSubnetCidrBlockInput, ...options,
	) (*ec2.DisassociateSubnetCidrBlockOutput, error)
	DisassociateVpcCidrBlock(
		context.Context, *ec2.DisassociateVpcCidrBlockInput, ...options) (*ec2.DisassociateVpcCidrBlockOutput, error)
	DeleteRoute(context.Context, *ec2.DeleteRouteInput, ...options) (*ec2.DeleteRouteOutput, error)
	DeleteSubnet(context.Context, *ec2.DeleteSubnetInput, ...options) (*ec2.DeleteSubnetOutput, error)
	DeleteRouteTable(context.Context, *ec2.DeleteRouteTableInput, ...options) (*ec2.DeleteRouteTableOutput, error)
	DetachInternetGateway(
		context.Context, *ec2.DetachInternetGatewayInput, ...options) (*ec2.DetachInternetGatewayOutput, error)
	DeleteInternetGateway(
		context.Context, *ec2.DeleteInternetGatewayInput, ...options) (*ec2.DeleteInternetGatewayOutput, error)
	DeleteVpc(context.Context, *ec2.DeleteVpcInput, ...options) (*ec2.DeleteVpcOutput, error)
	DeleteKeyPair(context.Context, *ec2.DeleteKeyPairInput, ...options) (*ec2.DeleteKeyPairOutput, error)
	DeleteVolume(context.Context, *ec2.DeleteVolumeInput, ...options) (*ec2.DeleteVolumeOutput, error)
}
