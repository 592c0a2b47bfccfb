package infra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/cloud"
)

const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE test"

func wanted(t *testing.T, extra string) Wanted {
	t.Helper()
	c, err := cloud.Parse("x.yaml", []byte("name: first\ntarget: lab\n"+extra))
	if err != nil {
		t.Fatal(err)
	}
	return Wanted{Cloud: c, PublicKey: testKey, Image: Image{ID: "ami-1", RootDevice: "/dev/xvda"}, UserData: []byte("#cloud-config\n")}
}

// bringUp sees, plans and applies, and fails the test on an error.
func bringUp(t *testing.T, f *fake, w Wanted) Outputs {
	t.Helper()
	out, err := tryUp(context.Background(), f, w)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryUp(ctx context.Context, f *fake, w Wanted) (Outputs, error) {
	s, err := See(ctx, f.clients(), w.Cloud.Name)
	if err != nil {
		return Outputs{}, err
	}
	p, err := PlanUp(w, s)
	if err != nil {
		return Outputs{}, err
	}
	return apply(ctx, f.clients(), &fakeClock{}, p, nil)
}

func tryDown(ctx context.Context, f *fake, cloud string) error {
	s, err := See(ctx, f.clients(), cloud)
	if err != nil {
		return err
	}
	_, err = apply(ctx, f.clients(), &fakeClock{}, PlanDown(s), nil)
	return err
}

func planOf(t *testing.T, f *fake, w Wanted) string {
	t.Helper()
	s, err := See(context.Background(), f.clients(), w.Cloud.Name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := PlanUp(w, s)
	if err != nil {
		t.Fatal(err)
	}
	return p.String()
}

func TestUpAndDown(t *testing.T) {
	f, w := newFake(), wanted(t, "provider: {addresses: 2}\n")
	out := bringUp(t, f, w)
	if len(out.Nodes) != 1 {
		t.Fatalf("%d nodes", len(out.Nodes))
	}
	n := out.Nodes[0]
	if n.InstanceID == "" || n.ManagementPublic == "" || n.ProviderENI.ID == "" || n.ProviderENI.MAC == "" {
		t.Errorf("incomplete: %+v", n)
	}
	if n.ManagementAddress != "10.0.0.4" || n.ProviderENI.Primary != "10.0.1.4" {
		t.Errorf("addresses: %+v", n)
	}
	if len(n.Addresses) != 2 || n.Addresses[0].Private != "10.0.1.64" || n.Addresses[0].Public == "" ||
		n.Addresses[1].Private != "10.0.1.65" || n.Addresses[1].Public == "" {
		t.Errorf("provider addresses: %+v", n.Addresses)
	}
	if p := planOf(t, f, w); p != "" {
		t.Errorf("a second plan is not empty:\n%s", p)
	}
	if err := tryDown(context.Background(), f, "first"); err != nil {
		t.Fatal(err)
	}
	if left := f.left(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	again := bringUp(t, f, w)
	if again.Nodes[0].InstanceID == n.InstanceID {
		t.Error("the cloud made anew has the terminated instance")
	}
}

func TestDownLeavesOtherClouds(t *testing.T) {
	f := newFake()
	bringUp(t, f, wanted(t, ""))
	before := f.left()
	other := wanted(t, "")
	other.Cloud.Name = "second"
	bringUp(t, f, other)
	// The fake takes any ENI for a hindrance, so only what it knows is asked for.
	s, err := See(context.Background(), f.clients(), "second")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range PlanDown(s).Actions {
		if slices.Contains(before, a.ID) {
			t.Errorf("down of the second cloud would touch the first: %s", a)
		}
	}
}

// Killed after any call, with its answer lost, the next run finishes the job
// and nothing is there twice.
func TestUpKilledAnywhere(t *testing.T) {
	w := wanted(t, "provider: {addresses: 2}\n")
	clean := newFake()
	bringUp(t, clean, w)
	resources := len(clean.left())
	for n := 1; n <= len(clean.calls); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			f := newFake()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			f.killAt, f.kill = n, cancel
			if _, err := tryUp(ctx, f, w); err == nil && len(f.calls) >= n {
				t.Fatal("killed, but no error")
			}
			f.killAt = 0
			bringUp(t, f, w)
			if got := len(f.left()); got != resources {
				t.Errorf("killed after call %d: %d resources, want %d: %v", n, got, resources, f.left())
			}
			if p := planOf(t, f, w); p != "" {
				t.Errorf("killed after call %d: the plan is not empty:\n%s", n, p)
			}
		})
	}
}

func TestDownKilledAnywhere(t *testing.T) {
	w := wanted(t, "provider: {addresses: 2}\n")
	clean := newFake()
	bringUp(t, clean, w)
	up := len(clean.calls)
	if err := tryDown(context.Background(), clean, "first"); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= len(clean.calls)-up; n++ {
		f := newFake()
		bringUp(t, f, w)
		ctx, cancel := context.WithCancel(context.Background())
		f.killAt, f.kill = len(f.calls)+n, cancel
		_ = tryDown(ctx, f, "first")
		cancel()
		f.killAt = 0
		if err := tryDown(context.Background(), f, "first"); err != nil {
			t.Fatalf("killed after call %d: %v", n, err)
		}
		if left := f.left(); len(left) > 0 {
			t.Errorf("killed after call %d: left: %v", n, left)
		}
	}
}

// The same for a change: another policy and range, and an instance that was made
// without the gateways' instance profile.
func TestChangeKilledAnywhere(t *testing.T) {
	before, after := wanted(t, "provider: {addresses: 2}\n"), wanted(t, "provider: {addresses: 5, first: 10.0.1.67, elasticIPs: none}\n")
	begin := func() *fake {
		f := newFake()
		bringUp(t, f, before)
		for _, i := range f.instances {
			i.IamInstanceProfile = nil
		}
		delete(f.iam.profiles, testRole)
		return f
	}
	clean := begin()
	up := len(clean.calls)
	bringUp(t, clean, after)
	resources := len(clean.left())
	for n := 1; n <= len(clean.calls)-up; n++ {
		f := begin()
		ctx, cancel := context.WithCancel(context.Background())
		f.killAt, f.kill = len(f.calls)+n, cancel
		_, _ = tryUp(ctx, f, after)
		cancel()
		f.killAt = 0
		bringUp(t, f, after)
		if got := len(f.left()); got != resources {
			t.Errorf("killed after call %d: %d resources, want %d: %v", n, got, resources, f.left())
		}
		if p := planOf(t, f, after); p != "" {
			t.Errorf("killed after call %d: the plan is not empty:\n%s", n, p)
		}
	}
}

// What was just made may be unknown for a while, and AWS may be overloaded.
func TestUpWithPassingErrors(t *testing.T) {
	for _, code := range []string{"RequestLimitExceeded", "InvalidVpcID.NotFound", "InvalidNetworkInterfaceID.NotFound", "Throttling", "NoSuchEntity"} {
		f, refused := newFake(), map[string]int{}
		f.fail = func(op string, _ int) error {
			if refused[op]++; refused[op] <= 2 && !strings.HasPrefix(op, "Describe") && !strings.HasPrefix(op, "Get") {
				return apiError(code)
			}
			return nil
		}
		bringUp(t, f, wanted(t, ""))
	}
}

func TestUpStopsAtAnError(t *testing.T) {
	f := newFake()
	f.quota = 2
	_, err := tryUp(context.Background(), f, wanted(t, ""))
	if errorCode(err) != "AddressLimitExceeded" || !strings.Contains(err.Error(), "creating elastic ip for ") {
		t.Fatalf("error: %v", err)
	}
	f.quota = 5
	bringUp(t, f, wanted(t, ""))
}

// An ENI or an instance removed by hand is made anew, although AWS remembers
// the token of the first.
func TestMadeAnewAfterRemovalByHand(t *testing.T) {
	f, w := newFake(), wanted(t, "")
	first := bringUp(t, f, w).Nodes[0]
	f.instances[first.InstanceID].State.Name = "terminated"
	for _, n := range f.enis {
		n.Attachment = nil
	}
	delete(f.enis, first.ProviderENI.ID)
	second := bringUp(t, f, w).Nodes[0]
	if second.InstanceID == first.InstanceID || second.ProviderENI.ID == first.ProviderENI.ID {
		t.Errorf("not made anew: %+v", second)
	}
	// AWS no longer shows the instances that are gone, but knows their tokens.
	seen := map[string]bool{first.InstanceID: true, second.InstanceID: true}
	for range 2 {
		clear(f.instances)
		for _, n := range f.enis {
			n.Attachment = nil
		}
		id := bringUp(t, f, w).Nodes[0].InstanceID
		if seen[id] {
			t.Errorf("instance %s again", id)
		}
		seen[id] = true
	}
}

func TestProgress(t *testing.T) {
	f, w := newFake(), wanted(t, "")
	s, err := See(context.Background(), f.clients(), "first")
	if err != nil {
		t.Fatal(err)
	}
	p, err := PlanUp(w, s)
	if err != nil {
		t.Fatal(err)
	}
	finished, running, most := map[string]bool{}, 0, 0
	if _, err := apply(context.Background(), f.clients(), &fakeClock{}, p, func(e Event) {
		switch e.State {
		case Started:
			for _, n := range e.Action.Needs {
				if !finished[n] {
					t.Errorf("%s started before %s was finished", e.Action.ID, n)
				}
			}
			running++
			most = max(most, running)
		case Finished:
			finished[e.Action.ID] = true
			running--
		case Failed:
			t.Errorf("%s failed: %v", e.Action, e.Err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(finished) != len(p.Actions) || most < 2 {
		t.Errorf("%d of %d finished, at most %d at once", len(finished), len(p.Actions), most)
	}
}

func TestFindImage(t *testing.T) {
	f := newFake()
	if _, err := FindImage(context.Background(), f, "abc", ""); !errors.Is(err, ErrNoImage) {
		t.Errorf("no image: %v", err)
	}
	f.images = testImages
	for _, tt := range []struct {
		hash, override, id string
		kind               ImageKind
	}{
		{"", "", "ami-new", ImageStock},
		{"abc", "", "ami-baked2", ImageBaked},
		{"def", "", "ami-new", ImageStock},
		{"abc", "ami-old", "ami-old", ImageChosen},
		{"abc", "ami-baked1", "ami-baked1", ImageBaked},
	} {
		got, err := FindImage(context.Background(), f, tt.hash, tt.override)
		if err != nil || got.ID != tt.id || got.Kind != tt.kind {
			t.Errorf("hash %q, override %q: %+v, %v; want %s, %s", tt.hash, tt.override, got, err, tt.id, tt.kind)
		}
	}
	if _, err := FindImage(context.Background(), f, "", "ami-none"); !errors.Is(err, ErrNoImage) {
		t.Errorf("override that is not there: %v", err)
	}
	for _, in := range f.imageIn {
		if len(in.Owners) == 0 && len(in.ImageIds) == 0 {
			t.Error("asked for an image of anybody's: whoever uploads one with the right name would own the cloud")
		}
	}
}

func TestDrift(t *testing.T) {
	f, w := newFake(), wanted(t, "")
	id := bringUp(t, f, w).Nodes[0].InstanceID
	w.Cloud.Nodes[0].Type, w.Cloud.Nodes[0].Image, w.PublicKey = "m5.xlarge", "ami-2", "ssh-ed25519 BBBB x"
	want := `! key pair: it has another public key than this machine's, and instances get theirs only when they are made
! instance cloud-1: its image is ami-1, the file says ami-2
    hint: macaw down, then macaw up makes a new one; its data is lost
! instance cloud-1: its type is t3.xlarge, the file says m5.xlarge
    hint: macaw up changes it once the instance is stopped, and starts it again: aws ec2 stop-instances --instance-ids ` + id + "\n"
	if diff := cmp.Diff(want, planOf(t, f, w)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	bringUp(t, f, w) // reported, and no error
}
