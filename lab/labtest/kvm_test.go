// SPDX-License-Identifier: Apache-2.0

package labtest_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/lab/labtest"
)

// TestKVM checks that a machine has the host's /dev/kvm if its instance has nested
// virtualization on, and at no other time.
func TestKVM(t *testing.T) {
	lab := labtest.Start(t)
	api := ec2.NewFromConfig(lab.Config())
	_, err := os.Stat("/dev/kvm")
	onHost := err == nil
	// From the host, since a restart ends SSH connections.
	has := func(id string) bool {
		t.Helper()
		out := lab.Command(t, "ssh", id, "--", "sh", "-c", "test -c /dev/kvm && echo yes || echo no")
		return strings.TrimSpace(out) == "yes"
	}
	if m := lab.Launch(t, labtest.Machine{Name: "plain"}); has(m.ID) {
		t.Error("a t3.small has /dev/kvm")
	}
	m := lab.Launch(t, labtest.Machine{Name: "nesting", Type: "m8i.large"})
	if has(m.ID) {
		t.Error("an m8i.large has /dev/kvm by default")
	}
	described := &ec2.DescribeInstancesInput{InstanceIds: []string{m.ID}}
	for _, enabled := range []bool{true, false} {
		if _, err := api.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{m.ID}}); err != nil {
			t.Fatal(err)
		}
		if err := ec2.NewInstanceStoppedWaiter(api, func(o *ec2.InstanceStoppedWaiterOptions) {
			o.MinDelay, o.MaxDelay = 200*time.Millisecond, time.Second
		}).Wait(t.Context(), described, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		in := &ec2.ModifyInstanceCpuOptionsInput{InstanceId: &m.ID, CoreCount: aws.Int32(1), ThreadsPerCore: aws.Int32(2),
			NestedVirtualization: "disabled"}
		if enabled {
			in.NestedVirtualization = "enabled"
		}
		if _, err := api.ModifyInstanceCpuOptions(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if _, err := api.StartInstances(t.Context(), &ec2.StartInstancesInput{InstanceIds: []string{m.ID}}); err != nil {
			t.Fatal(err)
		}
		if err := ec2.NewInstanceRunningWaiter(api, func(o *ec2.InstanceRunningWaiterOptions) {
			o.MinDelay, o.MaxDelay = 200*time.Millisecond, time.Second
		}).Wait(t.Context(), described, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := has(m.ID); got != (enabled && onHost) {
			t.Errorf("nested virtualization %s: /dev/kvm %v, on the host %v", in.NestedVirtualization, got, onHost)
		}
	}
}
