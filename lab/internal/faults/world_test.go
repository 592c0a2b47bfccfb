// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/imds"
	"macaw.example/lab/internal/vpc"
)

// fakeWorld has an instance in each of two zones.
type fakeWorld struct {
	stopped bool
	spot    bool     // i-a is a Spot Instance
	told    []string // its notices
}

func (w *fakeWorld) NotifySpot(id string, n ec2.SpotNotice, on bool) error {
	w.told = append(w.told, fmt.Sprint(id, " ", n, " ", on))
	return nil
}

func (w *fakeWorld) Instances() []ec2.Instance {
	state := "running"
	if w.stopped {
		state = "stopped"
	}
	return []ec2.Instance{{ID: "i-a", State: state, Spot: w.spot, NICs: []ec2.NIC{{ENI: "eni-a"}}},
		{ID: "i-b", State: state, NICs: []ec2.NIC{{ENI: "eni-b"}}}}
}
func (w *fakeWorld) Topology() vpc.Topology { return topology("now") }
func (w *fakeWorld) Zones() []string        { return []string{"a", "b"} }
func (w *fakeWorld) SubnetsIn(zone string) []string {
	return []string{"subnet-" + zone}
}
func (w *fakeWorld) InstancesIn(zone string) []string {
	if w.stopped {
		return nil
	}
	return []string{"i-" + zone}
}

// topology has an interface for each instance and a spare one; its VPC's name identifies
// it.
func topology(name string) vpc.Topology {
	return vpc.Topology{VPCs: []vpc.VPC{{ID: name}}, ENIs: []vpc.ENI{
		{ID: "eni-a", Subnet: "subnet-a"}, {ID: "eni-b", Subnet: "subnet-b"}, {ID: "eni-spare", Subnet: "subnet-a"}}}
}

// fakeMachines records the calls.
type fakeMachines struct {
	ec2.Machines
	calls []string
}

func (m *fakeMachines) note(what, id string) error {
	m.calls = append(m.calls, what+" "+id)
	return nil
}
func (m *fakeMachines) PowerOff(_ context.Context, id string) error { return m.note("off", id) }
func (m *fakeMachines) PowerOn(_ context.Context, id string) error  { return m.note("on", id) }
func (m *fakeMachines) Launch(_ context.Context, i ec2.Instance) error {
	return m.note("launch", i.ID)
}
func (m *fakeMachines) Start(_ context.Context, i ec2.Instance) error { return m.note("start", i.ID) }
func (m *fakeMachines) Terminate(_ context.Context, id string) error  { return m.note("terminate", id) }

// fakeFabric records the names of the topologies it is given, and the down interfaces of
// the last one.
type fakeFabric struct {
	told   []string
	down   string
	limits map[string]int
}

func (f *fakeFabric) SetTopology(t vpc.Topology) error {
	f.told = append(f.told, t.VPCs[0].ID)
	var down []string
	f.limits = map[string]int{}
	for _, e := range t.ENIs {
		if e.PacketsPerSecond != 0 {
			f.limits[e.ID] = e.PacketsPerSecond
		}
		if e.Down {
			down = append(down, e.ID)
		}
	}
	f.down = strings.Join(down, " ")
	return nil
}

// bound returns an Injector bound to fakes.
func bound(t *testing.T) (*Injector, *fakeWorld, *fakeMachines, *fakeFabric, ec2.Fabric) {
	t.Helper()
	i, err := New(Config{File: filepath.Join(t.TempDir(), "faults.json")})
	if err != nil {
		t.Fatal(err)
	}
	w, m, f := &fakeWorld{}, &fakeMachines{}, &fakeFabric{}
	before := i.Fabric(f)
	if err := before.SetTopology(topology("first")); err != nil {
		t.Fatal(err)
	}
	if err := i.Bind(t.Context(), w, m); err != nil {
		t.Fatal(err)
	}
	return i, w, m, f, before
}

func set(t *testing.T, i *Injector, f Fault) {
	t.Helper()
	if err := i.Set(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func unset(t *testing.T, i *Injector, name, which string) {
	t.Helper()
	if err := i.Clear(t.Context(), name, which); err != nil {
		t.Fatal(err)
	}
}

func TestPower(t *testing.T) {
	i, w, m, f, _ := bound(t)
	did := func(step, wantCalls, wantDown string) {
		t.Helper()
		if got := strings.Join(m.calls, ", "); got != wantCalls || f.down != wantDown {
			t.Errorf("%s: switched %q and down are %q, want %q and %q", step, got, f.down, wantCalls, wantDown)
		}
		m.calls = nil
	}
	set(t, i, Fault{Name: PowerOff, Target: "i-a"})
	did("power off", "off i-a", "eni-a")
	if !i.Impaired("i-a") || i.Impaired("i-b") {
		t.Error("the wrong instance is impaired")
	}
	set(t, i, Fault{Name: ZoneDown, Target: "a"})
	did("its zone down too", "", "eni-a eni-spare")
	unset(t, i, PowerOff, "i-a")
	did("its own power back", "", "eni-a eni-spare")
	unset(t, i, ZoneDown, "a")
	did("its zone back", "on i-a", "")
	set(t, i, Fault{Name: NICDown, Target: "eni-spare"})
	did("interface down", "", "eni-spare")
	set(t, i, Fault{Name: ZoneDown, Target: "b"})
	did("the other zone down", "off i-b", "eni-b eni-spare")
	w.stopped = true
	unset(t, i, "", "")
	did("all back, but EC2 has stopped them", "", "")
	for _, f := range []Fault{{Name: PowerOff, Target: "i-x"}, {Name: NICDown, Target: "eni-x"},
		{Name: ZoneDown, Target: "x"}} {
		if err := i.Set(t.Context(), f); err == nil {
			t.Errorf("%s of %s, which is not there, is no error", f.Name, f.Target)
		}
	}
}

func TestPPSAllowance(t *testing.T) {
	i, _, _, f, before := bound(t)
	has := func(step string, want map[string]int) {
		t.Helper()
		if d := cmp.Diff(want, f.limits); d != "" || f.down != "" {
			t.Errorf("%s: down are %q, the limits (-want +got):\n%s", step, f.down, d)
		}
	}
	set(t, i, Fault{Name: PPSAllowance, Target: "eni-a", Limit: 50})
	set(t, i, Fault{Name: PPSAllowance, Target: "eni-b"})
	has("two limits", map[string]int{"eni-a": 50, "eni-b": 1000})
	set(t, i, Fault{Name: PPSAllowance, Target: "eni-a", Limit: 60})
	if err := before.SetTopology(topology("next")); err != nil {
		t.Fatal(err)
	}
	has("another limit, another topology", map[string]int{"eni-a": 60, "eni-b": 1000})
	unset(t, i, PPSAllowance, "eni-b")
	has("one", map[string]int{"eni-a": 60})
	unset(t, i, "", "")
	has("none", map[string]int{})
	if err := i.Set(t.Context(), Fault{Name: PPSAllowance, Target: "eni-x"}); err == nil {
		t.Error("the limit of an interface that is not there is no error")
	}
}

func TestMachinesMove(t *testing.T) {
	i, _, m, f, _ := bound(t)
	machines := i.Machines(m)
	if _, plug := machines.(ec2.HotPlug); plug {
		t.Error("machines that can't be plugged can")
	}
	set(t, i, Fault{Name: PowerOff, Target: "i-a"})
	m.calls = nil
	if err := machines.Start(t.Context(), ec2.Instance{ID: "i-a"}); err != nil {
		t.Fatal(err)
	}
	if i.Impaired("i-a") || f.down != "" || !slices.Equal(m.calls, []string{"start i-a"}) {
		t.Errorf("started anew: impaired %v, down %q, calls %v", i.Impaired("i-a"), f.down, m.calls)
	}
	set(t, i, Fault{Name: ZoneDown, Target: "b"})
	m.calls = nil
	if err := machines.Launch(t.Context(), ec2.Instance{ID: "i-b"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"launch i-b", "off i-b"}; !slices.Equal(m.calls, want) {
		t.Errorf("launched into a zone that went down: %v, want %v", m.calls, want)
	}
	set(t, i, Fault{Name: PowerOff, Target: "i-a"})
	if err := machines.Terminate(t.Context(), "i-a"); err != nil || i.Impaired("i-a") {
		t.Errorf("terminated: %v, impaired %v", err, i.Impaired("i-a"))
	}
}

func TestPlanSurvives(t *testing.T) {
	i, w, m, _, _ := bound(t)
	set(t, i, Fault{Name: PowerOff, Target: "i-a"})
	set(t, i, Fault{Name: Error})
	if err := i.SetSeed(t.Context(), 9); err != nil {
		t.Fatal(err)
	}
	again, err := New(i.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(i.List(), again.List()); d != "" {
		t.Error(d)
	}
	m.calls = nil
	if err := again.Bind(t.Context(), w, m); err != nil || !slices.Equal(m.calls, []string{"off i-a"}) {
		t.Errorf("after a restart: %v, switched %v", err, m.calls)
	}
}

// Notices of Spot Instances are EC2's: told when they are set or cleared, and once more after a restart.
func TestSpotNotices(t *testing.T) {
	i, w, m, _, _ := bound(t)
	if err := i.Set(t.Context(), Fault{Name: SpotInterruption, Target: "i-a"}); err == nil {
		t.Error("an on-demand instance is interrupted")
	}
	w.spot = true
	did := func(step string, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, w.told); d != "" {
			t.Errorf("%s (-want +got):\n%s", step, d)
		}
		w.told = nil
	}
	set(t, i, Fault{Name: SpotRebalance, Target: "i-a"})
	did("rebalance", "i-a 0 true")
	set(t, i, Fault{Name: SpotInterruption, Target: "i-a"})
	did("interruption", "i-a 1 true")
	set(t, i, Fault{Name: SpotInterruption, Target: "i-a"})
	did("again")
	unset(t, i, SpotRebalance, "i-a")
	did("cleared", "i-a 0 false")
	again, err := New(i.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Bind(t.Context(), w, m); err != nil {
		t.Fatal(err)
	}
	did("restarted", "i-a 1 true")
	if err := again.Machines(m).Terminate(t.Context(), "i-a"); err != nil || len(again.List().Faults) > 0 {
		t.Errorf("terminated: %v, %v", err, again.List())
	}
	w.stopped = true
	if err := again.Set(t.Context(), Fault{Name: SpotRebalance, Target: "i-a"}); err == nil {
		t.Error("a stopped instance gets a notice")
	}
}

func TestLateDataPlane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _, _, f, before := bound(t)
		tell := func(names ...string) {
			t.Helper()
			for _, name := range names {
				if err := before.SetTopology(topology(name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		tell("prompt")
		set(t, i, Fault{Name: Late, Min: Duration(2 * time.Second), Max: Duration(4 * time.Second)})
		f.told = nil
		tell("one")
		wait(1900 * time.Millisecond)
		if len(f.told) != 0 {
			t.Errorf("told %v too early", f.told)
		}
		for n := range 20 {
			tell(string(rune('a' + n)))
			wait(100 * time.Millisecond)
		}
		wait(4 * time.Second)
		if !slices.IsSorted(f.told[1:]) || f.told[0] != "one" || f.told[len(f.told)-1] != "t" {
			t.Errorf("told %v, want one, then a to t in order", f.told)
		}
		// NICDown takes effect at once.
		tell("x")
		set(t, i, Fault{Name: NICDown, Target: "eni-b"})
		if last := f.told[len(f.told)-1]; last == "x" || f.down != "eni-b" {
			t.Errorf("told %s, down %q", last, f.down)
		}
		unset(t, i, Late, "")
		if last := f.told[len(f.told)-1]; last != "x" || f.down != "eni-b" {
			t.Errorf("late no longer: told %s, down %q", last, f.down)
		}
		f.told = nil
		tell("prompt again")
		wait(time.Minute)
		if !slices.Equal(f.told, []string{"prompt again"}) {
			t.Errorf("told %v", f.told)
		}
	})
}

// fakeHistory returns the requested time.
type fakeHistory struct{ asked []time.Time }

func (h *fakeHistory) Metadata(string) (imds.Instance, bool) { return imds.Instance{ID: "now"}, true }
func (h *fakeHistory) MetadataAt(_ string, at time.Time) (imds.Instance, bool) {
	h.asked = append(h.asked, at)
	return imds.Instance{ID: "then"}, true
}

func TestMetadataLag(t *testing.T) {
	i, clock := injecting(t, 11)
	h := &fakeHistory{}
	source := i.Metadata(h)
	if m, _ := source.Metadata("eni-1"); m.ID != "now" {
		t.Errorf("without the fault it shows %s", m.ID)
	}
	set(t, i, Fault{Name: IMDSLag, Min: Duration(time.Second), Max: Duration(20 * time.Second)})
	for range 50 {
		source.Metadata("eni-1")
		if lag := clock.at.Sub(h.asked[len(h.asked)-1]); lag < 0 || lag > 20*time.Second {
			t.Fatalf("it lags %v", lag)
		}
		clock.at = clock.at.Add(500 * time.Millisecond)
	}
	if !slices.IsSortedFunc(h.asked, time.Time.Compare) {
		t.Error("what it shows goes back in time")
	}
}
