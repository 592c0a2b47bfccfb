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

	"macaw.example/internal/drain"
	"macaw.example/internal/drain/draintest"
)

// before runs RunBefore on node a, which has two minutes, and checks that it is in time.
func before(t *testing.T, n *draintest.Nova, atOnce int) drain.Result {
	t.Helper()
	end := time.Now().Add(2 * time.Minute)
	r, err := drain.RunBefore(t.Context(), n, "a", end, drain.Options{Reason: "notice", AtOnce: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	if late := time.Since(end); late > 3*time.Second {
		t.Errorf("it ends %s late", late)
	}
	if s := n.Computes["a"]; s.Enabled || s.Reason != "notice" {
		t.Errorf("service: %+v", s)
	}
	return r
}

func TestRunBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mixed()
		check(t, before(t, n, 2), mixedMoved...)
		n = draintest.New("a", "b")
		n.Add("a-off", "a", "SHUTOFF")
		n.Add("b-off", "a", "SHUTOFF")
		n.Add("web", "a", "ACTIVE")
		check(t, before(t, n, 1), "a-off: b by cold migration", "b-off: b by cold migration", "web: b by live migration")
		if n.Calls[1] != "web: live migration" {
			t.Errorf("what runs does not go first: %q", n.Calls)
		}
	})
}

// What does not get its turn is shut down, all at once and before the node ends.
func TestRunBeforeTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := draintest.New("a", "b")
		n.Takes = 20 * time.Second
		for i := range 12 {
			n.Add(fmt.Sprintf("web-%02d", i), "a", "ACTIVE")
		}
		end := time.Now().Add(2 * time.Minute)
		stopped := map[string]time.Time{}
		most := 0
		n.Called = func(_ context.Context, what string) error {
			moving := 0
			for _, s := range n.Servers {
				if s.Task == "migrating" {
					moving++
				}
				if s.Status == "SHUTOFF" && stopped[s.Name].IsZero() {
					stopped[s.Name] = time.Now()
				}
			}
			most = max(most, moving)
			return nil
		}
		r := before(t, n, 2)
		moved, stayed := 0, 0
		for _, o := range r.Guests {
			switch {
			case o.To == "b":
				moved++
			case strings.HasPrefix(o.Stayed, "it is shut down: there was no time"):
				stayed++
			default:
				t.Errorf("%+v", o)
			}
		}
		if moved < 6 || moved+stayed != 12 || most != 2 {
			t.Errorf("%d moved, %d were shut down, %d moved at a time", moved, stayed, most)
		}
		if len(stopped) != stayed {
			t.Errorf("shut down: %v", stopped)
		}
		for name, at := range stopped {
			if at.After(end) {
				t.Errorf("%s was shut down %s late", name, at.Sub(end))
			}
		}
	})
}

func TestRunBeforeNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := draintest.New("a", "b")
		n.Computes["b"].Enabled = false
		n.Add("web", "a", "ACTIVE")
		n.Add("off", "a", "SHUTOFF")
		n.Add("frozen", "a", "PAUSED")
		began := time.Now()
		const nowhere = "no other compute node takes guests"
		check(t, before(t, n, 2), "frozen: "+nowhere, "off: it is shut down: "+nowhere,
			"web: it is shut down: "+nowhere+" by shutdown")
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it waits %s for nothing", took)
		}
	})
}

// A guest that cannot migrate while it runs is moved with a restart, and shut down where that fails too.
func TestRunBeforeLiveFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := draintest.New("a", "b")
		for _, name := range []string{"pinned", "stuck"} {
			n.Add(name, "a", "ACTIVE")
			n.Fails[draintest.Key(name, drain.Live)] = "vCPUs"
		}
		n.Refuses[draintest.Key("stuck", drain.Cold)] = &drain.RefusedError{Message: "no", Status: 400}
		n.Add("saved", "a", "SUSPENDED")
		check(t, before(t, n, 2), "pinned: b by cold migration",
			"saved: it is suspended, and Nova moves no such guest",
			"stuck: it is shut down: cold migration failed: no (HTTP 400) by shutdown")
	})
}

// A live migration that would end too late is completed by force; one that ends too late all the same is named.
func TestRunBeforeHurries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := draintest.New("a", "b")
		n.Takes = 10 * time.Minute
		n.Add("busy", "a", "ACTIVE")
		n.Add("hopeless", "a", "ACTIVE")
		n.Refuses[draintest.Key("hopeless", drain.Hurry)] = &drain.RefusedError{Message: "preparing", Status: 400}
		r := before(t, n, 2)
		if len(r.Guests) != 2 || r.Guests[0].To != "b" || r.Guests[0].How != drain.Live {
			t.Errorf("%+v", r.Guests)
		}
		if stayed := r.Guests[1].Stayed; !strings.HasPrefix(stayed, "waiting for the task migrating: not done after") {
			t.Errorf("%q", stayed)
		}
	})
}

// Killed and run again it goes on, also after drain.Run.
func TestRunBeforeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for calls := 1; calls < 30; calls++ {
			n := mixed()
			ctx, cancel := context.WithCancel(t.Context())
			seen := 0
			n.Called = func(context.Context, string) error {
				if seen++; seen == calls {
					cancel()
					return context.Canceled
				}
				return nil
			}
			end := time.Now().Add(2 * time.Minute)
			var err error
			if calls%2 == 0 {
				_, err = drain.Run(ctx, n, "a", drain.Options{Reason: "notice"})
			} else {
				_, err = drain.RunBefore(ctx, n, "a", end, drain.Options{Reason: "notice"})
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("after %d calls: %v", calls, err)
			}
			n.Called = nil
			if _, err := drain.RunBefore(t.Context(), n, "a", end, drain.Options{Reason: "notice"}); err != nil {
				t.Fatal(err)
			}
			for _, s := range n.Servers {
				if s.Host == "a" {
					t.Errorf("after %d calls %s is still there", calls, s.Name)
				}
			}
			cancel()
		}
	})
}
