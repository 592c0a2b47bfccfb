// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

const partAddress = awsapi.AddressParts

func addressPart(a netip.Addr) string { return awsapi.AddressPart(a.String()) }

// interfacePart is the part of a node's n-th provider interface, counted from 1.
func interfacePart(node string, n int) string { return awsapi.ProviderPart(node, n) }

// mine tells whether an interface is one of this node's.
func (c Config) mine(e ENI) bool { return awsapi.IsProviderPart(c.Node, e.Part) }

func (c Config) tags(t types.ResourceType, part string) []types.TagSpecification {
	return awsapi.Tagged(t, c.Cloud, part)
}

func token(what ...string) *string { return aws.String(awsapi.Token(what...)) }
