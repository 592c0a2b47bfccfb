package registrar

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/infra"
)

// The tags are those of package infra, which finds the cloud's resources by
// them too and removes them with the cloud.
const (
	tagCloud    = infra.TagCloud
	tagPart     = infra.TagPart
	partAddress = "address/provider/"
)

func addressPart(a netip.Addr) string { return partAddress + a.String() }

// interfacePart is the part of a node's n-th provider interface, counted from 1.
func interfacePart(node string, n int) string {
	part := "eni/" + node + "/provider"
	if n > 1 {
		part += fmt.Sprintf("-%d", n)
	}
	return part
}

// mine says whether an interface is one of this node's.
func (c Config) mine(e ENI) bool {
	first := interfacePart(c.Node, 1)
	return e.Part == first || strings.HasPrefix(e.Part, first+"-")
}

func (c Config) tags(t types.ResourceType, part string) []types.TagSpecification {
	tag := func(k, v string) types.Tag { return types.Tag{Key: aws.String(k), Value: aws.String(v)} }
	return []types.TagSpecification{{ResourceType: t, Tags: []types.Tag{
		tag("Name", c.Cloud+"-"+strings.ReplaceAll(part, "/", "-")), tag(tagCloud, c.Cloud), tag(tagPart, part),
	}}}
}

func token(what ...string) *string { return aws.String(awsapi.Token(what...)) }
