// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// nesting is the cloud of file with a node on which nested virtualization is on.
const nesting = file + "nodes: [{name: cloud-1, type: m8i.xlarge}]\n"

// instance is the cloud's instance on AWS.
func (w *world) instance(t *testing.T, id string) types.Instance {
	t.Helper()
	out, err := ec2.NewFromConfig(w.aws.Config()).DescribeInstances(t.Context(),
		&ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Reservations[0].Instances[0]
}

// mustUpAs brings the cloud up as another file describes it.
func mustUpAs(t *testing.T, w *world, text string, o UpOptions) (UpResult, *quiet) {
	t.Helper()
	d, progress := w.process(text)
	res, err := d.Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res, progress
}

// Up does not stop an instance unless it is told to, and says what a restart is for.
func TestUpRestartsOnlyIfToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		before := mustUp(t, w).Nodes[0]
		_, progress := mustUpAs(t, w, nesting, UpOptions{})
		i := w.instance(t, before.InstanceID)
		if i.InstanceType != "t3.xlarge" || i.State.Name != types.InstanceStateNameRunning {
			t.Errorf("without --restart the instance is %s, %s", i.InstanceType, i.State.Name)
		}
		if !slices.ContainsFunc(progress.notes, func(n string) bool { return strings.Contains(n, "macaw up --restart") }) {
			t.Errorf("notes: %q", progress.notes)
		}
		res, _ := mustUpAs(t, w, nesting, UpOptions{Restart: true})
		i = w.instance(t, before.InstanceID)
		if i.InstanceType != "m8i.xlarge" || i.State.Name != types.InstanceStateNameRunning ||
			i.CpuOptions.NestedVirtualization != types.NestedVirtualizationSpecificationEnabled {
			t.Errorf("the instance is %s, %s, %+v", i.InstanceType, i.State.Name, i.CpuOptions)
		}
		after := res.Nodes[0]
		if after.InstanceID != before.InstanceID || after.ManagementPublic != before.ManagementPublic ||
			after.ProviderENI != before.ProviderENI {
			t.Errorf("before %+v, after %+v", before, after)
		}
		d, _ := w.process(nesting)
		plan, err := d.Plan(t.Context())
		if err != nil || !plan.Empty() || len(plan.Drift) > 0 || len(plan.Guests) != 1 || !plan.Guests[0].KVM {
			t.Errorf("a plan afterwards: %v\n%s %+v", err, plan.Plan, plan.Guests)
		}
	})
}

// A restart is killed after each of its steps, and after each of its calls of AWS; the next run makes
// the same cloud, also without --restart if the instance was stopped.
func TestRestartKilledAnywhere(t *testing.T) {
	restart := func(ctx context.Context, d *Deployment) error {
		_, err := d.Up(ctx, UpOptions{Restart: true})
		return err
	}
	everywhere(t, func(t *testing.T, w *world, step, call int) {
		first, _ := mustUpAs(t, w, nesting, UpOptions{})
		before := first.Nodes[0]
		w.killed(t, step, call, restart)
		synctest.Wait()
		state := w.instance(t, before.InstanceID).State.Name
		res, _ := mustUpAs(t, w, file, UpOptions{Restart: state == types.InstanceStateNameRunning})
		w.check(t, res)
		i := w.instance(t, before.InstanceID)
		if i.InstanceType != "t3.xlarge" || i.State.Name != types.InstanceStateNameRunning ||
			res.Nodes[0].ManagementPublic != before.ManagementPublic || res.Nodes[0].ProviderENI != before.ProviderENI {
			t.Errorf("before %+v, after %+v, instance %s, %s", before, res.Nodes[0], i.InstanceType, i.State.Name)
		}
		w.down(t)
	})
}
