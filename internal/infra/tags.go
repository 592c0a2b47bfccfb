// SPDX-License-Identifier: Apache-2.0

package infra

import awsapi "macaw.example/internal/aws"

// The parts of a cloud. A part has one resource.
const (
	partVPC             = "vpc"
	partInternetGateway = "internet-gateway"
	partAttachment      = partInternetGateway + "/attach"
	partRouteTable      = "route-table"
	partKeyPair         = "key-pair"
	partRole            = "iam-role"
	partRights          = partRole + "/rights"
	partProfile         = "instance-profile"
	partManagement      = "management"
	partProvider        = "provider"
)

// partVPCIPv6 and partSubnetIPv6 are the IPv6 blocks of the VPC and of the provider subnet, which
// have no tags of their own. The ID of the latter is the block itself, for lack of another.
const (
	partVPCIPv6    = partVPC + "/ipv6"
	partSubnetIPv6 = "subnet/" + partProvider + "/ipv6"
)

func partSubnet(network string) string { return "subnet/" + network }
func partGroup(network string) string  { return "security-group/" + network }
func partInstance(node string) string  { return "instance/" + node }

// partENIs are the parts of a node's first interfaces, in the order of its devices.
func partENIs(node string) []string {
	return []string{awsapi.InterfacePart(node, partManagement), awsapi.InterfacePart(node, partProvider)}
}

func partNodeAddress(node string) string { return "address/" + node + "/" + partManagement }
func partReservation(cidr string) string { return "reservation/" + cidr }

// keyName is a key pair's name, which is unique in a region.
func keyName(cloud string) string { return "macaw-" + cloud }

// groupName is a security group's name, which is unique in its VPC. It must not begin with "sg-" (EC2
// API Reference, CreateSecurityGroup), as a cloud's name may.
func groupName(cloud, network string) string { return "macaw-" + cloud + "-" + network }
