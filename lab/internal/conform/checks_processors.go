// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const (
	// nestingType has nested virtualization; machineType does not.
	nestingType = "m8i.large"
	metalType   = "m8i.metal-48xl"
)

// processor describes the processor of an instance type; nil if the region has no such
// type.
func (b *bench) processor(name types.InstanceType) *types.InstanceTypeInfo {
	out, err := b.DescribeInstanceTypes(b.ctx,
		&ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{name}})
	if code(err) == "InvalidInstanceType" {
		b.observe("the region has no %s", name)
		return nil
	}
	b.need(err)
	return &out.InstanceTypes[0]
}

func nests(t *types.InstanceTypeInfo) bool {
	return slices.Contains(t.ProcessorInfo.SupportedFeatures, "nested-virtualization")
}

var processorChecks = []Check{
	{
		ID: "nested-types", Title: "Types with nested virtualization", Confidence: Documented,
		Source: "EC2 User Guide, amazon-ec2-nested-virtualization; EC2 API Reference, ProcessorInfo",
		Rule: "DescribeInstanceTypes shows nested-virtualization among the features of an m8i.large's processor, and not " +
			"of a t3.small's or of bare metal's",
		run: func(b *bench) {
			for name, want := range map[types.InstanceType]bool{machineType: false, nestingType: true, metalType: false} {
				if p := b.processor(name); p != nil {
					b.want("nested virtualization of "+string(name), nests(p), want)
					b.want("bare metal: "+string(name), aws.ToBool(p.BareMetal), name == metalType)
				}
			}
		},
	},
	{
		ID: "nested-run", Title: "Launches with nested virtualization", Confidence: Reported,
		Source: "EC2 API Reference, CpuOptionsRequest; EC2 User Guide, instance-cpu-options-rules; " +
			"aws/karpenter-provider-aws, designs/cpu-options-nested-virtualization.md",
		Rule: "A launch with nested virtualization is UnsupportedOperation on a type that lacks it, and on bare metal, " +
			"which has no processor options",
		Needs: []string{"nested-types", "image", "run-refused"},
		run: func(b *bench) {
			p := b.place(28)
			for name, want := range map[types.InstanceType]string{
				machineType: "UnsupportedOperation", nestingType: "DryRunOperation", metalType: "UnsupportedOperation",
			} {
				if b.processor(name) == nil {
					continue
				}
				_, err := b.RunInstances(b.ctx, &ec2.RunInstancesInput{DryRun: aws.Bool(true), ImageId: aws.String(b.image()),
					InstanceType: name, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &p.subnet,
					CpuOptions: &types.CpuOptionsRequest{NestedVirtualization: types.NestedVirtualizationSpecificationEnabled}})
				b.wantCode(err, "a launch of "+string(name), want)
			}
		},
	},
	{
		ID: "nested-change", Title: "Nested virtualization of an existing instance", Confidence: Documented,
		Source: "EC2 User Guide, amazon-ec2-nested-virtualization; EC2 API Reference, ModifyInstanceCpuOptions",
		Rule: "Nested virtualization changes on a stopped instance only: otherwise IncorrectInstanceState; its type must " +
			"have it",
		Needs: []string{"nested-types", "instance-life"}, Costs: []Cost{Instances},
		run: func(b *bench) {
			p := b.place(28)
			i := b.quietMachine(p, *b.eni(p, p.at(4)).NetworkInterfaceId)
			change := func() error {
				_, err := b.ModifyInstanceCpuOptions(b.ctx, &ec2.ModifyInstanceCpuOptionsInput{InstanceId: &i,
					CoreCount: aws.Int32(1), ThreadsPerCore: aws.Int32(2),
					NestedVirtualization: types.NestedVirtualizationSpecificationEnabled})
				return err
			}
			b.wantCode(change(), "a change while it is running", "IncorrectInstanceState")
			must(b.StopInstances(b.ctx, &ec2.StopInstancesInput{InstanceIds: []string{i}, Force: aws.Bool(true)}))(b)
			b.need(ec2.NewInstanceStoppedWaiter(b.EC2,
				func(o *ec2.InstanceStoppedWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).
				Wait(b.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{i}}, 5*time.Minute))
			b.refused(change(), "a change of a "+string(machineType))
			b.terminate(i)
		},
	},
}
