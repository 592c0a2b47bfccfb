// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Step is one unit of work.
type Step struct {
	Name string
	// Needs are the names of the steps that come first.
	Needs []string
	Run   func(context.Context) error
	// Label names the step in errors; the default is its name.
	Label string
}

// ErrNothingToDo is returned by a step that found everything as wanted.
var ErrNothingToDo = errors.New("nothing to do")

// State is the state of a step.
type State string

// The states of a step.
const (
	Started State = "start"
	Done    State = "done"
	Failed  State = "failed"
	Skipped State = "skipped" // nothing to do, or not started
	// Noted means that the step is under way and reports something, in Event.Note. Run itself does
	// not send it.
	Noted State = "note"
)

// Event reports a step's new state.
type Event struct {
	Step  string
	State State
	At    time.Duration // since the run began
	Took  time.Duration // zero if the step was not run
	// After is the need that ended last: following it back gives the slowest path. For a step that
	// was not started because a need failed, it is that need.
	After string
	Err   error // of a failed step
	Note  string
}

// Progress is called for every event, one at a time.
type Progress func(Event)

// Options are options of Run. The zero value is usable.
type Options struct {
	// Width is how many steps may run at the same time; zero is no limit.
	Width int
	// StopAtError starts no more steps after a failure. Otherwise only the steps that need the
	// failed one are skipped: the others save work for the next run.
	StopAtError bool
	Progress    Progress
}

// Run starts every step as soon as all its needs have succeeded, in the order of the list, and
// returns when no step runs or can be started. When the context ends, it starts no more steps.
func Run(ctx context.Context, steps []Step, o Options) error {
	if err := Check(steps); err != nil {
		return err
	}
	r := &run{Options: o, begin: time.Now(), steps: steps, states: map[string]State{}, ends: map[string]int{},
		results: make(chan result)}
	for r.start(ctx); r.running > 0; r.start(ctx) {
		r.finish(<-r.results)
	}
	left := false
	for _, s := range steps {
		if r.states[s.Name] == "" {
			left = true
			r.report(Event{Step: s.Name, State: Skipped})
		}
	}
	if left && len(r.errs) == 0 {
		return ctx.Err()
	}
	return errors.Join(distinct(r.errs)...)
}

// run is used by one goroutine; the steps' goroutines only send their result.
type run struct {
	Options
	begin   time.Time
	steps   []Step
	states  map[string]State
	ends    map[string]int // of the steps that succeeded, their order
	running int
	results chan result
	errs    []error
}

type result struct {
	step  Step
	after string
	took  time.Duration
	err   error
}

// start starts every step that can run, and skips those that never can.
func (r *run) start(ctx context.Context) {
	for changed := true; changed; {
		changed = false
		for _, s := range r.steps {
			if r.states[s.Name] != "" {
				continue
			}
			after, ready, lost := r.needs(s)
			switch {
			case lost:
				changed = true // for the steps that need this one
				r.report(Event{Step: s.Name, State: Skipped, After: after})
			case !ready, r.Width > 0 && r.running >= r.Width, r.StopAtError && len(r.errs) > 0, ctx.Err() != nil:
			default:
				r.running++
				r.report(Event{Step: s.Name, State: Started, After: after})
				go func() {
					begin := time.Now()
					err := s.Run(ctx)
					r.results <- result{s, after, time.Since(begin), err}
				}()
			}
		}
	}
}

// needs reports whether all needs of a step have succeeded, or one of them never will. Then after
// is that one; otherwise it is the last that succeeded.
func (r *run) needs(s Step) (after string, ready, lost bool) {
	ready = true
	for _, n := range s.Needs {
		end, ok := r.ends[n]
		switch state := r.states[n]; {
		case ok && (after == "" || end > r.ends[after]):
			after = n
		case ok:
		case state == Failed || state == Skipped:
			return n, false, true
		default:
			ready = false
		}
	}
	return after, ready, false
}

func (r *run) finish(end result) {
	r.running--
	e := Event{Step: end.step.Name, State: Done, Took: end.took, After: end.after}
	switch {
	case errors.Is(end.err, ErrNothingToDo):
		e.State = Skipped
	case end.err != nil:
		e.State, e.Err = Failed, end.err
		r.errs = append(r.errs, fmt.Errorf("%s: %w", cmp.Or(end.step.Label, end.step.Name), end.err))
	}
	if e.State != Failed {
		r.ends[end.step.Name] = len(r.ends)
	}
	r.report(e)
}

func (r *run) report(e Event) {
	r.states[e.Step] = e.State
	e.At = time.Since(r.begin)
	if r.Progress != nil {
		r.Progress(e)
	}
}

// refusal is the answer of a service, as of AWS.
type refusal interface {
	error
	ErrorCode() string
	ErrorMessage() string
}

// distinct leaves out errors of later steps whose cause is the same answer of a service: steps run in parallel, and one
// cause, such as credentials that are not valid, ends all of them.
func distinct(errs []error) (out []error) {
	seen := map[string]bool{}
	for _, err := range errs {
		r, ok := errors.AsType[refusal](err)
		if ok {
			answer := r.ErrorCode() + "\n" + r.ErrorMessage()
			if seen[answer] {
				continue
			}
			seen[answer] = true
		}
		out = append(out, err)
	}
	return out
}
