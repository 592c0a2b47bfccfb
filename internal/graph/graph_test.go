// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var errBroken = errors.New("broken")

// log has the steps' entries, in the order of their ends.
type log struct {
	mu    sync.Mutex
	steps []string
}

func (l *log) does(name string, err error, takes ...time.Duration) func(context.Context) error {
	return func(context.Context) error {
		for _, d := range takes {
			time.Sleep(d)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.steps = append(l.steps, name)
		return err
	}
}

// A failed step stops only the steps that need it; one that had nothing to do has succeeded.
func TestRun(t *testing.T) {
	var l log
	got := map[string]State{}
	err := Run(t.Context(), []Step{
		{Name: "c", Needs: []string{"b"}, Run: l.does("c", nil)},
		{Name: "b", Needs: []string{"a"}, Run: l.does("b", fmt.Errorf("as it was: %w", ErrNothingToDo))},
		{Name: "nor this", Needs: []string{"never"}, Run: l.does("nor this", nil)},
		{Name: "a", Run: l.does("a", nil)},
		{Name: "bad", Needs: []string{"c"}, Run: l.does("bad", errBroken)},
		{Name: "never", Needs: []string{"bad", "a"}, Run: l.does("never", nil)},
	}, Options{Progress: func(e Event) { got[e.Step] = e.State }})
	if !errors.Is(err, errBroken) || err.Error() != "bad: broken" {
		t.Errorf("error = %v", err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "bad"}, l.steps); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	want := map[string]State{"a": Done, "b": Skipped, "c": Done, "bad": Failed, "never": Skipped, "nor this": Skipped}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("last states (-want +got):\n%s", diff)
	}
}

// Siblings of a failed step go on, and events have times and the need waited for.
func TestRunEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		var got []string
		err := Run(t.Context(), []Step{
			{Name: "slow", Run: l.does("slow", nil, 3*time.Second)},
			{Name: "bad", Label: "making something", Run: l.does("bad", errBroken, time.Second)},
			{Name: "both", Needs: []string{"slow", "quick"}, Run: l.does("both", nil, time.Second)},
			{Name: "quick", Run: l.does("quick", nil, 2*time.Second)},
			{Name: "lost", Needs: []string{"quick", "bad"}, Run: l.does("lost", nil)},
		}, Options{Progress: func(e Event) {
			got = append(got, fmt.Sprintf("%s %s %s took %s after %q %v", e.At, e.Step, e.State, e.Took, e.After, e.Err))
		}})
		if err == nil || err.Error() != "making something: broken" {
			t.Errorf("error: %v", err)
		}
		want := []string{
			`0s slow start took 0s after "" <nil>`,
			`0s bad start took 0s after "" <nil>`,
			`0s quick start took 0s after "" <nil>`,
			`1s bad failed took 1s after "" broken`,
			`1s lost skipped took 0s after "bad" <nil>`,
			`2s quick done took 2s after "" <nil>`,
			`3s slow done took 3s after "" <nil>`,
			`3s both start took 0s after "slow" <nil>`,
			`4s both done took 1s after "slow" <nil>`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Of those that could run, the first in the list do.
func TestRunWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		var steps []Step
		for n := range 7 {
			name := fmt.Sprint(n)
			steps = append(steps, Step{Name: name, Run: l.does(name, nil, time.Duration(10+n)*time.Second)})
		}
		running, most := 0, 0
		begin := time.Now()
		if err := Run(t.Context(), steps, Options{Width: 3, Progress: func(e Event) {
			if e.State == Started {
				running++
			} else {
				running--
			}
			most = max(most, running)
		}}); err != nil {
			t.Fatal(err)
		}
		if most != 3 || time.Since(begin) != (10+13+16)*time.Second {
			t.Errorf("%d at once, in %s", most, time.Since(begin))
		}
		if diff := cmp.Diff(strings.Fields("0 1 2 3 4 5 6"), l.steps); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

// Running steps continue to their end, and no more are started.
func TestRunEnds(t *testing.T) {
	steps := func(l *log, bad error) []Step {
		return []Step{
			{Name: "bad", Run: l.does("bad", bad, time.Second)},
			{Name: "running", Run: l.does("running", nil, 5*time.Second)},
			{Name: "next", Needs: []string{"running"}, Run: l.does("next", nil)},
		}
	}
	for name, tt := range map[string]struct {
		bad  error
		o    Options
		ends bool
		want error
		did  string
	}{
		"all is well":      {did: "bad running next"},
		"error":            {bad: errBroken, want: errBroken, did: "bad running next"},
		"stop at an error": {bad: errBroken, o: Options{StopAtError: true}, want: errBroken, did: "bad running"},
		"the context ends": {ends: true, want: context.Canceled, did: "bad running"},
		"both":             {bad: errBroken, ends: true, want: errBroken, did: "bad running"},
		"both, stop at an error": {bad: errBroken, o: Options{StopAtError: true}, ends: true, want: errBroken,
			did: "bad running"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.ends {
					time.AfterFunc(2*time.Second, cancel)
				}
				var l log
				last := map[string]State{}
				tt.o.Progress = func(e Event) { last[e.Step] = e.State }
				if err := Run(ctx, steps(&l, tt.bad), tt.o); !errors.Is(err, tt.want) {
					t.Errorf("error: %v", err)
				}
				if did := strings.Join(l.steps, " "); did != tt.did {
					t.Errorf("did %s, want %s", did, tt.did)
				}
				if next := last["next"]; next != Done && next != Skipped || (next == Done) != strings.Contains(tt.did, "next") {
					t.Errorf("the last step is %s", next)
				}
			})
		})
	}
}

// A context that ends when everything is done is no error.
func TestRunDoneInTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if err := Run(ctx, []Step{{Name: "a", Run: func(context.Context) error { cancel(); return nil }}},
		Options{}); err != nil {
		t.Error(err)
	}
	if err := Run(t.Context(), nil, Options{}); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  string
	}{
		{"cycle", []Step{{Name: "a", Needs: []string{"b"}}, {Name: "b", Needs: []string{"a"}}},
			"need each other: a -> b -> a"},
		{"unknown", []Step{{Name: "a", Needs: []string{"b"}}}, `needs "b", which does not exist`},
		{"twice", []Step{{Name: "a"}, {Name: "a"}}, "occurs twice"},
	} {
		if err := Check(tt.steps); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		if err := Run(t.Context(), tt.steps, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: it is run: %v", tt.name, err)
		}
	}
}

// answer is an error of a service.
type answer struct{ code, message string }

func (a answer) Error() string        { return a.code + ": " + a.message }
func (a answer) ErrorCode() string    { return a.code }
func (a answer) ErrorMessage() string { return a.message }

// Steps that fail by one cause make one error.
func TestOneCause(t *testing.T) {
	fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	expired := fmt.Errorf("calling: %w", answer{"Expired", "the token has expired"})
	err := Run(t.Context(), []Step{
		{Name: "a", Run: fails(expired)}, {Name: "b", Run: fails(expired)},
		{Name: "c", Run: fails(answer{"Denied", "c"})}, {Name: "d", Run: fails(errBroken)},
		{Name: "e", Run: fails(errBroken)},
	}, Options{})
	text := err.Error()
	if strings.Count(text, "Expired") != 1 || !strings.Contains(text, "Denied") || strings.Count(text, "broken") != 2 {
		t.Error(text)
	}
}
