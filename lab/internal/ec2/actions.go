// SPDX-License-Identifier: Apache-2.0

package ec2

// actions are the calls that the lab implements; any other is InvalidAction.
var actions = map[string]Handler{
	"DescribeAvailabilityZones": read(describeAvailabilityZones),
	"DescribeRegions":           read(describeRegions),
	"DescribeAccountAttributes": read(describeAccountAttributes),

	"CreateTags":   write(createTags),
	"DeleteTags":   write(deleteTags),
	"DescribeTags": read(describeTags),

	"CreateVpc":            write(createVpc),
	"DeleteVpc":            write(deleteVpc),
	"DescribeVpcs":         describe("VpcId", "vpcSet", (*tx).vpcXML),
	"ModifyVpcAttribute":   write(modifyVpcAttribute),
	"DescribeVpcAttribute": read(describeVpcAttribute),

	"CreateSubnet":          write(createSubnet),
	"DeleteSubnet":          write(deleteSubnet),
	"DescribeSubnets":       describe("SubnetId", "subnetSet", (*tx).subnetXML),
	"ModifySubnetAttribute": write(modifySubnetAttribute),

	"AssociateVpcCidrBlock":       write(associateVpcCidrBlock),
	"DisassociateVpcCidrBlock":    write(disassociateVpcCidrBlock),
	"AssociateSubnetCidrBlock":    write(associateSubnetCidrBlock),
	"DisassociateSubnetCidrBlock": write(disassociateSubnetCidrBlock),

	"CreateSubnetCidrReservation": write(createSubnetCidrReservation),
	"DeleteSubnetCidrReservation": write(deleteSubnetCidrReservation),
	"GetSubnetCidrReservations":   read(getSubnetCidrReservations),

	"DescribeNetworkAcls":           read(describeNetworkAcls),
	"DescribeVpcEndpoints":          none[endpointXML](kindEndpoint, "VpcEndpointId", "vpcEndpointSet"),
	"DescribeVpcPeeringConnections": none[peeringXML](kindPeering, "VpcPeeringConnectionId", "vpcPeeringConnectionSet"),

	"DescribeVpcClassicLink":           describe("VpcId", "vpcSet", (*tx).classicLinkXML),
	"DescribeVpcClassicLinkDnsSupport": read(describeVpcClassicLinkDNSSupport),

	"CreateInternetGateway":    write(createInternetGateway),
	"AttachInternetGateway":    write(attachInternetGateway),
	"DetachInternetGateway":    write(detachInternetGateway),
	"DeleteInternetGateway":    write(deleteInternetGateway),
	"DescribeInternetGateways": describe("InternetGatewayId", "internetGatewaySet", (*tx).gatewayXML),

	"CreateNatGateway":    write(createNatGateway),
	"DeleteNatGateway":    write(deleteNatGateway),
	"DescribeNatGateways": describe("NatGatewayId", "natGatewaySet", (*tx).natGatewayXML),

	"CreateRouteTable":             write(createRouteTable),
	"AssociateRouteTable":          write(associateRouteTable),
	"DisassociateRouteTable":       write(disassociateRouteTable),
	"ReplaceRouteTableAssociation": write(replaceRouteTableAssociation),
	"DeleteRouteTable":             write(deleteRouteTable),
	"DescribeRouteTables":          describe("RouteTableId", "routeTableSet", (*tx).routeTableXML, pages{most: 100}),
	"CreateRoute":                  write(createRoute),
	"ReplaceRoute":                 write(replaceRoute),
	"DeleteRoute":                  write(deleteRoute),

	"CreateSecurityGroup":           write(createSecurityGroup),
	"DeleteSecurityGroup":           write(deleteSecurityGroup),
	"DescribeSecurityGroups":        read(describeSecurityGroups),
	"DescribeSecurityGroupRules":    describe("SecurityGroupRuleId", "securityGroupRuleSet", (*tx).ruleXML),
	"AuthorizeSecurityGroupIngress": write(authorize(false)),
	"AuthorizeSecurityGroupEgress":  write(authorize(true)),
	"RevokeSecurityGroupIngress":    write(revoke(false)),
	"RevokeSecurityGroupEgress":     write(revoke(true)),

	"CreateKeyPair":    write(createKeyPair),
	"ImportKeyPair":    write(importKeyPair),
	"DeleteKeyPair":    write(deleteKeyPair),
	"DescribeKeyPairs": read(describeKeyPairs),

	"CreateNetworkInterface":            write(createNetworkInterface),
	"DeleteNetworkInterface":            write(deleteNetworkInterface),
	"DescribeNetworkInterfaces":         describe("NetworkInterfaceId", "networkInterfaceSet", (*tx).eniXML),
	"DescribeNetworkInterfaceAttribute": read(describeNetworkInterfaceAttribute),
	"ModifyNetworkInterfaceAttribute":   write(modifyNetworkInterfaceAttribute),
	"ResetNetworkInterfaceAttribute":    write(resetNetworkInterfaceAttribute),
	"AttachNetworkInterface":            write(attachNetworkInterface),
	"DetachNetworkInterface":            write(detachNetworkInterface),
	"AssignPrivateIpAddresses":          write(assignPrivateIpAddresses),
	"UnassignPrivateIpAddresses":        write(unassignPrivateIpAddresses),
	"AssignIpv6Addresses":               write(assignIpv6Addresses),
	"UnassignIpv6Addresses":             write(unassignIpv6Addresses),

	"AllocateAddress":     write(allocateAddress),
	"ReleaseAddress":      write(releaseAddress),
	"AssociateAddress":    write(associateAddress),
	"DisassociateAddress": write(disassociateAddress),
	"DescribeAddresses":   read(describeAddresses),

	"RunInstances":                         write(runInstances),
	"StartInstances":                       write(startInstances),
	"StopInstances":                        write(stopInstances),
	"RebootInstances":                      write(rebootInstances),
	"TerminateInstances":                   write(terminateInstances),
	"DescribeInstances":                    read(describeInstances),
	"DescribeInstanceStatus":               read(describeInstanceStatus),
	"ModifyInstanceMetadataOptions":        write(modifyInstanceMetadataOptions),
	"ModifyInstanceCpuOptions":             write(modifyInstanceCpuOptions),
	"DescribeInstanceAttribute":            read(describeInstanceAttribute),
	"ModifyInstanceAttribute":              write(modifyInstanceAttribute),
	"ModifyPrivateDnsNameOptions":          write(modifyPrivateDnsNameOptions),
	"DescribeInstanceCreditSpecifications": read(describeInstanceCreditSpecifications),
	"GetConsoleOutput":                     read(getConsoleOutput),
	"DescribeInstanceTypes":                read(describeInstanceTypes),
	"DescribeInstanceTypeOfferings":        read(describeInstanceTypeOfferings),

	"AssociateIamInstanceProfile":            write(associateIamInstanceProfile),
	"DisassociateIamInstanceProfile":         write(disassociateIamInstanceProfile),
	"ReplaceIamInstanceProfileAssociation":   write(replaceIamInstanceProfileAssociation),
	"DescribeIamInstanceProfileAssociations": read(describeIamInstanceProfileAssociations),

	"DescribeVolumes": describe("VolumeId", "volumeSet", (*tx).volumeXML),
	"DeleteVolume":    write(deleteVolume),

	"CreateImage":     write(createImage),
	"DeregisterImage": write(deregisterImage),
	"DescribeImages":  read(describeImages),
}
