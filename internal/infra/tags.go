package infra

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// The tags are the only record of what belongs to a cloud, so that there is no
// state file to lose. They are set in the call that makes a resource: a
// process killed right after it leaves nothing that cannot be found.
const (
	// TagCloud holds the cloud's name.
	TagCloud = "macaw:cloud"
	// TagPart tells a cloud's resources apart, such as "eni/cloud-1/provider".
	TagPart = "macaw:part"
	// TagPackages is on an image and says which packages are installed in it.
	TagPackages = "macaw:packages"
	// TagSealed is on an instance that is made ready for an image: nobody can log in
	// any more, or soon nobody can.
	TagSealed = "macaw:sealed"
)

// The parts of a cloud. A part has one resource.
const (
	partVPC             = "vpc"
	partInternetGateway = "internet-gateway"
	partRouteTable      = "route-table"
	partKeyPair         = "key-pair"
	partRole            = "iam-role"
	partProfile         = "instance-profile"
	partManagement      = "management"
	partProvider        = "provider"
)

// partVPCIPv6 and partSubnetIPv6 are the IPv6 blocks of the VPC and of the
// provider subnet, which bear no tags of their own. What is known by the latter
// is the block itself, for it has no better name.
const (
	partVPCIPv6    = partVPC + "/ipv6"
	partSubnetIPv6 = "subnet/" + partProvider + "/ipv6"
)

func partSubnet(network string) string          { return "subnet/" + network }
func partGroup(network string) string           { return "security-group/" + network }
func partInterface(node, network string) string { return "eni/" + node + "/" + network }
func partInstance(node string) string           { return "instance/" + node }
func partNodeAddress(node string) string        { return "address/" + node + "/" + partManagement }
func partReservation(cidr string) string        { return "reservation/" + cidr }

const providerAddresses = "address/" + partProvider + "/"

func partProviderAddress(private string) string { return providerAddresses + private }

// keyName is a key pair's name, which is unique in a region.
func keyName(cloud string) string { return "macaw-" + cloud }

// groupName is a security group's name, which is unique in its VPC.
func groupName(cloud, network string) string { return cloud + "-" + network }

func tagged(t types.ResourceType, cloud, part string) types.TagSpecification {
	return types.TagSpecification{ResourceType: t, Tags: tagsOf(cloud, part)}
}

func tagsOf(cloud, part string) []types.Tag {
	tag := func(k, v string) types.Tag { return types.Tag{Key: aws.String(k), Value: aws.String(v)} }
	return []types.Tag{
		tag("Name", cloud+"-"+strings.ReplaceAll(part, "/", "-")),
		tag(TagCloud, cloud),
		tag(TagPart, part),
	}
}

func tag(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}
