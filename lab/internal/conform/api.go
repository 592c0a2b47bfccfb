// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

type options = func(*ec2.Options)

// EC2 is the part of EC2's API that the checks call; *ec2.Client implements it.
type EC2 interface {
	looker
	networkChanger
	addressChanger
	instanceChanger
}

// looker has the calls that change nothing.
type looker interface {
	DescribeAddresses(context.Context, *ec2.DescribeAddressesInput, ...options) (*ec2.DescribeAddressesOutput, error)
	DescribeImages(context.Context, *ec2.DescribeImagesInput, ...options) (*ec2.DescribeImagesOutput, error)
	DescribeInstanceTypeOfferings(context.Context, *ec2.DescribeInstanceTypeOfferingsInput,
		...options) (*ec2.DescribeInstanceTypeOfferingsOutput, error)
	DescribeInstanceTypes(context.Context, *ec2.DescribeInstanceTypesInput, ...options) (*ec2.DescribeInstanceTypesOutput,
		error)
	DescribeInstances(context.Context, *ec2.DescribeInstancesInput, ...options) (*ec2.DescribeInstancesOutput, error)
	DescribeInternetGateways(context.Context, *ec2.DescribeInternetGatewaysInput,
		...options) (*ec2.DescribeInternetGatewaysOutput, error)
	DescribeKeyPairs(context.Context, *ec2.DescribeKeyPairsInput, ...options) (*ec2.DescribeKeyPairsOutput, error)
	DescribeNatGateways(context.Context, *ec2.DescribeNatGatewaysInput, ...options) (*ec2.DescribeNatGatewaysOutput, error)
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput,
		...options) (*ec2.DescribeNetworkInterfacesOutput, error)
	DescribeRouteTables(context.Context, *ec2.DescribeRouteTablesInput, ...options) (*ec2.DescribeRouteTablesOutput, error)
	DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput,
		...options) (*ec2.DescribeSecurityGroupsOutput, error)
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...options) (*ec2.DescribeSubnetsOutput, error)
	DescribeTags(context.Context, *ec2.DescribeTagsInput, ...options) (*ec2.DescribeTagsOutput, error)
	DescribeVpcAttribute(context.Context, *ec2.DescribeVpcAttributeInput, ...options) (*ec2.DescribeVpcAttributeOutput,
		error)
	DescribeVpcs(context.Context, *ec2.DescribeVpcsInput, ...options) (*ec2.DescribeVpcsOutput, error)
	GetSubnetCidrReservations(context.Context, *ec2.GetSubnetCidrReservationsInput,
		...options) (*ec2.GetSubnetCidrReservationsOutput, error)
}

// networkChanger has the calls that change VPCs and their contents.
type networkChanger interface {
	AssociateRouteTable(context.Context, *ec2.AssociateRouteTableInput, ...options) (*ec2.AssociateRouteTableOutput, error)
	AttachInternetGateway(context.Context, *ec2.AttachInternetGatewayInput, ...options) (*ec2.AttachInternetGatewayOutput,
		error)
	AuthorizeSecurityGroupIngress(context.Context, *ec2.AuthorizeSecurityGroupIngressInput,
		...options) (*ec2.AuthorizeSecurityGroupIngressOutput, error)
	CreateInternetGateway(context.Context, *ec2.CreateInternetGatewayInput, ...options) (*ec2.CreateInternetGatewayOutput,
		error)
	CreateNatGateway(context.Context, *ec2.CreateNatGatewayInput, ...options) (*ec2.CreateNatGatewayOutput, error)
	CreateRoute(context.Context, *ec2.CreateRouteInput, ...options) (*ec2.CreateRouteOutput, error)
	CreateRouteTable(context.Context, *ec2.CreateRouteTableInput, ...options) (*ec2.CreateRouteTableOutput, error)
	CreateSecurityGroup(context.Context, *ec2.CreateSecurityGroupInput, ...options) (*ec2.CreateSecurityGroupOutput, error)
	CreateSubnet(context.Context, *ec2.CreateSubnetInput, ...options) (*ec2.CreateSubnetOutput, error)
	CreateSubnetCidrReservation(context.Context, *ec2.CreateSubnetCidrReservationInput,
		...options) (*ec2.CreateSubnetCidrReservationOutput, error)
	CreateTags(context.Context, *ec2.CreateTagsInput, ...options) (*ec2.CreateTagsOutput, error)
	CreateVpc(context.Context, *ec2.CreateVpcInput, ...options) (*ec2.CreateVpcOutput, error)
	DeleteInternetGateway(context.Context, *ec2.DeleteInternetGatewayInput, ...options) (*ec2.DeleteInternetGatewayOutput,
		error)
	DeleteNatGateway(context.Context, *ec2.DeleteNatGatewayInput, ...options) (*ec2.DeleteNatGatewayOutput, error)
	DeleteRoute(context.Context, *ec2.DeleteRouteInput, ...options) (*ec2.DeleteRouteOutput, error)
	DeleteRouteTable(context.Context, *ec2.DeleteRouteTableInput, ...options) (*ec2.DeleteRouteTableOutput, error)
	DeleteSecurityGroup(context.Context, *ec2.DeleteSecurityGroupInput, ...options) (*ec2.DeleteSecurityGroupOutput, error)
	DeleteSubnet(context.Context, *ec2.DeleteSubnetInput, ...options) (*ec2.DeleteSubnetOutput, error)
	DeleteSubnetCidrReservation(context.Context, *ec2.DeleteSubnetCidrReservationInput,
		...options) (*ec2.DeleteSubnetCidrReservationOutput, error)
	DeleteTags(context.Context, *ec2.DeleteTagsInput, ...options) (*ec2.DeleteTagsOutput, error)
	DeleteVpc(context.Context, *ec2.DeleteVpcInput, ...options) (*ec2.DeleteVpcOutput, error)
	DetachInternetGateway(context.Context, *ec2.DetachInternetGatewayInput, ...options) (*ec2.DetachInternetGatewayOutput,
		error)
	DisassociateRouteTable(context.Context, *ec2.DisassociateRouteTableInput,
		...options) (*ec2.DisassociateRouteTableOutput, error)
	ModifyVpcAttribute(context.Context, *ec2.ModifyVpcAttributeInput, ...options) (*ec2.ModifyVpcAttributeOutput, error)
	ReplaceRoute(context.Context, *ec2.ReplaceRouteInput, ...options) (*ec2.ReplaceRouteOutput, error)
	ReplaceRouteTableAssociation(context.Context, *ec2.ReplaceRouteTableAssociationInput,
		...options) (*ec2.ReplaceRouteTableAssociationOutput, error)
	RevokeSecurityGroupIngress(context.Context, *ec2.RevokeSecurityGroupIngressInput,
		...options) (*ec2.RevokeSecurityGroupIngressOutput, error)
}

// addressChanger has the calls that change interfaces and their addresses.
type addressChanger interface {
	AllocateAddress(context.Context, *ec2.AllocateAddressInput, ...options) (*ec2.AllocateAddressOutput, error)
	AssignIpv6Addresses(context.Context, *ec2.AssignIpv6AddressesInput, ...options) (*ec2.AssignIpv6AddressesOutput, error)
	AssignPrivateIpAddresses(context.Context, *ec2.AssignPrivateIpAddressesInput,
		...options) (*ec2.AssignPrivateIpAddressesOutput, error)
	AssociateAddress(context.Context, *ec2.AssociateAddressInput, ...options) (*ec2.AssociateAddressOutput, error)
	AttachNetworkInterface(context.Context, *ec2.AttachNetworkInterfaceInput,
		...options) (*ec2.AttachNetworkInterfaceOutput, error)
	CreateNetworkInterface(context.Context, *ec2.CreateNetworkInterfaceInput,
		...options) (*ec2.CreateNetworkInterfaceOutput, error)
	DeleteNetworkInterface(context.Context, *ec2.DeleteNetworkInterfaceInput,
		...options) (*ec2.DeleteNetworkInterfaceOutput, error)
	DetachNetworkInterface(context.Context, *ec2.DetachNetworkInterfaceInput,
		...options) (*ec2.DetachNetworkInterfaceOutput, error)
	DisassociateAddress(context.Context, *ec2.DisassociateAddressInput, ...options) (*ec2.DisassociateAddressOutput, error)
	ModifyNetworkInterfaceAttribute(context.Context, *ec2.ModifyNetworkInterfaceAttributeInput,
		...options) (*ec2.ModifyNetworkInterfaceAttributeOutput, error)
	ReleaseAddress(context.Context, *ec2.ReleaseAddressInput, ...options) (*ec2.ReleaseAddressOutput, error)
	UnassignIpv6Addresses(context.Context, *ec2.UnassignIpv6AddressesInput, ...options) (*ec2.UnassignIpv6AddressesOutput,
		error)
	UnassignPrivateIpAddresses(context.Context, *ec2.UnassignPrivateIpAddressesInput,
		...options) (*ec2.UnassignPrivateIpAddressesOutput, error)
}

// instanceChanger has the calls that change instances and their keys.
type instanceChanger interface {
	ModifyInstanceCpuOptions(context.Context, *ec2.ModifyInstanceCpuOptionsInput,
		...options) (*ec2.ModifyInstanceCpuOptionsOutput, error)
	DeleteKeyPair(context.Context, *ec2.DeleteKeyPairInput, ...options) (*ec2.DeleteKeyPairOutput, error)
	ImportKeyPair(context.Context, *ec2.ImportKeyPairInput, ...options) (*ec2.ImportKeyPairOutput, error)
	RunInstances(context.Context, *ec2.RunInstancesInput, ...options) (*ec2.RunInstancesOutput, error)
	StartInstances(context.Context, *ec2.StartInstancesInput, ...options) (*ec2.StartInstancesOutput, error)
	StopInstances(context.Context, *ec2.StopInstancesInput, ...options) (*ec2.StopInstancesOutput, error)
	TerminateInstances(context.Context, *ec2.TerminateInstancesInput, ...options) (*ec2.TerminateInstancesOutput, error)
}
