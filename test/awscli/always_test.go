// SPDX-License-Identifier: Apache-2.0

package awscli

import "strings"

// alwaysShown are the members that AWS shows in every structure of a shape, as "service
// Shape". The service models do not say so: EC2's requires nothing.
//
// The source is recordings of AWS's answers: a member is here if it is in all of the
// recent ones, whatever the state of the resource. Most are those of Cloud Custodian's
// tests (cloud-custodian/cloud-custodian, tests/data/placebo, 2017 to January 2026:
// DescribeInstances, DescribeNetworkInterfaces, DescribeVolumes, ... and IAM's Get and List
// calls); instance types are those of moto (moto/ec2/resources/instance_types.json,
// August 2026), AWS's own answer for all regions. The rest are the examples of AWS's
// command line (awscli/examples/ec2 in Debian's package).
var alwaysShown = map[string]string{
	"ec2 Address": "AllocationId Domain NetworkBorderGroup PublicIp PublicIpv4Pool",
	"ec2 CapacityReservationSpecificationResponse": "CapacityReservationPreference",
	"ec2 CpuOptions":             "CoreCount ThreadsPerCore",
	"ec2 EbsInstanceBlockDevice": "AttachTime DeleteOnTermination Status VolumeId",
	"ec2 EnclaveOptions":         "Enabled",
	"ec2 GroupIdentifier":        "GroupId GroupName",
	"ec2 HibernationOptions":     "Configured",
	"ec2 IamInstanceProfile":     "Arn Id",
	"ec2 Image": "Architecture BlockDeviceMappings CreationDate EnaSupport Hypervisor ImageId ImageLocation ImageType " +
		"Name OwnerId PlatformDetails Public RootDeviceType State UsageOperation VirtualizationType",
	"ec2 Instance": "AmiLaunchIndex Architecture BlockDeviceMappings CapacityReservationSpecification ClientToken " +
		"CpuOptions CurrentInstanceBootMode EbsOptimized EnaSupport EnclaveOptions HibernationOptions Hypervisor " +
		"ImageId InstanceId InstanceType LaunchTime MaintenanceOptions MetadataOptions Monitoring NetworkInterfaces " +
		"NetworkPerformanceOptions Operator Placement PlatformDetails PrivateDnsName ProductCodes PublicDnsName " +
		"RootDeviceName RootDeviceType SecurityGroups State StateTransitionReason UsageOperation " +
		"UsageOperationUpdateTime VirtualizationType",
	"ec2 InstanceBlockDeviceMapping": "DeviceName Ebs",
	"ec2 InstanceMaintenanceOptions": "AutoRecovery RebootMigration",
	"ec2 InstanceMetadataOptionsResponse": "HttpEndpoint HttpProtocolIpv6 HttpPutResponseHopLimit HttpTokens " +
		"InstanceMetadataTags State",
	"ec2 InstanceNetworkInterface": "Attachment Description Groups InterfaceType Ipv6Addresses MacAddress " +
		"NetworkInterfaceId Operator OwnerId PrivateIpAddress PrivateIpAddresses SourceDestCheck Status SubnetId VpcId",
	"ec2 InstanceNetworkInterfaceAssociation": "IpOwnerId PublicDnsName PublicIp",
	"ec2 InstanceNetworkInterfaceAttachment": "AttachTime AttachmentId DeleteOnTermination DeviceIndex NetworkCardIndex " +
		"Status",
	"ec2 InstanceNetworkPerformanceOptions": "BandwidthWeighting",
	"ec2 InstancePrivateIpAddress":          "Primary PrivateIpAddress",
	"ec2 InstanceState":                     "Code Name",
	"ec2 InternetGateway":                   "Attachments InternetGatewayId OwnerId Tags",
	"ec2 InternetGatewayAttachment":         "State VpcId",
	"ec2 IpPermission":                      "IpProtocol IpRanges Ipv6Ranges PrefixListIds UserIdGroupPairs",
	"ec2 KeyPairInfo":                       "KeyFingerprint KeyName KeyPairId",
	"ec2 Monitoring":                        "State",
	"ec2 NatGateway": "ConnectivityType CreateTime NatGatewayAddresses NatGatewayId State " +
		"SubnetId VpcId",
	"ec2 NatGatewayAddress": "NetworkInterfaceId PrivateIp",
	"ec2 NetworkAcl":        "Associations Entries IsDefault NetworkAclId OwnerId Tags VpcId",
	"ec2 NetworkAclEntry":   "Egress Protocol RuleAction RuleNumber",
	"ec2 NetworkInterface": "AvailabilityZone Description Groups InterfaceType Ipv6Addresses MacAddress " +
		"NetworkInterfaceId Operator OwnerId PrivateIpAddress PrivateIpAddresses RequesterManaged SourceDestCheck Status " +
		"SubnetId TagSet VpcId",
	"ec2 NetworkInterfaceAssociation":      "IpOwnerId PublicDnsName PublicIp",
	"ec2 NetworkInterfaceAttachment":       "AttachmentId DeleteOnTermination DeviceIndex InstanceOwnerId Status",
	"ec2 NetworkInterfacePrivateIpAddress": "Primary PrivateIpAddress",
	"ec2 OperatorResponse":                 "Managed",
	"ec2 Placement":                        "AvailabilityZone AvailabilityZoneId GroupName Tenancy",
	"ec2 PrivateDnsNameOptionsResponse":    "EnableResourceNameDnsAAAARecord EnableResourceNameDnsARecord HostnameType",
	"ec2 PrivateDnsNameOptionsOnLaunch":    "EnableResourceNameDnsAAAARecord EnableResourceNameDnsARecord HostnameType",
	"ec2 Reservation":                      "Groups Instances OwnerId ReservationId",
	"ec2 Route":                            "Origin State",
	"ec2 RouteTable":                       "Associations OwnerId PropagatingVgws RouteTableId Routes Tags VpcId",
	"ec2 RouteTableAssociation":            "AssociationState Main RouteTableAssociationId RouteTableId",
	"ec2 RouteTableAssociationState":       "State",
	"ec2 SecurityGroup": "Description GroupId GroupName IpPermissions IpPermissionsEgress OwnerId " +
		"SecurityGroupArn VpcId",
	"ec2 StateReason": "Code Message",
	"ec2 Subnet": "AssignIpv6AddressOnCreation AvailabilityZone AvailabilityZoneId AvailableIpAddressCount " +
		"BlockPublicAccessStates CidrBlock DefaultForAz EnableDns64 Ipv6CidrBlockAssociationSet Ipv6Native " +
		"MapCustomerOwnedIpOnLaunch MapPublicIpOnLaunch OwnerId PrivateDnsNameOptionsOnLaunch State SubnetArn SubnetId " +
		"VpcId",
	"ec2 SubnetIpv6CidrBlockAssociation": "AssociationId Ipv6CidrBlock Ipv6CidrBlockState",
	"ec2 Tag":                            "Key Value",
	"ec2 UserIdGroupPair":                "GroupId UserId",
	"ec2 Volume": "Attachments AvailabilityZone AvailabilityZoneId CreateTime Encrypted Iops MultiAttachEnabled " +
		"Operator Size SnapshotId State VolumeId VolumeType",
	"ec2 VolumeAttachment": "AttachTime DeleteOnTermination Device InstanceId State VolumeId",
	"ec2 Vpc": "CidrBlock CidrBlockAssociationSet DhcpOptionsId InstanceTenancy IsDefault OwnerId " +
		"State VpcId",
	"ec2 VpcCidrBlockAssociation": "AssociationId CidrBlock CidrBlockState",

	// Instance types.
	"ec2 InstanceTypeInfo": "AutoRecoverySupported BareMetal BurstablePerformanceSupported CurrentGeneration " +
		"DedicatedHostsSupported EbsInfo FreeTierEligible HibernationSupported InstanceStorageSupported InstanceType " +
		"MemoryInfo NetworkInfo NitroEnclavesSupport NitroTpmSupport PhcSupport PlacementGroupInfo ProcessorInfo " +
		"RebootMigrationSupport SupportedBootModes SupportedInRegion SupportedRootDeviceTypes SupportedUsageClasses " +
		"SupportedVirtualizationTypes VCpuInfo",
	"ec2 DiskInfo": "Count SizeInGB Type",
	"ec2 EbsInfo":  "AttachmentLimitType EbsOptimizedSupport EncryptionSupport MaximumEbsAttachments NvmeSupport",
	"ec2 EbsOptimizedInfo": "BaselineBandwidthInMbps BaselineIops BaselineThroughputInMBps MaximumBandwidthInMbps " +
		"MaximumIops MaximumThroughputInMBps",
	"ec2 InstanceStorageInfo": "Disks EncryptionSupport NvmeSupport TotalSizeInGB",
	"ec2 MemoryInfo":          "SizeInMiB",
	"ec2 NetworkCardInfo": "BaselineBandwidthInGbps DefaultEnaQueueCountPerInterface MaximumNetworkInterfaces " +
		"NetworkCardIndex NetworkPerformance PeakBandwidthInGbps",
	"ec2 NetworkInfo": "ConnectionTrackingConfiguration DefaultNetworkCardIndex EfaSupported EnaSrdSupported " +
		"EnaSupport EncryptionInTransitSupported FlexibleEnaQueuesSupport Ipv4AddressesPerInterface " +
		"Ipv6AddressesPerInterface Ipv6Supported MaximumNetworkCards MaximumNetworkInterfaces NetworkCards " +
		"NetworkPerformance SecondaryNetworkSupported",
	"ec2 PlacementGroupInfo": "SupportedStrategies",
	"ec2 ProcessorInfo":      "Manufacturer SupportedArchitectures",
	"ec2 VCpuInfo":           "DefaultCores DefaultThreadsPerCore DefaultVCpus",

	// Examples of AWS's command line.
	"ec2 AvailabilityZone":  "GroupName Messages NetworkBorderGroup OptInStatus RegionName State ZoneId ZoneName",
	"ec2 InstanceStatus":    "AvailabilityZone InstanceId InstanceState InstanceStatus SystemStatus",
	"ec2 Region":            "Endpoint OptInStatus RegionName",
	"ec2 SecurityGroupRule": "FromPort GroupId GroupOwnerId IpProtocol IsEgress SecurityGroupRuleId Tags ToPort",

	"iam InstanceProfile": "Arn CreateDate InstanceProfileId InstanceProfileName Path Roles",
	"iam Policy": "Arn AttachmentCount CreateDate DefaultVersionId IsAttachable Path PermissionsBoundaryUsageCount " +
		"PolicyId PolicyName UpdateDate",
	"iam Role": "Arn AssumeRolePolicyDocument CreateDate Path RoleId RoleName",
	"iam User": "Arn CreateDate Path UserId UserName",

	"ssm Parameter":                 "ARN DataType LastModifiedDate Name Type Value Version",
	"sts GetCallerIdentityResponse": "Account Arn UserId",
}

// always returns what AWS always shows in a structure at a place of an answer.
func always(service, shape, path string) []string {
	members := strings.Fields(alwaysShown[service+" "+shape])
	// Only the calls about one role show how long its sessions may be and its last use
	// (IAM API Reference, ListRoles: use GetRole for the rest).
	if service == "iam" && shape == "Role" && strings.HasPrefix(path, "iam GetRole.") {
		members = append(members, "MaxSessionDuration", "RoleLastUsed")
	}
	return members
}
