// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/internal/ec2"
)

// hands is a manually set clock.
type hands struct{ at time.Time }

func (h *hands) now() time.Time { return h.at }

// injecting is an Injector with some faults.
func injecting(t *testing.T, seed uint64, faults ...Fault) (*Injector, *hands) {
	t.Helper()
	clock := &hands{time.Unix(1700000000, 0)}
	i, err := New(Config{Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.SetSeed(t.Context(), seed); err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		if err := i.Set(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	return i, clock
}

// fates returns the injections for n calls of an action.
func fates(i *Injector, action string, n int) []ec2.Injection {
	var all []ec2.Injection
	for range n {
		all = append(all, i.Inject(ec2.CallFacts{Action: action, Resources: 1}))
	}
	return all
}

func TestThrottling(t *testing.T) {
	for _, c := range []struct {
		name   string
		call   ec2.CallFacts
		burst  int
		second int // calls that succeed a second later
	}{
		{"assign", ec2.CallFacts{Action: "AssignPrivateIpAddresses", Resources: 1}, 100, 5},
		{"another mutating call", ec2.CallFacts{Action: "AssociateAddress", Resources: 1}, 50, 5},
		{"reservation", ec2.CallFacts{Action: "CreateSubnetCidrReservation", Resources: 1}, 5, 1},
		{"tags", ec2.CallFacts{Action: "CreateTags", Resources: 1}, 100, 10},
		{"describe of some", ec2.CallFacts{Action: "DescribeNetworkInterfaces", Narrowed: true, Resources: 1}, 100, 20},
		{"describe of all", ec2.CallFacts{Action: "DescribeNetworkInterfaces", Resources: 1}, 50, 10},
		{"describe of little", ec2.CallFacts{Action: "DescribeVpcs", Resources: 1}, 100, 20},
		{"launch", ec2.CallFacts{Action: "RunInstances", Resources: 1}, 5, 2},
		{"launch of many", ec2.CallFacts{Action: "RunInstances", Resources: 400}, 2, 0},
	} {
		i, clock := injecting(t, 1, Fault{Name: Throttle})
		through := func() int {
			n := 0
			for range 300 {
				if d := i.Inject(c.call); d.Refuse == nil {
					n++
				} else if d.Refuse.Code != "RequestLimitExceeded" || d.Refuse.Status != 503 || d.AfterEffect {
					t.Fatalf("%s: refused with %+v", c.name, d)
				}
			}
			return n
		}
		if n := through(); n != c.burst {
			t.Errorf("%s: %d calls at once, want %d", c.name, n, c.burst)
		}
		clock.at = clock.at.Add(time.Second)
		if n := through(); n != c.second {
			t.Errorf("%s: %d calls a second later, want %d", c.name, n, c.second)
		}
		clock.at = clock.at.Add(time.Hour)
		if n := through(); n != c.burst {
			t.Errorf("%s: %d calls an hour later, want %d", c.name, n, c.burst)
		}
	}
}

func TestErrors(t *testing.T) {
	i, _ := injecting(t, 3, Fault{Name: Error, Action: "Assign*", Rate: 0.1, When: Either, Code: "Unavailable"})
	hits, after := 0, 0
	for _, d := range fates(i, "AssignPrivateIpAddresses", 2000) {
		if d.Refuse != nil {
			hits++
			if d.Refuse.Code != "Unavailable" || d.Refuse.Status != 503 {
				t.Fatalf("refused with %+v", d.Refuse)
			}
			if d.AfterEffect {
				after++
			}
		}
	}
	if hits < 150 || hits > 250 || after < hits/3 || after > hits*2/3 {
		t.Errorf("%d of 2000 calls fail, %d of them after the effect", hits, after)
	}
	for _, d := range fates(i, "DescribeVpcs", 100) {
		if d != (ec2.Injection{}) {
			t.Fatalf("another action meets %+v", d)
		}
	}
}

func TestRepeatable(t *testing.T) {
	all := []Fault{{Name: Error, Rate: 0.3, When: Either}, {Name: Timeout, Rate: 0.2}, {Name: Latency}, {Name: Lag}}
	a, _ := injecting(t, 42, all...)
	b, _ := injecting(t, 42, all...)
	other, _ := injecting(t, 43, all...)
	first := fates(a, "DescribeVpcs", 100)
	fates(b, "CreateVpc", 50) // interleaved calls of other actions have no influence
	if d := cmp.Diff(first, fates(b, "DescribeVpcs", 100)); d != "" {
		t.Error("the same seed gives another run:", d)
	}
	if cmp.Equal(first, fates(other, "DescribeVpcs", 100)) {
		t.Error("another seed gives the same run")
	}
	if err := a.SetSeed(t.Context(), 42); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, fates(a, "DescribeVpcs", 100)); d != "" {
		t.Error("the seed set again gives another run:", d)
	}
}

func TestTimes(t *testing.T) {
	second := func(n int) Duration { return Duration(time.Duration(n) * time.Second) }
	i, _ := injecting(t, 5, Fault{Name: Latency, Action: "Create*", Min: second(1), Max: second(2)},
		Fault{Name: Lag, Min: second(3), Max: second(4)},
		Fault{Name: Timeout, Action: "Delete*", Rate: 1, When: After, Min: second(5), Max: second(6)})
	within := func(name string, d time.Duration, least, most int) {
		t.Helper()
		if d < time.Duration(least)*time.Second || d > time.Duration(most)*time.Second {
			t.Errorf("%s is %v, want %d s to %d s", name, d, least, most)
		}
	}
	for range 100 {
		create := i.Inject(ec2.CallFacts{Action: "CreateVpc"})
		read := i.Inject(ec2.CallFacts{Action: "GetConsoleOutput"})
		remove := i.Inject(ec2.CallFacts{Action: "DeleteVpc"})
		within("latency", create.Latency, 1, 2)
		within("lag", read.Lag, 3, 4)
		within("timeout", remove.Hang, 5, 6)
		if create.Lag != 0 || read.Latency != 0 || !remove.NoAnswer || !remove.AfterEffect {
			t.Fatalf("befallen %+v, %+v, %+v", create, read, remove)
		}
	}
}
