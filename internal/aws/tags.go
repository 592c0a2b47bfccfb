// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// The tags are the only record of what belongs to a cloud, so there is no state file to lose. They
// are set in the call that makes a resource: a process killed right after it leaves nothing that
// cannot be found.
const (
	// TagCloud holds the cloud's name.
	TagCloud = "macaw:cloud"
	// TagPart is a resource's part in its cloud, such as "eni/cloud-1/provider".
	TagPart = "macaw:part"
)

// Tags are the tags of a part of a cloud.
func Tags(cloud, part string) []types.Tag {
	tag := func(k, v string) types.Tag { return types.Tag{Key: aws.String(k), Value: aws.String(v)} }
	return []types.Tag{
		tag("Name", cloud+"-"+strings.ReplaceAll(part, "/", "-")), // for display
		tag(TagCloud, cloud),
		tag(TagPart, part),
	}
}

// Tagged makes a call set them on the new resource.
func Tagged(t types.ResourceType, cloud, part string) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: t, Tags: Tags(cloud, part)}}
}

// Tag returns the value of a tag, or the empty string.
func Tag(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// Part returns the part of its cloud that a resource is.
func Part(tags []types.Tag) string { return Tag(tags, TagPart) }

// Filter selects resources with one of the values.
func Filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// ByTag selects resources that have a tag with one of the values.
func ByTag(key string, values ...string) types.Filter { return Filter("tag:"+key, values...) }

// InstancePart is the part of a node's instance.
func InstancePart(node string) string { return "instance/" + node }

// InstanceEnded reports whether an instance in a state runs no more, and will not by itself.
func InstanceEnded(state string) bool { return state == "terminated" || state == "stopped" }

// The networks that each cloud has.
const (
	ManagementNetwork = "management"
	ProviderNetwork   = "provider"
)

// SubnetPart is the part of a network's subnet, and GroupPart that of a security group by its name.
func SubnetPart(network string) string { return "subnet/" + network }
func GroupPart(name string) string     { return "security-group/" + name }

// NodeAddressPart is the part of the Elastic IP of a node's management interface.
func NodeAddressPart(node string) string { return "address/" + node + "/" + ManagementNetwork }

// InterfacePart is the part of a node's network interface in one of the cloud's networks.
func InterfacePart(node, network string) string { return "eni/" + node + "/" + network }

// ProviderPart is the part of a node's n-th network interface in the provider network, counted from
// 1: the one that the node is made with, and those that its agent attaches when the addresses of
// the others are used up.
func ProviderPart(node string, n int) string {
	part := InterfacePart(node, ProviderNetwork)
	if n > 1 {
		part += fmt.Sprintf("-%d", n)
	}
	return part
}

// IsProviderPart reports whether a part is one of a node's interfaces in the provider
// network.
func IsProviderPart(node, part string) bool {
	first := ProviderPart(node, 1)
	return part == first || strings.HasPrefix(part, first+"-")
}

// AddressParts is the prefix of the parts of Elastic IPs for Neutron's addresses.
const AddressParts = "address/provider/"

// AddressPart is the part of the Elastic IP for one of Neutron's addresses. It does not depend on
// whether it is made with the cloud or by an agent, so that a change of the cloud's policy loses
// none that is in use.
func AddressPart(private string) string { return AddressParts + private }
