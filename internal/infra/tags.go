// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
)

// The parts of a cloud. A part has one resource.
const (
	partVPC             = "vpc"
	partInternetGateway = "internet-gateway"
	partAttachment      = partInternetGateway + "/attach"
	partNATGateway      = "nat-gateway"
	partNATAddress      = "address/" + partNATGateway
	partRouteTable      = "route-table"
	partPrivateRoutes   = partRouteTable + "/private"
	partKeyPair         = "key-pair"
	partRole            = "iam-role"
	partRights          = partRole + "/rights" // of the gateways
	partProfile         = "instance-profile"
	partManagement      = awsapi.ManagementNetwork
	partProvider        = awsapi.ProviderNetwork
)

// partVPCIPv6 and partSubnetIPv6 are the IPv6 blocks of the VPC and of the provider subnet, which
// have no tags of their own. The ID of the latter is the block itself, for lack of another.
const (
	partVPCIPv6    = partVPC + "/ipv6"
	partSubnetIPv6 = "subnet/" + partProvider + "/ipv6"
)

func partSubnet(network string) string { return awsapi.SubnetPart(network) }
func partGroup(network string) string  { return awsapi.GroupPart(network) }
func partInstance(node string) string  { return awsapi.InstancePart(node) }

// privateNetwork is the network of a zone's nodes that only compute.
func privateNetwork(zone string) string { return "private/" + zone }

func isPrivate(network string) bool { return strings.HasPrefix(network, privateNetwork("")) }

// networkName is a network's name for display.
func networkName(network string) string { return strings.ReplaceAll(network, "/", " ") }

// partENIs are the parts of a node's first interfaces, in the order of its devices. Only gateways have one in
// the provider network.
func partENIs(n cloud.Node) []string {
	all := []string{awsapi.InterfacePart(n.Name, partManagement)}
	if isGateway(n) {
		all = append(all, awsapi.InterfacePart(n.Name, partProvider))
	}
	return all
}

func partNodeAddress(node string) string { return awsapi.NodeAddressPart(node) }
func partReservation(cidr string) string { return "reservation/" + cidr }

// keyName is a key pair's name, which is unique in a region.
func keyName(cloud string) string { return "macaw-" + cloud }

// groupName is a security group's name, which is unique in its VPC. It must not begin with "sg-" (EC2
// API Reference, CreateSecurityGroup), as a cloud's name may.
func groupName(cloud, network string) string { return "macaw-" + cloud + "-" + network }
