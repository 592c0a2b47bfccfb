// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/lab/labtest"
)

func mustUp(t *testing.T, w *world) UpResult {
	t.Helper()
	d, _ := w.process(file)
	res, err := d.Up(t.Context(), UpOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// check compares a running cloud with the expected one.
func (w *world) check(t *testing.T, res UpResult) {
	t.Helper()
	if len(res.Nodes) != 1 || res.Nodes[0].InstanceID == "" || len(res.Addresses) != 2 || res.Addresses[1].Public == "" {
		t.Errorf("the cloud is %+v", res)
	}
	if len(w.nodes) != 1 {
		t.Errorf("there were %d machines", len(w.nodes))
	}
	n := w.nodes[res.Nodes[0].InstanceID]
	if n == nil || n.applied == "" || len(n.running) > 0 {
		t.Errorf("the node is %+v", n)
	}
	if diff := cmp.Diff([]string{"cirros-0.6.3-x86_64-disk"}, w.images); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if w.verified == 0 || !strings.HasPrefix(res.Verified, "on ") {
		t.Errorf("verified %d times: %s", w.verified, res.Verified)
	}
	if b, err := os.ReadFile(w.home.CloudsYAML); err != nil || !strings.Contains(string(b), "first:") {
		t.Errorf("clouds.yaml: %v\n%s", err, b)
	}
	d, _ := w.process(file)
	again, err := d.Up(t.Context(), UpOptions{})
	if err != nil || again.Changes != 0 || again.Verified != res.Verified &&
		!strings.HasSuffix(again.Verified, "nothing has changed since") {
		t.Errorf("up again: %+v, %v", again, err)
	}
	plan, err := d.Plan(t.Context())
	if err != nil || !plan.Empty() {
		t.Errorf("a plan afterwards: %v\n%s", err, plan.Plan)
	}
}

func (w *world) down(t *testing.T) {
	t.Helper()
	d, _ := w.process(file)
	if _, err := d.Down(t.Context()); err != nil {
		t.Error(err)
	}
	w.checkGone(t)
}

// checkGone checks that nothing is left, in AWS or in the operator's files.
func (w *world) checkGone(t *testing.T) {
	t.Helper()
	api := ec2.NewFromConfig(w.aws.Config())
	vpcs, err := api.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if err != nil || len(vpcs.Vpcs) > 0 {
		t.Errorf("VPCs are left: %v, %v", vpcs, err)
	}
	addresses, err := api.DescribeAddresses(t.Context(), &ec2.DescribeAddressesInput{})
	if err != nil || len(addresses.Addresses) > 0 {
		t.Errorf("Elastic IPs are left: %v, %v", addresses, err)
	}
	for _, path := range []string{w.home.of("first"), w.home.CloudsYAML} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestUpAndDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.check(t, mustUp(t, w))
		d, _ := w.process(file)
		st, err := d.Status(t.Context())
		if err != nil || len(st.Nodes) != 1 || st.Nodes[0].Agent == nil || st.Nodes[0].Agent.Mode != "translate" {
			t.Errorf("status %+v, %v", st, err)
		}
		at, err := d.Login(t.Context(), "")
		if err != nil || at.Node.Name != "cloud-1" || at.User != NodeUser {
			t.Errorf("login %+v, %v", at, err)
		}
		kept, err := d.Verify(t.Context(), true)
		key, _ := os.ReadFile(filepath.Join(w.home.of("first"), "guest_ed25519"))
		if err != nil || string(key) != "key" || !strings.Contains(kept.SSH, "guest_ed25519") {
			t.Errorf("verified %+v, %v", kept, err)
		}
		w.down(t)
	})
}

// steps returns the steps that an operation shows, in a world of its own.
func steps(t *testing.T, before func(*world), run func(context.Context, *Deployment) error) (all []string) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		before(w)
		d, progress := w.process(file)
		if err := run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		all = progress.steps
	})
	return all
}

// killed runs an operation and kills it: when its n-th step has ended, or after its n-th call of AWS that counts (see
// process), whose response is lost.
func (w *world) killed(t *testing.T, step, call int, run func(context.Context, *Deployment) error) {
	t.Helper()
	ctx, kill := context.WithCancelCause(t.Context())
	defer kill(nil)
	d, progress, p := w.killable(file)
	at := func(want int) func(int) {
		return func(n int) {
			if n == want {
				p.kill()
				kill(errKilled)
			}
		}
	}
	progress.ended, p.changed = at(step), at(call)
	err := run(ctx, d)
	progress.mu.Lock()
	w.places.steps = progress.n
	progress.mu.Unlock()
	w.places.calls = p.places
	if err != nil && context.Cause(ctx) != errKilled {
		t.Fatal(err)
	}
}

var errKilled = errors.New("killed")

func up(ctx context.Context, d *Deployment) error {
	_, err := d.Up(ctx, UpOptions{})
	return err
}

func down(ctx context.Context, d *Deployment) error {
	_, err := d.Down(ctx)
	return err
}

// Up is killed after each of its steps, and after each of its calls of AWS; the next run makes the
// same cloud.
func TestUpKilledAnywhere(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, step, call int) {
		w.killed(t, step, call, up)
		w.check(t, mustUp(t, w))
		w.down(t)
	})
}

// Down is killed in the same way; the next run leaves nothing.
func TestDownKilledAnywhere(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, step, call int) {
		mustUp(t, w)
		w.killed(t, step, call, down)
		w.down(t)
	})
}

// After a kill of a bake at any point, the next one removes all remains, and leaves one image.
func TestBakeKilledAnywhere(t *testing.T) {
	bake := func(ctx context.Context, d *Deployment) error {
		_, err := d.Bake(ctx, false)
		return err
	}
	everywhere(t, func(t *testing.T, w *world, step, call int) {
		w.killed(t, step, call, bake)
		d, _ := w.process(file)
		res, err := d.Bake(t.Context(), false)
		if err != nil || res.Image == "" {
			t.Errorf("the next one: %+v, %v", res, err)
		}
		w.checkGone(t)
	})
}

// An image is always made of a plain Debian: one that is made of another has what that had, and its traces.
func TestBakeFromPlainDebian(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		api := ec2.NewFromConfig(w.aws.Config())
		for _, force := range []bool{false, true} {
			d, progress := w.process(file)
			res, err := d.Bake(t.Context(), force)
			if err != nil || !res.Made {
				t.Fatalf("%+v, %v", res, err)
			}
			if from := "from " + w.aws.Image; !strings.Contains(strings.Join(progress.steps, "\n"), from) {
				t.Errorf("with force %t no instance was made %s: %q", force, from, progress.steps)
			}
		}
		out, err := api.DescribeImages(t.Context(), &ec2.DescribeImagesInput{Owners: []string{"self"}})
		if err != nil || len(out.Images) != 2 {
			t.Errorf("%d images, %v", len(out.Images), err)
		}
	})
}

// everywhere calls fn in a world of its own for each step, and for each call of AWS that counts, after which an
// operation can be killed. With neither, it is not killed.
func everywhere(t *testing.T, fn func(t *testing.T, w *world, step, call int)) {
	var whole *world
	synctest.Test(t, func(t *testing.T) {
		whole = newWorld(t)
		fn(t, whole, 0, 0)
	})
	run := func(what string, places int, at func(t *testing.T, w *world, n int)) {
		if places < 10 {
			t.Errorf("there were only %d places after a %s", places, what)
		}
		for n := 1; n <= places; n++ {
			t.Run(fmt.Sprintf("%s %d", what, n), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { at(t, newWorld(t), n) })
			})
		}
	}
	run("step", whole.places.steps, func(t *testing.T, w *world, n int) { fn(t, w, n, 0) })
	run("call", whole.places.calls, func(t *testing.T, w *world, n int) { fn(t, w, 0, n) })
}

// What a job reports about a step under way is shown.
func TestJobNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, progress := newWorld(t).process(file)
		if _, err := d.Up(t.Context(), UpOptions{}); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(progress.notes, "node: apply: half of it") {
			t.Errorf("notes %q", progress.notes)
		}
	})
}

// Up makes a guest while the last services start, and fails with them.
func TestUpWhileServicesStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		late := func(ctx context.Context) error {
			for {
				w.mu.Lock()
				verified := w.verified > 0
				w.mu.Unlock()
				if verified {
					return nil
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Second):
				}
			}
		}
		w.newNode = func(n *fakeNode) { n.late = late }
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		d, _ := w.process(file)
		if res, err := d.Up(ctx, UpOptions{}); err != nil || !strings.HasPrefix(res.Verified, "on ") {
			t.Errorf("up: %+v, %v", res, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.newNode = func(n *fakeNode) {
			n.late = func(context.Context) error { return errors.New("the dashboard does not answer") }
		}
		d, _ := w.process(file)
		_, err := d.Up(t.Context(), UpOptions{})
		if err == nil || !strings.Contains(err.Error(), "the dashboard does not answer") {
			t.Errorf("up: %v", err)
		}
	})
}

// The phases of up come in order, each under its name.
func TestPhases(t *testing.T) {
	var phases []string
	for _, s := range steps(t, func(*world) {}, up) {
		phase, _, _ := strings.Cut(s, ":")
		phases = append(phases, phase)
	}
	want := []string{"infra", "host", "node", "host", "openstack", "verify"}
	if diff := cmp.Diff(want, slices.Compact(phases)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An instance and its data are destroyed only with that option.
func TestUpDestroysOnlyIfToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := mustUp(t, w).Nodes[0].InstanceID
		renamed := file + "nodes: [{name: other}]\n"
		d, _ := w.process(renamed)
		_, err := d.Up(t.Context(), UpOptions{})
		if err == nil || !strings.Contains(err.Error(), "would be destroyed with its data") || len(hint.All(err)) != 1 {
			t.Fatalf("error %v", err)
		}
		w.check(t, mustUp(t, w))
		d, _ = w.process(renamed)
		res, err := d.Up(t.Context(), UpOptions{Destroy: true})
		if err != nil || len(res.Nodes) != 1 || res.Nodes[0].InstanceID == first || res.Nodes[0].Name != "other" {
			t.Errorf("with leave: %+v, %v", res, err)
		}
	})
}

// Down tells what goes before it removes anything, and a refusal ends it.
func TestDownIsApproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		mustUp(t, w)
		refusal := errors.New("nothing was done")
		var asked []string
		down := func() error {
			d, _ := w.process(file)
			d.Approve = func(_ context.Context, r Removing) error {
				asked = append(asked, r.String())
				return refusal
			}
			_, err := d.Down(t.Context())
			return err
		}
		if err := down(); !errors.Is(err, refusal) {
			t.Errorf("refused: %v", err)
		}
		want := []string{"Cloud first in account ", ", eu-central-1, as arn:", "  node cloud-1: instance i-",
			"\n    volume vol-", "\n  Elastic IP ", "\n  other resources: "}
		for _, part := range want {
			if len(asked) != 1 || !strings.Contains(asked[0], part) {
				t.Errorf("no %q in %q", part, asked)
			}
		}
		d, _ := w.process(file)
		if plan, err := d.Plan(t.Context()); err != nil || !plan.Empty() {
			t.Errorf("after the refusal: %v\n%s", err, plan.Plan)
		}
		w.down(t)
		if err := down(); err != nil || len(asked) != 1 {
			t.Errorf("of nothing: %v, asked %q", err, asked)
		}
	})
}

// What Neutron may use is given up only with that option.
func TestUpGivesUpAddressesOnlyIfToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.aws = labtest.NewAPI(t, labtest.APIOptions{Region: "eu-central-1", ElasticIPQuota: 4})
		three := strings.Replace(file, "addresses: 2", "addresses: 3", 1)
		res, _ := mustUpAs(t, w, three, UpOptions{})
		a := res.Nodes[0].Addresses
		for _, tt := range []struct{ text, want string }{
			{file, "up would give up 10.0.1.66 and its Elastic IP " + a[2].Public +
				", which may be in use; nothing was changed"},
			{strings.Replace(file, "addresses: 2", "addresses: 3, elasticIPs: none", 1), "up would give up the Elastic IP " +
				a[0].Public + " of 10.0.1.64, the Elastic IP " + a[1].Public + " of 10.0.1.65, the Elastic IP " + a[2].Public +
				" of 10.0.1.66, which may be in use; nothing was changed"},
		} {
			d, _ := w.process(tt.text)
			_, err := d.Up(t.Context(), UpOptions{})
			if err == nil || err.Error() != tt.want || len(hint.All(err)) != 1 {
				t.Errorf("error %v", err)
			}
		}
		if res, _ = mustUpAs(t, w, three, UpOptions{}); !slices.Equal(res.Nodes[0].Addresses, a) {
			t.Errorf("addresses %v, before %v", res.Nodes[0].Addresses, a)
		}
		if res, _ = mustUpAs(t, w, file, UpOptions{Destroy: true}); !slices.Equal(res.Nodes[0].Addresses, a[:2]) {
			t.Errorf("addresses %v, before %v", res.Nodes[0].Addresses, a)
		}
	})
}

// What the agents have registered during the run is in the result.
func TestUpReadsAddressesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.newNode = func(n *fakeNode) {
			n.late = func(ctx context.Context) error {
				api := ec2.NewFromConfig(w.aws.Config())
				out, err := api.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{
					{Name: aws.String("tag:macaw:part"), Values: []string{"eni/cloud-1/provider"}}}})
				if err != nil {
					return err
				}
				_, err = api.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{
					NetworkInterfaceId: out.NetworkInterfaces[0].NetworkInterfaceId, PrivateIpAddresses: []string{"10.0.1.64"}})
				return err
			}
		}
		res, _ := mustUpAs(t, w, strings.Replace(file, "addresses: 2", "addresses: 2, elasticIPs: none", 1), UpOptions{})
		if want := []infra.AddressPair{{Private: "10.0.1.64"}}; !slices.Equal(res.Addresses, want) {
			t.Errorf("addresses %+v", res.Addresses)
		}
	})
}
