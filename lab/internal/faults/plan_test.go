// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestComplete(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Fault
		want Fault
		err  string
	}{
		{"throttle", Fault{Name: Throttle}, Fault{Name: Throttle}, ""},
		{"error", Fault{Name: Error, Rate: 0.5},
			Fault{Name: Error, Action: "*", Rate: 0.5, When: Before, Code: "InternalError"}, ""},
		{"late", Fault{Name: Late}, Fault{Name: Late, Min: Duration(500 * time.Millisecond), Max: Duration(6 * time.Second)},
			""},
		{"only min", Fault{Name: Late, Min: Duration(8 * time.Second)},
			Fault{Name: Late, Min: Duration(8 * time.Second), Max: Duration(8 * time.Second)}, ""},
		{"only max", Fault{Name: Late, Max: Duration(time.Millisecond)}, Fault{Name: Late, Max: Duration(time.Millisecond)},
			""},
		{"power-off", Fault{Name: PowerOff, Target: "i-1"}, Fault{Name: PowerOff, Target: "i-1"}, ""},
		{"pps-allowance", Fault{Name: PPSAllowance, Target: "eni-1"},
			Fault{Name: PPSAllowance, Target: "eni-1", Limit: 1000}, ""},
		{"limit", Fault{Name: PPSAllowance, Target: "eni-1", Limit: -1}, Fault{}, "limit -1"},
		{"no limit", Fault{Name: NICDown, Target: "eni-1", Limit: 5}, Fault{}, "takes no limit"},
		{"unknown", Fault{Name: "moon"}, Fault{}, `no fault "moon"`},
		{"no target", Fault{Name: NICDown}, Fault{}, "which ENI"},
		{"a target", Fault{Name: Late, Target: "i-1"}, Fault{}, "no target"},
		{"rate", Fault{Name: Error, Rate: 1.5}, Fault{}, "rate 1.5"},
		{"negative rate", Fault{Name: Error, Rate: -1}, Fault{}, "rate -1"},
		{"when", Fault{Name: Error, When: "later"}, Fault{}, `when "later"`},
		{"code", Fault{Name: Error, Code: "Moon"}, Fault{}, `code "Moon"`},
		{"pattern", Fault{Name: Error, Action: "["}, Fault{}, "no pattern"},
		{"range", Fault{Name: Lag, Min: Duration(2 * time.Second), Max: Duration(time.Second)}, Fault{}, "less than min"},
		{"too long", Fault{Name: Lag, Max: Duration(time.Hour)}, Fault{}, "at most"},
		{"not its own", Fault{Name: Throttle, Rate: 0.5}, Fault{}, "takes no rate"},
		{"nor this", Fault{Name: ZoneDown, Target: "us-east-1a", Max: 1}, Fault{}, "takes no min or max"},
	} {
		got, err := c.in.Complete()
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want an error with %q", c.name, err, c.err)
			}
			continue
		}
		if d := cmp.Diff(c.want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", c.name, err, d)
		}
	}
	for _, k := range Kinds {
		f := Fault{Name: k.Name}
		if k.Target != "" {
			f.Target = "x"
		}
		if _, err := f.Complete(); err != nil {
			t.Errorf("the defaults of %s: %v", k.Name, err)
		}
	}
}

func TestSetAndClear(t *testing.T) {
	p := Plan{}
	set := func(f Fault) {
		t.Helper()
		var err error
		if p, err = p.Set(f); err != nil {
			t.Fatal(err)
		}
	}
	names := func() string {
		var all []string
		for _, f := range p.Faults {
			all = append(all, strings.Trim(f.Name+" "+f.Target+f.Action, " "))
		}
		return strings.Join(all, ", ")
	}
	set(Fault{Name: PowerOff, Target: "i-2"})
	set(Fault{Name: Error, Action: "Assign*"})
	set(Fault{Name: Error, Action: "Describe*"})
	set(Fault{Name: Error, Action: "Assign*", Rate: 1}) // replaces the first
	set(Fault{Name: PowerOff, Target: "i-1"})
	set(Fault{Name: Throttle})
	if got, want := names(), "throttle, error Describe*, error Assign*, power-off i-2, power-off i-1"; got != want {
		t.Errorf("on are %s, want %s", got, want)
	}
	for _, c := range []struct{ name, which, want string }{
		{PowerOff, "i-2", "throttle, error Describe*, error Assign*, power-off i-1"},
		{Error, "", "throttle, power-off i-1"},
		{"", "", ""},
	} {
		before := len(p.Faults)
		after, err := p.Clear(c.name, c.which)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Faults) != before {
			t.Error("clearing changed the plan that it was asked of")
		}
		if p = after; names() != c.want {
			t.Errorf("clearing %s %s leaves %s, want %s", c.name, c.which, names(), c.want)
		}
	}
	if _, err := p.Clear(Late, ""); err == nil {
		t.Error("clearing what is not on is no error")
	}
	if _, err := p.Clear("moon", ""); err == nil {
		t.Error("clearing what there is not is no error")
	}
}

func TestPlanAsJSON(t *testing.T) {
	p, err := Plan{Seed: 7}.Set(Fault{Name: Late})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"seed":7,"faults":[{"name":"late","min":"500ms","max":"6s"}]}`; string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
	var back Plan
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, back); d != "" {
		t.Error(d)
	}
}
