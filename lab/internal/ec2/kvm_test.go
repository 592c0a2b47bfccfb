// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A machine has the processor's virtualization extensions if its instance has nested
// virtualization on, or is bare metal.
func TestMachinesWithKVM(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	launch := func(instanceType types.InstanceType, options *types.CpuOptionsRequest) string {
		t.Helper()
		id := *must(l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: instanceType,
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &s, CpuOptions: options}))(l).Instances[0].InstanceId
		l.wait(id, "running")
		return id
	}
	kvm := func(id string) bool {
		t.Helper()
		for _, i := range l.state.Instances() {
			if i.ID == id {
				return i.KVM
			}
		}
		t.Fatalf("there is no machine %s", id)
		return false
	}
	for name, want := range map[types.InstanceType]bool{"t3.small": false, "m8i.large": false, "c5.metal": true} {
		if got := kvm(launch(name, nil)); got != want {
			t.Errorf("KVM on %s: %v", name, got)
		}
	}
	id := launch("m8i.large", &types.CpuOptionsRequest{NestedVirtualization: "enabled"})
	if !kvm(id) {
		t.Error("no KVM with nested virtualization")
	}
	l.stop(id)
	must(l.ModifyInstanceCpuOptions(l.ctx, &ec2.ModifyInstanceCpuOptionsInput{InstanceId: &id, CoreCount: aws.Int32(1),
		ThreadsPerCore: aws.Int32(2), NestedVirtualization: "disabled"}))(l)
	must(l.StartInstances(l.ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}}))(l)
	if kvm(id) {
		t.Error("KVM after nested virtualization was switched off")
	}
}
