// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// cheap are small x86 types of several generations: most regions have a zone that lacks some of them.
var cheap = []string{"t3.micro", "t3a.micro", "m5a.large", "m6a.large", "c6a.large", "m7i.large", "c7a.large",
	"m7a.large", "m8i.large", "c8i.large", "r8i.large"}

// notOffered finds a type, a zone that does not offer it, and the zones that do; without one the check is skipped.
func (b *bench) notOffered() (name, zone string, others []string) {
	zones := must(b.DescribeInstanceTypeOfferings(b.ctx, &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: types.LocationTypeAvailabilityZone,
		Filters:      []types.Filter{{Name: aws.String("instance-type"), Values: cheap}}}))(b).InstanceTypeOfferings
	all, of := map[string]bool{}, map[string][]string{}
	for _, o := range zones {
		all[aws.ToString(o.Location)] = true
		of[string(o.InstanceType)] = append(of[string(o.InstanceType)], aws.ToString(o.Location))
	}
	for _, name := range cheap {
		for _, zone := range slices.Sorted(maps.Keys(all)) {
			if len(of[name]) > 0 && !slices.Contains(of[name], zone) {
				return name, zone, of[name]
			}
		}
	}
	b.skip("every zone of the region offers each of %s that the region has", strings.Join(cheap, ", "))
	return "", "", nil
}

var offerChecks = []Check{
	{
		ID: "type-not-offered", Title: "A type that a zone lacks", Confidence: Documented,
		Source: "EC2 API Reference, DescribeInstanceTypeOfferings and errors-overview: Unsupported; EC2 User Guide, " +
			"troubleshooting-launch",
		Rule: "A launch of a type in a zone that DescribeInstanceTypeOfferings does not show it in is Unsupported, and the " +
			"text names zones that have it",
		Needs: []string{"run-refused"},
		run: func(b *bench) {
			name, zone, others := b.notOffered()
			p := b.placeAt(b.sites.main, zone, 28)
			in := &ec2.RunInstancesInput{ImageId: aws.String(b.image()), InstanceType: types.InstanceType(name),
				MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &p.subnet, DryRun: aws.Bool(true),
				TagSpecifications: append(b.tags(types.ResourceTypeInstance), b.tags(types.ResourceTypeVolume)...)}
			_, err := b.RunInstances(b.ctx, in)
			b.observe("%s in %s with DryRun: %s", name, zone, code(err))
			in.DryRun = nil
			made, err := b.RunInstances(b.ctx, in)
			if err == nil {
				b.terminate(aws.ToString(made.Instances[0].InstanceId)) // AWS charges for a minute
			}
			b.wantCode(err, name+" in "+zone, "Unsupported")
			b.holds(slices.ContainsFunc(others, func(z string) bool { return strings.Contains(err.Error(), z) }),
				"the text names a zone that has it", "%s", err)
		},
	},
}
