// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"macaw.example/internal/graph"
)

// The states that a Progress hears of.
const (
	Started  = graph.Started
	Finished = graph.Done
	Failed   = graph.Failed
)

// Event tells of an action's start or end.
type Event struct {
	Action Action
	State  graph.State
	// Duration is how long the action took; zero at its start.
	Duration time.Duration
	// Err is set if the action failed.
	Err error
}

// Progress hears of every event, one at a time. It may be nil.
type Progress func(Event)

// atOnce is how many actions run side by side: well below AWS's buckets, of
// which the smallest that matters takes a burst of 50 calls (EC2 Developer
// Guide, ec2-api-throttling).
const atOnce = 12

// applier carries a plan out.
type applier struct {
	api    EC2
	iam    IAM
	clock  clock
	cloud  string
	wanted *Wanted
	kept   []Kept // of a cloud that is removed

	mu  sync.Mutex
	ids map[string]string // resources by part
}

func (a *applier) id(part string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ids[part]
}

func (a *applier) set(part, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[part] = id
}

// Apply carries out a plan, independent actions side by side, and returns when
// AWS shows the result. After an error it starts nothing new, lets what runs
// come to its end, and returns what went wrong; whatever was made is found
// again by the next See. A removal goes on with what does not depend on the failed
// action. The outputs of a plan that removes are empty.
func Apply(ctx context.Context, c Clients, p *Plan, progress Progress) (Outputs, error) {
	return apply(ctx, c, wallClock{}, p, progress)
}

func apply(ctx context.Context, c Clients, clock clock, p *Plan, progress Progress) (Outputs, error) {
	a := &applier{api: c.EC2, iam: c.IAM, clock: clock, cloud: p.Cloud, wanted: p.wanted, kept: p.Kept,
		ids: map[string]string{}}
	for part, id := range p.ids {
		a.ids[part] = id
	}
	if err := a.run(ctx, p.Actions, progress); err != nil {
		return Outputs{}, err
	}
	return a.waitConsistent(ctx)
}

// run does the actions, each after those that it needs.
func (a *applier) run(ctx context.Context, actions []Action, progress Progress) error {
	steps, byID := make([]graph.Step, len(actions)), map[string]Action{}
	for i, action := range actions {
		byID[action.ID] = action
		steps[i] = graph.Step{
			Name: action.ID, Label: action.label(), Needs: action.Needs,
			Run: func(ctx context.Context) error { return action.do(ctx, a) },
		}
	}
	return graph.Run(ctx, steps, graph.Options{
		Width: atOnce, StopAtError: a.wanted != nil,
		Progress: func(e graph.Event) {
			if progress != nil && e.State != graph.Skipped {
				progress(Event{Action: byID[e.Step], State: e.State, Duration: e.Took, Err: e.Err})
			}
		},
	})
}

// label is what the errors of an action begin with.
func (a Action) label() string {
	gerund := map[Verb]string{Create: "creating", Change: "changing", Start: "starting", Delete: "deleting"}[a.Verb]
	return strings.TrimRight(gerund+" "+a.Object+" "+a.Detail, " ")
}

// waitConsistent reads back what was written. It waits and repeats no call: what AWS does
// not show yet would be made a second time. What it shows twice goes: a call
// whose answer got lost, and that AWS did not show for long, was made again.
func (a *applier) waitConsistent(ctx context.Context) (Outputs, error) {
	seen, left, err := a.readBack(ctx)
	if len(left) > 0 && !slices.ContainsFunc(left, func(a Action) bool { return a.Verb != Delete }) {
		if err := a.run(ctx, left, nil); err != nil {
			return Outputs{}, err
		}
		seen, _, err = a.readBack(ctx)
	}
	if err != nil {
		return Outputs{}, fmt.Errorf("reading back cloud %s: %w", a.cloud, err)
	}
	if a.wanted == nil {
		return Outputs{}, nil
	}
	return OutputsOf(a.wanted.Cloud, seen), nil
}

// readBack waits until AWS shows what was done, and returns what is left to do of
// a cloud that is wanted.
func (a *applier) readBack(ctx context.Context) (seen Seen, left []Action, err error) {
	err = a.until(ctx, visiblePolicy, func(ctx context.Context) (bool, error) {
		var err error
		if seen, err = See(ctx, Clients{a.api, a.iam}, a.cloud); err != nil {
			return ctx.Err() == nil, err
		}
		if a.wanted == nil {
			err := a.stillThere(seen)
			return err != nil, err
		}
		p, err := PlanUp(*a.wanted, seen)
		if err != nil {
			return false, err
		}
		if left = p.Actions; !p.Empty() {
			return true, fmt.Errorf("AWS does not show the changes yet, or somebody undoes them; still to do: %s",
				left[0])
		}
		return false, nil
	})
	return seen, left, err
}

// stillThere returns an error if AWS shows something that was removed.
func (a *applier) stillThere(seen Seen) error {
	rest := seen.without(a.kept)
	if rest.Empty() {
		return nil
	}
	what := "volumes of terminated instances"
	if p := PlanDown(rest); !p.Empty() {
		what = p.Actions[0].Object + " " + p.Actions[0].Detail
	}
	return fmt.Errorf("AWS still shows what was removed: %s", what)
}
