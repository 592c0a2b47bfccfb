// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/hint"
	"macaw.example/internal/inventory"
	"macaw.example/lab"
	"macaw.example/lab/labtest"
)

// virtualizations are those of the types that the tests use.
var virtualizations = map[string]Virtualization{
	"t3.xlarge": Emulated, "m5.xlarge": Emulated, "m8i.xlarge": Nested, "m8i.2xlarge": Nested, "c5.metal": Metal,
}

func TestAskTypes(t *testing.T) {
	l := newLab(t, 3)
	w := wanted(t, "")
	for name, want := range virtualizations {
		w.Cloud.Nodes[0].Type = name
		s := inventory.Seen{Instances: []inventory.Instance{{State: "running", Type: "t3.micro"},
			{State: "terminated", Type: "t3.small"}}}
		got, err := AskTypes(ctx, l.Clients.EC2, w.Cloud)
		if err == nil {
			got, err = got.WithExisting(ctx, l.Clients.EC2, s)
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]Virtualization{name: want, "t3.micro": Emulated}, got.Virtualization()); diff != "" {
			t.Errorf("%s, -want +got:\n%s", name, diff)
		}
	}
	w.Cloud.Nodes[0].Type = "moon.large"
	if got, err := AskTypes(ctx, l.Clients.EC2, w.Cloud); err != nil || len(got) != 0 {
		t.Errorf("an unknown type: %v, %v", got, err)
	}
}

// ofType is a cloud whose node has an instance type.
func ofType(t *testing.T, name string) Wanted {
	t.Helper()
	w := wanted(t, "provider: {addresses: 2}\n")
	w.Cloud.Nodes[0].Type, w.Virtualization = name, virtualizations
	return w
}

func describe(t *testing.T, l *labAccount, id string) *types.Instance {
	t.Helper()
	i, err := (&applier{api: l.root}).instance(ctx, id)
	if err != nil || i == nil {
		t.Fatalf("instance %s: %v, %v", id, i, err)
	}
	return i
}

// New instances have nested virtualization on where their type has it.
func TestNestedFromTheStart(t *testing.T) {
	for name, want := range map[string]types.NestedVirtualizationSpecification{
		"t3.xlarge": "", "m8i.xlarge": "enabled", "c5.metal": "",
	} {
		l := newLab(t, 3)
		id := bringUp(t, l, ofType(t, name)).Nodes[0].InstanceID
		if got := describe(t, l, id).CpuOptions.NestedVirtualization; got != want {
			t.Errorf("%s has nested virtualization %q, want %q", name, got, want)
		}
		if p := planOf(t, l, ofType(t, name)); p != "" {
			t.Errorf("%s, the plan afterwards:\n%s", name, p)
		}
	}
}

// switchOff switches nested virtualization off, as somebody else might.
func switchOff(t *testing.T, l *labAccount, w Wanted) {
	t.Helper()
	d := &driftLab{T: t, labAccount: l, api: l.root, want: w}
	d.look()
	d.stop()
	got(l.root.ModifyInstanceCpuOptions(ctx, &ec2.ModifyInstanceCpuOptionsInput{
		InstanceId: aws.String(d.instance()), NestedVirtualization: types.NestedVirtualizationSpecificationDisabled,
	}))
	d.start()
}

// planned is the plan and what it says about guests.
func planned(t *testing.T, w Wanted, s inventory.Seen) string {
	t.Helper()
	p, err := PlanUp(w, s)
	if err != nil {
		t.Fatal(err)
	}
	text := p.String()
	for _, g := range p.Guests {
		text += fmt.Sprintf("%s, KVM %v: %s\n", g.Node, g.KVM, g.Text)
	}
	return text
}

func TestPlanRestart(t *testing.T) {
	l := newLab(t, 3)
	bringUp(t, l, ofType(t, "m8i.xlarge"))
	const hint = "    hint: a restart stops the instance, changes it and starts it again: the cloud is down " +
		"meanwhile, and keeps its addresses\n"
	const kvm = "cloud-1, KVM true: guests run under KVM: m8i.xlarge has nested virtualization\n"
	const emulated = "cloud-1, KVM false: guests are emulated, which is slow: t3.xlarge has no nested virtualization; " +
		"m8i.xlarge has it, as do the other types of m8i, c8i and r8i\n"
	off := func(i *inventory.Instance) { i.Nested = false }
	for _, tt := range []struct {
		name, wanted string
		mutate       func(*inventory.Instance)
		restart      bool
		want         string
	}{
		{"as wanted", "m8i.xlarge", func(*inventory.Instance) {}, true, kvm},
		{"off", "m8i.xlarge", off, false,
			"! instance cloud-1: nested virtualization is off, so its guests are emulated; macaw up --restart switches " +
				"it on\n" + hint +
				"cloud-1, KVM false: guests are emulated, which is slow, while nested virtualization is off on m8i.xlarge\n"},
		{"off, restart", "m8i.xlarge", off, true,
			"~ stop instance cloud-1\n~ change instance: cloud-1 has nested virtualization on\n~ start instance cloud-1\n" +
				kvm},
		{"off, killed after the stop", "m8i.xlarge",
			func(i *inventory.Instance) { i.Nested, i.State = false, "stopped" }, false,
			"~ change instance: cloud-1 has nested virtualization on\n~ start instance cloud-1\n" + kvm},
		{"off, starting", "m8i.xlarge", func(i *inventory.Instance) { i.Nested, i.State = false, "pending" }, true,
			"~ stop instance cloud-1\n~ change instance: cloud-1 has nested virtualization on\n~ start instance cloud-1\n" +
				kvm},
		{"another type", "t3.xlarge", func(*inventory.Instance) {}, false,
			"! instance cloud-1: its type is m8i.xlarge, the file says t3.xlarge; macaw up --restart changes it\n" +
				hint + kvm},
		{"another type, restart", "t3.xlarge", func(*inventory.Instance) {}, true,
			"~ stop instance cloud-1\n~ change instance: cloud-1 has nested virtualization off\n" +
				"~ change instance: cloud-1 becomes t3.xlarge\n~ start instance cloud-1\n" + emulated},
		{"to nesting", "m8i.xlarge", func(i *inventory.Instance) { i.Type, i.Nested = "t3.xlarge", false }, false,
			"! instance cloud-1: its type is t3.xlarge, the file says m8i.xlarge; macaw up --restart changes it\n" +
				hint + emulated},
		{"to nesting, restart", "m8i.xlarge", func(i *inventory.Instance) { i.Type, i.Nested = "t3.xlarge", false }, true,
			"~ stop instance cloud-1\n~ change instance: cloud-1 becomes m8i.xlarge\n" +
				"~ change instance: cloud-1 has nested virtualization on\n~ start instance cloud-1\n" + kvm},
		{"to metal, restart", "c5.metal", func(*inventory.Instance) {}, true,
			"~ stop instance cloud-1\n~ change instance: cloud-1 has nested virtualization off\n" +
				"~ change instance: cloud-1 becomes c5.metal\n~ start instance cloud-1\n" +
				"cloud-1, KVM true: guests run under KVM: c5.metal is bare metal\n"},
		{"a type of which nothing is known", "m7i.large",
			func(i *inventory.Instance) { i.Type = "m7i.large" }, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := ofType(t, tt.wanted)
			w.Cloud.Target, w.Restart = labRegion, tt.restart
			s := seen(t, l, "first")
			tt.mutate(&s.Instances[0])
			if diff := cmp.Diff(tt.want, planned(t, w, s)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if got := planned(t, ofType(t, "m8i.xlarge"), seen(t, l, "first")); !strings.Contains(got, "if the lab's host can") {
		t.Errorf("in the lab: %s", got)
	}
	// A restart comes after everything else.
	w := ofType(t, "m8i.xlarge")
	w.Restart = true
	s := seen(t, l, "first")
	s.Instances[0].Nested, s.Addresses[0].Interface = false, ""
	p, err := PlanUp(w, s)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Actions) != 4 || p.Actions[1].Verb != Stop || len(p.Actions[1].Needs) != 1 {
		t.Errorf("the plan:\n%s", p)
	}
}

// An instance that restarts keeps its addresses, Elastic IPs and network interfaces.
func TestRestart(t *testing.T) {
	l := newLab(t, 3)
	before := bringUp(t, l, ofType(t, "t3.xlarge"))
	for _, name := range []string{"m8i.2xlarge", "m8i.xlarge", "c5.metal", "m8i.xlarge", "t3.xlarge"} {
		w := ofType(t, name)
		bringUp(t, l, w)
		i := describe(t, l, before.Nodes[0].InstanceID)
		if string(i.InstanceType) == name || i.State.Name != types.InstanceStateNameRunning {
			t.Fatalf("without --restart the instance is %s, %s", i.InstanceType, i.State.Name)
		}
		w.Restart = true
		if diff := cmp.Diff(before, bringUp(t, l, w)); diff != "" {
			t.Errorf("to %s, -before +after:\n%s", name, diff)
		}
		i = describe(t, l, before.Nodes[0].InstanceID)
		nested := i.CpuOptions.NestedVirtualization == types.NestedVirtualizationSpecificationEnabled
		if string(i.InstanceType) != name || nested != w.nests(name) || i.State.Name != types.InstanceStateNameRunning {
			t.Errorf("to %s: the instance is %s, %s, nested virtualization %v", name, i.InstanceType, i.State.Name, nested)
		}
		if p := planOf(t, l, w); p != "" {
			t.Errorf("the plan after a restart as %s:\n%s", name, p)
		}
	}
}

func TestRestartOfAProtectedInstance(t *testing.T) {
	l := newLab(t, 3)
	w := ofType(t, "m8i.xlarge")
	bringUp(t, l, w)
	switchOff(t, l, w)
	d := &driftLab{T: t, labAccount: l, api: l.root, want: w}
	d.look()
	d.modifyInstance(ec2.ModifyInstanceAttributeInput{DisableApiStop: yes(true)})
	w.Restart = true
	_, _, err := labUp(ctx, l.Clients, w)
	hints := strings.Join(hint.All(err), "")
	if errorCode(err) != "OperationNotPermitted" || !strings.Contains(hints, "--no-disable-api-stop") {
		t.Errorf("error %v, hints %s", err, hints)
	}
}

// A restart is killed after each of its calls; the next run, without --restart if the instance is
// stopped, leaves a running instance.
func TestRestartKilledAnywhere(t *testing.T) {
	begin := func(t *testing.T) (*labAccount, Outputs) {
		l := newLab(t, 3)
		out := bringUp(t, l, ofType(t, "t3.xlarge"))
		return l, out
	}
	w := ofType(t, "m8i.2xlarge")
	w.Restart = true
	l, _ := begin(t)
	all := l.changed(func() { bringUp(t, l, w) })
	for n := 1; n <= all; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			l, before := begin(t)
			l.killed(t, n, func(ctx context.Context) error { _, _, err := labUp(ctx, l.Clients, w); return err })
			next := w
			stopped := describe(t, l, before.Nodes[0].InstanceID).State.Name != types.InstanceStateNameRunning
			next.Restart = !stopped
			if diff := cmp.Diff(before, bringUp(t, l, next)); diff != "" {
				t.Errorf("-before +after:\n%s", diff)
			}
			i := describe(t, l, before.Nodes[0].InstanceID)
			if i.InstanceType != "m8i.2xlarge" || i.CpuOptions.NestedVirtualization != "enabled" ||
				i.State.Name != types.InstanceStateNameRunning || *i.CpuOptions.CoreCount != 4 {
				t.Errorf("the instance is %s, %s, %+v", i.InstanceType, i.State.Name, i.CpuOptions)
			}
			if p := planOf(t, l, w); p != "" {
				t.Errorf("the plan is not empty:\n%s", p)
			}
		})
	}
}

// While AWS's answers lag, the number of cores is that of the new type.
func TestRestartWhileAWSLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 3)
		id := bringUp(t, l, ofType(t, "t3.xlarge")).Nodes[0].InstanceID
		time.Sleep(time.Minute)
		seconds := func(n int) lab.FaultDuration { return lab.FaultDuration(time.Duration(n) * time.Second) }
		if err := l.api.SetFault(ctx, lab.Fault{Name: lab.Lag, Min: seconds(1), Max: seconds(3)}); err != nil {
			t.Fatal(err)
		}
		w := ofType(t, "m8i.2xlarge")
		w.Restart = true
		p, err := PlanUp(w, seen(t, l, "first"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := apply(ctx, l.Clients, wallClock{}, p, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if i := describe(t, l, id); *i.CpuOptions.CoreCount != 4 || i.CpuOptions.NestedVirtualization != "enabled" {
			t.Errorf("the instance has %+v", i.CpuOptions)
		}
	})
}

// An instance that AWS starts, and that stops again at once: up ends soon, and says what AWS says of it.
func TestStartThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := atomic.Bool{}
		l := newLab(t, 3, func(o *labtest.APIOptions) {
			o.Restart = func() error {
				if fails.Load() {
					return errors.New("the host refuses")
				}
				return nil
			}
		})
		w := ofType(t, "t3.xlarge")
		id := bringUp(t, l, w).Nodes[0].InstanceID
		time.Sleep(time.Minute)
		if _, err := l.root.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		fails.Store(true)
		p, err := PlanUp(w, seen(t, l, "first"))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = apply(ctx, l.Clients, wallClock{}, p, nil)
		if err == nil || !strings.Contains(err.Error(), "Server.InternalError: Internal error on launch") ||
			!strings.Contains(strings.Join(hint.All(err), " "), "get-console-output") {
			t.Errorf("up: %v; hints %q", err, hint.All(err))
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("up took %v", took)
		}
		fails.Store(false)
		bringUp(t, l, w)
	})
}
