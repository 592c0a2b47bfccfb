// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (b *bench) tag(id, key, value string) error {
	_, err := b.CreateTags(b.ctx, &ec2.CreateTagsInput{Resources: []string{id},
		Tags: []types.Tag{{Key: &key, Value: &value}}})
	return err
}

// hasTag waits until a resource has a tag with that value, or no such tag if value is
// nil; otherwise it fails the check.
func (b *bench) hasTag(id, key string, value *string) {
	b.eventually(fmt.Sprintf("tag %s is %q", key, aws.ToString(value)), func() (string, bool) {
		out := must(b.DescribeTags(b.ctx, &ec2.DescribeTagsInput{Filters: filters("resource-id", id, "key", key)}))(b)
		if len(out.Tags) == 0 {
			return "there is none", value == nil
		}
		return aws.ToString(out.Tags[0].Value), value != nil && aws.ToString(out.Tags[0].Value) == *value
	})
}

var tagChecks = []Check{
	{
		ID: "tags", Title: "Tags are set, overwritten and deleted", Confidence: Documented,
		Source: "EC2 API Reference, CreateTags and DeleteTags",
		Rule:   "CreateTags overwrites; DeleteTags with a value deletes only a tag of that value",
		run: func(b *bench) {
			id := b.place(28).subnet
			b.need(b.tag(id, "k", "1"))
			b.hasTag(id, "k", aws.String("1"))
			b.need(b.tag(id, "k", "2"))
			b.hasTag(id, "k", aws.String("2"))
			remove := func(value *string) {
				must(b.DeleteTags(b.ctx, &ec2.DeleteTagsInput{Resources: []string{id},
					Tags: []types.Tag{{Key: aws.String("k"), Value: value}}}))(b)
			}
			remove(aws.String("1"))
			b.hasTag(id, "k", aws.String("2"))
			remove(nil)
			b.hasTag(id, "k", nil)
			remove(nil) // deleting a missing tag is no error
		},
	},
	{
		ID: "tags-limits", Title: "Limits of tags", Confidence: Documented,
		Source: "EC2 User Guide, Using_Tags: Tag restrictions",
		Rule:   "A key has 128 characters at most and does not begin with aws:, a value 256; a resource has 50 tags",
		run: func(b *bench) {
			id := b.place(28).subnet
			b.wantCode(b.tag(id, "aws:k", "v"), "a key that begins with aws:", "InvalidParameterValue")
			b.wantCode(b.tag(id, strings.Repeat("k", 129), "v"), "a key of 129 characters", "InvalidParameterValue")
			b.wantCode(b.tag(id, "k", strings.Repeat("v", 257)), "a value of 257 characters", "InvalidParameterValue")
			grants(0, b.tag(id, strings.Repeat("k", 128), strings.Repeat("v", 256)))(b,
				"a key of 128 and a value of 256 characters")
			var more []types.Tag
			for i := range 51 {
				more = append(more, types.Tag{Key: aws.String(fmt.Sprintf("n%d", i)), Value: aws.String("")})
			}
			_, err := b.CreateTags(b.ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: more})
			b.wantCode(err, "more than 50 tags", "TagLimitExceeded")
		},
	},
	{
		ID: "tags-keys", Title: "Keys of tags", Confidence: Reported,
		Source: "EC2 User Guide, Using_Tags: keys are case-sensitive; cloud-custodian, issue 3792, and aws-cli, issue " +
			"3283: the codes",
		Rule: "Keys that differ in case are two tags; a key that is empty, or twice at creation, is " +
			"InvalidParameterValue",
		run: func(b *bench) {
			p := b.place(28)
			b.need(b.tag(p.subnet, "key", "1"))
			b.need(b.tag(p.subnet, "Key", "2"))
			b.hasTag(p.subnet, "key", aws.String("1"))
			b.hasTag(p.subnet, "Key", aws.String("2"))
			b.wantCode(b.tag(p.subnet, "", "v"), "an empty key", "InvalidParameterValue")
			twice := []types.Tag{{Key: aws.String("twice"), Value: aws.String("1")},
				{Key: aws.String("twice"), Value: aws.String("2")}}
			_, err := b.CreateNetworkInterface(b.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet,
				TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeNetworkInterface,
					Tags: append(twice, b.tags(types.ResourceTypeNetworkInterface)[0].Tags...)}}})
			b.wantCode(err, "a key twice at creation", "InvalidParameterValue")
			_, err = b.CreateTags(b.ctx, &ec2.CreateTagsInput{Resources: []string{p.subnet}, Tags: twice})
			b.observe("a key twice in CreateTags: %s", answer(err))
		},
	},
	{
		ID: "tags-at-creation", Title: "Tags at creation are for what is created", Confidence: Documented,
		Source: "EC2 API Reference, TagSpecification",
		Rule:   "A TagSpecification for another type of resource is refused with InvalidParameterValue, and nothing is made",
		run: func(b *bench) {
			p := b.place(28)
			_, err := b.CreateNetworkInterface(b.ctx,
				&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet, TagSpecifications: b.tags(types.ResourceTypeVpc)})
			b.wantCode(err, "tags for a vpc on a network interface", "InvalidParameterValue")
			e := b.eni(p)
			b.hasTag(*e.NetworkInterfaceId, TagRun, &b.cfg.Run)
		},
	},
	{
		ID: "tags-unknown", Title: "Tags for what is not there", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview",
		Rule:   "A tag for a resource that does not exist is the NotFound of its kind",
		run: func(b *bench) {
			b.wantCode(b.tag(b.unknownID("subnet"), "k", "v"), "an unknown subnet", "InvalidSubnetID.NotFound")
			b.wantCode(b.tag(b.unknownID("vpc"), "k", "v"), "an unknown VPC", "InvalidVpcID.NotFound")
			b.refused(b.tag("moon", "k", "v"), "an ID of no kind")
		},
	},
}
