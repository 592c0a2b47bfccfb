// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/drain"
	"macaw.example/internal/drain/draintest"
	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/nodeapi"
)

// formerNode gives the cloud a second compute node, cmp-1, that its file does not have: an instance with the
// cloud's tags, and guests in Nova.
func formerNode(t *testing.T, w *world) (instance string) {
	t.Helper()
	mustUp(t, w)
	api := ec2.NewFromConfig(w.aws.Config())
	there, err := api.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	first := there.Reservations[0].Instances[0]
	out, err := api.RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: first.ImageId, InstanceType: first.InstanceType, SubnetId: first.SubnetId,
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{
			{Key: aws.String("macaw:cloud"), Value: aws.String("first")},
			{Key: aws.String("macaw:part"), Value: aws.String("instance/cmp-1")},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	instance = *out.Instances[0].InstanceId
	if err := ec2.NewInstanceRunningWaiter(api).Wait(t.Context(),
		&ec2.DescribeInstancesInput{InstanceIds: []string{instance}}, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	w.nova = draintest.New("cloud-1", "cmp-1")
	w.nova.Add("web", "cmp-1", "ACTIVE")
	w.nova.Add("off", "cmp-1", "SHUTOFF")
	return instance
}

func (w *world) state(t *testing.T, instance string) string {
	t.Helper()
	out, err := ec2.NewFromConfig(w.aws.Config()).DescribeInstances(t.Context(),
		&ec2.DescribeInstancesInput{InstanceIds: []string{instance}})
	if err != nil {
		t.Fatal(err)
	}
	return string(out.Reservations[0].Instances[0].State.Name)
}

func (w *world) checkMoved(t *testing.T) {
	t.Helper()
	for _, s := range w.nova.Servers {
		if s.Host != "cloud-1" || s.Task != "" || s.Unconfirmed.From != "" {
			t.Errorf("guest %s is %+v", s.Name, s.Guest)
		}
	}
}

// A node leaves the cloud after its guests, and stays if one of them does.
func TestGuestsMoveBeforeTheirNodeIsDestroyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		instance := formerNode(t, w)
		d, _ := w.process(file)
		plan, err := d.Plan(t.Context())
		if err != nil || !slices.Equal(plan.Leaving, []string{"cmp-1"}) {
			t.Errorf("plan: %v, %v", plan.Leaving, err)
		}
		if _, err := d.Up(t.Context(), UpOptions{}); err == nil || len(w.nova.Calls) > 0 {
			t.Errorf("without leave: %v, %q", err, w.nova.Calls)
		}
		web := w.nova.Servers["id-web"]
		web.Status, web.State = "SUSPENDED", "suspended"
		d, _ = w.process(file)
		_, err = d.Up(t.Context(), UpOptions{Destroy: true})
		if err == nil || !strings.Contains(err.Error(), "no node was destroyed") ||
			!strings.Contains(err.Error(), "web of project tenant (id-web): it is suspended") ||
			!strings.Contains(strings.Join(hint.All(err), "\n"), "openstack server resume id-web") {
			t.Errorf("with a guest that stays: %v, %q", err, hint.All(err))
		}
		if got := w.state(t, instance); got != "running" {
			t.Errorf("the instance is %s", got)
		}
		if s := w.nova.Computes["cmp-1"]; s.Enabled || s.Reason != nodeapi.RemovalReason {
			t.Errorf("service %+v", s)
		}
		web.Status, web.State = "ACTIVE", "active"
		d, progress := w.process(file)
		if _, err := d.Up(t.Context(), UpOptions{Destroy: true}); err != nil {
			t.Fatal(err, hint.All(err))
		}
		w.checkMoved(t)
		if got := w.state(t, instance); got != "terminated" {
			t.Errorf("the instance is %s", got)
		}
		if !slices.Contains(progress.steps, "drain: move web of project tenant") {
			t.Errorf("steps %q", progress.steps)
		}
	})
}

// Up is killed after each call of Nova; the next one goes on, and no instance is destroyed under a guest.
func TestMovingGuestsKilledAnywhere(t *testing.T) {
	for at, wasKilled := 1, true; wasKilled; at += 3 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			instance := formerNode(t, w)
			d, _, p := w.killable(file)
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			calls := 0
			w.nova.Called = func(context.Context, string) error {
				if calls++; calls >= at {
					p.kill()
					kill()
					return errKilled
				}
				return nil
			}
			_, err := d.Up(ctx, UpOptions{Destroy: true})
			if wasKilled = ctx.Err() != nil; wasKilled == (err == nil) {
				t.Fatalf("killed %v: %v", wasKilled, err)
			}
			w.nova.Called = nil
			synctest.Wait()
			if got := w.state(t, instance); wasKilled && got != "running" {
				t.Errorf("killed after call %d: the instance is %s", at, got)
			}
			d, _ = w.process(file)
			if _, err := d.Up(t.Context(), UpOptions{Destroy: true}); err != nil {
				t.Fatalf("after a run that was killed after call %d: %v", at, err)
			}
			w.checkMoved(t)
			if got := w.state(t, instance); got != "terminated" {
				t.Errorf("killed after call %d: at the end the instance is %s", at, got)
			}
		})
		if t.Failed() {
			return
		}
	}
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		formerNode(t, w)
		w.nova.Fails[draintest.Key("web", drain.Live)] = "unsafe"
		d, _ := w.process(file)
		res, err := d.Drain(t.Context(), "cmp-1", false)
		if err == nil || !strings.Contains(err.Error(), "1 of 2 guests are still on node cmp-1") || len(res.Guests) != 2 {
			t.Errorf("%+v, %v", res, err)
		}
		if res, err = d.Drain(t.Context(), "cmp-1", true); err != nil || len(res.Guests) != 1 ||
			res.Guests[0].How != drain.Cold {
			t.Errorf("with stop: %+v, %v", res, err)
		}
		w.checkMoved(t)
		if s := w.nova.Computes["cmp-1"]; s.Enabled || s.Reason != drained {
			t.Errorf("service %+v", s)
		}
		if err := d.Undrain(t.Context(), "cmp-1"); err != nil || !w.nova.Computes["cmp-1"].Enabled {
			t.Errorf("undrain: %v", err)
		}
		_, err = d.Drain(t.Context(), "cmp-9", false)
		if err == nil || !strings.Contains(strings.Join(hint.All(err), "\n"), "cloud-1, cmp-1") {
			t.Errorf("a node that is not there: %v, %q", err, hint.All(err))
		}
	})
}

func TestEvacuate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		instance := formerNode(t, w)
		d, progress := w.process(file)
		_, err := d.Evacuate(t.Context(), "cmp-1", false)
		if err == nil || !strings.Contains(err.Error(), "EC2 says that instance "+instance+" is running") {
			t.Errorf("of a node that is well: %v", err)
		}
		if may := d.MayEvacuate(t.Context(), "cmp-1", false); may == nil || may.Error() != err.Error() {
			t.Errorf("before the question: %v, then %v", may, err)
		}
		if err := d.MayEvacuate(t.Context(), "cmp-1", true); err != nil {
			t.Error(err)
		}
		if _, err := d.Evacuate(t.Context(), "cmp-1", true); err == nil || !strings.Contains(err.Error(), "still reports") {
			t.Errorf("of a node that reports: %v", err)
		}
		w.nova.Die("cmp-1")
		if res, err := d.Evacuate(t.Context(), "cmp-1", true); err != nil || len(res.Guests) != 2 {
			t.Fatalf("forced: %+v, %v", res, err)
		}
		w.checkMoved(t)
		if !slices.ContainsFunc(progress.notes, func(n string) bool { return strings.Contains(n, "would run twice") }) {
			t.Errorf("notes %q", progress.notes)
		}
		_, err = ec2.NewFromConfig(w.aws.Config()).TerminateInstances(t.Context(),
			&ec2.TerminateInstancesInput{InstanceIds: []string{instance}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		w.nova.Add("late", "cmp-1", "ACTIVE")
		if res, err := d.Evacuate(t.Context(), "cmp-1", false); err != nil || len(res.Guests) != 1 {
			t.Errorf("of a node whose instance is gone: %+v, %v", res, err)
		}
		w.checkMoved(t)
	})
}

// A node that is made anew is forgotten before, once its guests are elsewhere.
func TestNodeMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		mustUp(t, w)
		d, progress := w.process(
			strings.Replace(file, "provider:", "nodes: [{name: cloud-1, roles: [controller, gateway]}, "+
				"{name: cmp-1, roles: [compute]}]\nprovider:", 1),
		)
		if err := d.connect(t.Context(), look); err != nil {
			t.Fatal(err)
		}
		seen, err := d.see(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := survey{seen: seen, plan: &infra.Plan{Actions: []infra.Action{
			{ID: "instance/cmp-1", Verb: infra.Create, Object: "instance"},
		}}}
		controller := w.nodes[infra.OutputsOf(d.Cloud, seen).Nodes[0].InstanceID]
		ran := func() bool { return slices.Contains(controller.ran, forget("cmp-1")) }
		w.nova = draintest.New("cloud-1")
		if err := d.anew(t.Context(), s); err != nil || ran() {
			t.Errorf("of a node that is new: %v, %q", err, controller.ran)
		}
		w.nova = draintest.New("cloud-1", "cmp-1")
		w.nova.Add("web", "cmp-1", "ACTIVE")
		err = d.anew(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), "web of project tenant") || ran() ||
			!strings.Contains(strings.Join(hint.All(err), "\n"), "macaw node evacuate cloud.yaml cmp-1") {
			t.Errorf("with a guest: %v, %q", err, hint.All(err))
		}
		w.nova.Delete("web")
		if err := d.anew(t.Context(), s); err != nil || !ran() {
			t.Errorf("without guests: %v, %q", err, controller.ran)
		}
		w.nova.Called = func(context.Context, string) error { return errors.New("no answer") }
		if err := d.anew(t.Context(), s); err != nil || !strings.Contains(strings.Join(progress.notes, "\n"), "no answer") {
			t.Errorf("Nova does not answer: %v, %q", err, progress.notes)
		}
		controller.applied = ""
		w.nova = nil
		if err := d.anew(t.Context(), s); err != nil {
			t.Errorf("before the controller is set up: %v", err)
		}
	})
}
