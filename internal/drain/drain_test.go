// SPDX-License-Identifier: Apache-2.0

package drain_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/drain"
	"macaw.example/internal/drain/draintest"
	"macaw.example/internal/hint"
)

// outcomes are a result's, for comparison.
func outcomes(r drain.Result) []string {
	got := []string{}
	for _, o := range r.Guests {
		text := fmt.Sprintf("%s: %s%s", o.Name, o.To, o.Stayed)
		if o.Gone {
			text += "deleted"
		}
		if o.How != "" {
			text += " by " + string(o.How)
		}
		got = append(got, text)
	}
	return got
}

func check(t *testing.T, r drain.Result, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

// mixed is a Nova with guests of every kind on node a.
func mixed() *draintest.Nova {
	n := draintest.New("a", "b")
	n.Add("web", "a", "ACTIVE")
	n.Add("db", "a", "ACTIVE")
	n.Add("frozen", "a", "PAUSED")
	n.Add("off", "a", "SHUTOFF")
	n.Add("shelf", "a", "SHELVED")
	n.Add("came", "a", "VERIFY_RESIZE").Unconfirmed.From = "b"
	n.Add("other", "b", "ACTIVE")
	return n
}

var mixedMoved = []string{
	"came: b by live migration", "db: b by live migration", "frozen: b by live migration",
	"off: b by cold migration", "shelf: no node: it is shelved by offloading to its image", "web: b by live migration",
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mixed()
		var steps, notes []string
		o := drain.Options{Reason: "macaw: maintenance", Step: func(what string) func(error) {
			steps = append(steps, what)
			return func(error) {}
		}, Note: func(text string) { notes = append(notes, text) }}
		o.AtOnce = 1
		r, err := drain.Run(t.Context(), n, "a", o)
		if err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
		check(t, r, mixedMoved...)
		if s := n.Computes["a"]; s.Enabled || s.Reason != "macaw: maintenance" {
			t.Errorf("service: %+v", s)
		}
		if len(steps) != 7 || steps[0] != "move came of project tenant" || len(notes) < 6 {
			t.Errorf("steps %q, notes %q", steps, notes)
		}
		// A node that is destroyed before could not be forgotten.
		if left, err := n.Leaving(t.Context(), "a"); err != nil || len(left) > 0 {
			t.Errorf("the node is still busy with %q, %v", left, err)
		}
		for _, s := range n.Servers {
			for _, m := range s.Moves {
				if m == "restarted" {
					t.Errorf("guest %s was restarted", s.Name)
				}
			}
		}
		calls := len(n.Calls)
		if r, err := drain.Run(t.Context(), n, "a", o); err != nil || len(r.Guests) != 0 || len(n.Calls) != calls {
			t.Errorf("again: %+v, %v, %q", r, err, n.Calls[calls:])
		}
		if err := drain.Undo(t.Context(), n, "a", drain.Options{}); err != nil || !n.Computes["a"].Enabled {
			t.Errorf("undo: %v, %+v", err, n.Computes["a"])
		}
		calls = len(n.Calls)
		if err := drain.Undo(t.Context(), n, "a", drain.Options{}); err != nil || len(n.Calls) != calls {
			t.Errorf("undo again: %v, %q", err, n.Calls[calls:])
		}
	})
}

// Another's reason for a node that takes no guests stays.
func TestRunKeepsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := draintest.New("a", "b")
		n.Computes["a"].Enabled, n.Computes["a"].Reason = false, "disk errors"
		if _, err := drain.Run(t.Context(), n, "a", drain.Options{Reason: "macaw"}); err != nil {
			t.Fatal(err)
		}
		if n.Computes["a"].Reason != "disk errors" || len(n.Calls) > 0 {
			t.Errorf("%+v, %q", n.Computes["a"], n.Calls)
		}
	})
}

func TestRunFailures(t *testing.T) {
	for _, tt := range []struct {
		name    string
		stop    bool
		prepare func(*draintest.Nova)
		want    []string
		hint    string
	}{
		{name: "live migration fails", prepare: func(n *draintest.Nova) {
			n.Fails[draintest.Key("web", drain.Live)] = "unsafe"
		}, want: []string{"web: live migration failed: unsafe by live migration"}, hint: "--stop"},
		{name: "live migration fails, and it may stop", stop: true, prepare: func(n *draintest.Nova) {
			n.Fails[draintest.Key("web", drain.Live)] = "unsafe"
		}, want: []string{"web: b by cold migration"}},
		{name: "both fail", stop: true, prepare: func(n *draintest.Nova) {
			n.Fails[draintest.Key("web", drain.Live)] = "unsafe"
			n.Fails[draintest.Key("web", drain.Cold)] = "no room"
		}, want: []string{"web: live migration failed: unsafe; cold migration failed: no room by cold migration"}},
		{name: "refused", prepare: func(n *draintest.Nova) {
			n.Refuses[draintest.Key("web", drain.Live)] = &drain.RefusedError{Message: "has a TPM", Status: 400}
		}, want: []string{"web: live migration failed: has a TPM (HTTP 400) by live migration"}},
		{name: "refused for its state again and again", prepare: func(n *draintest.Nova) {
			n.Refuses[draintest.Key("web", drain.Live)] = &drain.RefusedError{Message: "has a share", Status: 409}
		}, want: []string{"web: live migration failed: has a share (HTTP 409) by live migration"}},
		{name: "confirmation does not end", prepare: func(n *draintest.Nova) {
			n.Servers["id-web"].Status = "SHUTOFF"
			n.Refuses[draintest.Key("web", drain.Confirm)] = &drain.RefusedError{Message: "no", Status: 503}
		}, want: []string{"web: the confirmation of its migration failed: no (HTTP 503) by cold migration"}},
		{name: "task without end", prepare: func(n *draintest.Nova) {
			n.Servers["id-web"].Task = "image_uploading"
		}, want: []string{"web: waiting for the task image_uploading: not done after 10m0s"}, hint: "again"},
		{name: "no room", prepare: func(n *draintest.Nova) {
			n.Computes["b"].Enabled = false
			n.Computes["c"] = &drain.Service{ID: "c", Host: "c", Up: true, Enabled: true, Changed: time.Now()}
			n.Alive["c"] = true
			n.Fails[draintest.Key("web", drain.Live)] = "No valid host was found."
		}, want: []string{"web: live migration failed: No valid host was found. by live migration"}},
		{name: "deleted meanwhile", prepare: func(n *draintest.Nova) {
			n.Called = func(_ context.Context, what string) error {
				if strings.HasPrefix(what, "web") {
					n.Delete("web")
				}
				return nil
			}
		}, want: []string{"web: deleted by live migration"}},
		{name: "answers lost", prepare: func(n *draintest.Nova) {
			lost := 0
			n.Called = func(context.Context, string) error {
				if lost++; lost > 3 && lost%2 == 0 {
					return errors.New("connection reset")
				}
				return nil
			}
		}, want: []string{"web: b by live migration"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := draintest.New("a", "b")
				n.Add("web", "a", "ACTIVE")
				tt.prepare(n)
				r, err := drain.Run(t.Context(), n, "a", drain.Options{Stop: tt.stop, Limit: 10 * time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				check(t, r, tt.want...)
				err = r.Err()
				if len(r.Left()) > 0 && (err == nil || !strings.Contains(err.Error(), "web of project tenant (id-web)")) {
					t.Errorf("error %v", err)
				}
				if tt.hint != "" && !strings.Contains(strings.Join(hint.All(err), "\n"), tt.hint) {
					t.Errorf("hints %q", hint.All(err))
				}
			})
		})
	}
}

func TestRunRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		node    string
		prepare func(*draintest.Nova)
		want    string
		hint    string
	}{
		{"no such node", "x", func(*draintest.Nova) {}, "Nova has no compute node x", "its compute nodes: a, b"},
		{"node is dead", "a", func(n *draintest.Nova) { n.Die("a"); time.Sleep(2 * time.Minute) },
			"its nova-compute is down; on it: web of project tenant (id-web, ACTIVE)", "macaw node evacuate FILE a"},
		{"nowhere to go", "a", func(n *draintest.Nova) { n.Computes["b"].Enabled = false },
			"no other compute node is up and takes guests; on it: web", "macaw node enable FILE b"},
		{"nobody else", "a", func(n *draintest.Nova) { delete(n.Computes, "b") },
			"no other compute node is up and takes guests; on it: web", "another compute node"},
		{"Nova is away", "a", func(n *draintest.Nova) {
			n.Called = func(context.Context, string) error { return errors.New("no answer") }
		}, "asking Nova for its compute nodes: no answer", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := draintest.New("a", "b")
				n.Add("web", "a", "ACTIVE")
				tt.prepare(n)
				r, err := drain.Run(t.Context(), n, tt.node, drain.Options{})
				if err == nil || !strings.Contains(err.Error(), tt.want) || len(r.Guests) != 0 {
					t.Errorf("%+v, %v", r, err)
				}
				if !strings.Contains(strings.Join(hint.All(err), "\n"), tt.hint) {
					t.Errorf("hints %q", hint.All(err))
				}
				if !n.Computes["a"].Enabled || len(n.Calls) > 0 {
					t.Errorf("it did %q although it refused", n.Calls)
				}
			})
		})
	}
}

// Nodes that are to be emptied together do not count on one another.
func TestCheck(t *testing.T) {
	n := draintest.New("a", "b", "c")
	n.Add("web", "a", "ACTIVE")
	if err := drain.Check(t.Context(), n, []string{"a", "b"}, drain.Options{}); err != nil {
		t.Error(err)
	}
	err := drain.Check(t.Context(), n, []string{"a", "b", "c"}, drain.Options{})
	if err == nil || !strings.Contains(err.Error(), "no other compute node is up and takes guests; on it: web") {
		t.Error(err)
	}
	if len(n.Calls) > 0 {
		t.Errorf("it did %q", n.Calls)
	}
	n.Computes["c"].Enabled = false
	err = drain.Check(t.Context(), n, []string{"a", "b"}, drain.Options{})
	if !strings.Contains(strings.Join(hint.All(err), "\n"), "macaw node enable FILE c") {
		t.Errorf("%v, hints %q", err, hint.All(err))
	}
}

// A node that is dead, or the last, can go if no guest is on it.
func TestRunOfAnEmptyNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := draintest.New("a")
		n.Die("a")
		time.Sleep(2 * time.Minute)
		if r, err := drain.Run(t.Context(), n, "a", drain.Options{}); err != nil || len(r.Guests) != 0 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// A guest whose making had begun before the node was closed moves too.
func TestRunWaitsForNewGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := draintest.New("a", "b")
		n.Add("web", "a", "ACTIVE")
		n.Called = func(_ context.Context, what string) error {
			if strings.HasPrefix(what, "web") && n.Servers["id-late"] == nil {
				n.Add("late", "a", "ACTIVE")
			}
			return nil
		}
		r, err := drain.Run(t.Context(), n, "a", drain.Options{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, r, "late: b by live migration", "web: b by live migration")
	})
}

// killed runs fn and kills it after its n-th call of Nova, whose answer is lost.
func killed(t *testing.T, n *draintest.Nova, at int, fn func(context.Context) error) (wasKilled bool) {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	calls := 0
	n.Called = func(ctx context.Context, _ string) error {
		if calls++; calls >= at {
			kill()
			return ctx.Err()
		}
		return nil
	}
	err := fn(ctx)
	wasKilled = ctx.Err() != nil
	if (err != nil) != wasKilled && err != nil {
		t.Fatal(err)
	}
	n.Called = nil
	return wasKilled
}

// Run is killed after each of its calls; the next run moves the rest.
func TestRunKilledAnywhere(t *testing.T) {
	for at, again := 1, true; again; at++ {
		synctest.Test(t, func(t *testing.T) {
			n := mixed()
			again = killed(t, n, at, func(ctx context.Context) error {
				_, err := drain.Run(ctx, n, "a", drain.Options{Reason: "macaw"})
				return err
			})
			r, err := drain.Run(t.Context(), n, "a", drain.Options{Reason: "macaw"})
			if err != nil || r.Err() != nil {
				t.Fatalf("killed after call %d: %v, %v", at, err, r.Err())
			}
			for _, s := range n.Servers {
				if s.Host == "a" || s.Unconfirmed.From == "a" || s.Task != "" || len(s.Moves) > 2 {
					t.Errorf("killed after call %d: %s is %+v", at, s.Name, s)
				}
			}
		})
		if t.Failed() {
			return
		}
		if !again && at < 20 {
			t.Errorf("only %d calls", at)
		}
	}
}

// dead is a Nova whose node a has died.
func dead() *draintest.Nova {
	n := draintest.New("a", "b")
	n.Add("web", "a", "ACTIVE")
	n.Add("off", "a", "SHUTOFF")
	n.Add("broken", "a", "ERROR")
	n.Add("moving", "a", "ACTIVE").Task = "migrating"
	n.Add("other", "b", "ACTIVE")
	n.Die("a")
	return n
}

func TestEvacuate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := dead()
		n.Add("frozen", "a", "PAUSED")
		r, err := drain.Evacuate(t.Context(), n, "a", drain.Options{Reason: "macaw"})
		if err != nil {
			t.Fatal(err)
		}
		check(t, r, "broken: b by evacuation", "frozen: it was paused, and Nova evacuates no such guest",
			"moving: b by evacuation", "off: b by evacuation", "web: b by evacuation")
		if s := n.Computes["a"]; !s.ForcedDown || s.Enabled {
			t.Errorf("service: %+v", s)
		}
		if h := strings.Join(hint.All(r.Err()), "\n"); !strings.Contains(h, "--state error id-frozen") {
			t.Errorf("hints %q", h)
		}
		n.Servers["id-frozen"].Status, n.Servers["id-frozen"].State = "ERROR", "error"
		if r, err = drain.Evacuate(t.Context(), n, "a", drain.Options{}); err != nil || r.Err() != nil {
			t.Errorf("again: %v, %v", err, r.Err())
		}
		check(t, r, "frozen: b by evacuation")
		// It has come back.
		n.Alive["a"] = true
		if err := drain.Undo(t.Context(), n, "a", drain.Options{}); err != nil || n.Computes["a"].ForcedDown ||
			!n.Computes["a"].Enabled {
			t.Errorf("undo: %v, %+v", err, n.Computes["a"])
		}
	})
}

// Guests never run twice: a node that reports to Nova keeps its guests, also if somebody has told Nova that it
// is down.
func TestEvacuateRefusesNodeThatLives(t *testing.T) {
	for _, forced := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := draintest.New("a", "b")
			n.Add("web", "a", "ACTIVE")
			n.Computes["a"].ForcedDown = forced
			_, err := drain.Evacuate(t.Context(), n, "a", drain.Options{})
			if err == nil || !strings.Contains(err.Error(), "still reports to Nova") || len(n.Calls) > 0 {
				t.Errorf("forced down %v: %v, %q", forced, err, n.Calls)
			}
			if h := hint.All(err); len(h) != 1 || !strings.Contains(h[0], "macaw node drain FILE a") {
				t.Errorf("hints %q", h)
			}
		})
	}
}

func TestEvacuateNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := dead()
		n.Computes["b"].Enabled = false
		_, err := drain.Evacuate(t.Context(), n, "a", drain.Options{})
		if err == nil || !strings.Contains(err.Error(), "no other compute node") || !strings.Contains(err.Error(), "web") {
			t.Error(err)
		}
		if s := n.Computes["a"]; !s.Enabled || s.ForcedDown || !strings.Contains(fmt.Sprint(hint.All(err)), "enable FILE b") {
			t.Errorf("service %+v, hints %q", s, hint.All(err))
		}
	})
}

func TestEvacuateKilledAnywhere(t *testing.T) {
	for at, again := 1, true; again; at++ {
		synctest.Test(t, func(t *testing.T) {
			n := dead()
			again = killed(t, n, at, func(ctx context.Context) error {
				_, err := drain.Evacuate(ctx, n, "a", drain.Options{})
				return err
			})
			r, err := drain.Evacuate(t.Context(), n, "a", drain.Options{})
			if err != nil || r.Err() != nil {
				t.Fatalf("killed after call %d: %v, %v", at, err, r.Err())
			}
			for _, s := range n.Servers {
				if s.Host == "a" || s.Task != "" || len(s.Moves) > 2 {
					t.Errorf("killed after call %d: %s is %+v", at, s.Name, s)
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}
