package infra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// State is how far an action is.
type State string

// The states that a Progress hears of.
const (
	Started  State = "started"
	Finished State = "finished"
	Failed   State = "failed"
)

// Event tells of an action's start or end.
type Event struct {
	Action Action
	State  State
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
// again by the next See. A removal goes on with what the error is nothing to. The outputs of a plan that removes are empty.
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
	return a.settle(ctx)
}

// run does the actions, each after those that it needs.
func (a *applier) run(ctx context.Context, actions []Action, progress Progress) error {
	if progress == nil {
		progress = func(Event) {}
	}
	type result struct {
		i   int
		d   time.Duration
		err error
	}
	var (
		results = make(chan result)
		started = make([]bool, len(actions))
		done    = map[string]bool{}
		running int
		errs    []error
	)
	ready := func(i int) bool {
		for _, n := range actions[i].Needs {
			if !done[n] {
				return false
			}
		}
		return !started[i]
	}
	for {
		for i := range actions {
			if len(errs) > 0 && a.wanted != nil || ctx.Err() != nil || running >= atOnce || !ready(i) {
				continue
			}
			started[i] = true
			running++
			progress(Event{Action: actions[i], State: Started})
			go func() {
				begin := a.clock.Now()
				err := actions[i].do(ctx, a)
				results <- result{i, a.clock.Now().Sub(begin), err}
			}()
		}
		if running == 0 {
			break
		}
		r := <-results
		running--
		action := actions[r.i]
		if r.err != nil {
			errs = append(errs, fmt.Errorf("%s %s %s: %w", gerund(action.Verb), action.Object, action.Detail, r.err))
			progress(Event{Action: action, State: Failed, Duration: r.d, Err: r.err})
			continue
		}
		done[action.ID] = true
		progress(Event{Action: action, State: Finished, Duration: r.d})
	}
	if len(errs) == 0 && ctx.Err() != nil && len(done) < len(actions) {
		errs = append(errs, ctx.Err())
	}
	return errors.Join(errs...)
}

func gerund(v Verb) string {
	return map[Verb]string{Create: "creating", Change: "changing", Start: "starting", Delete: "deleting"}[v]
}

// settle reads back what was written. It waits and repeats no call: what AWS does
// not show yet would be made a second time. What it shows twice goes: a call
// whose answer got lost, and that AWS did not show for long, was made again.
func (a *applier) settle(ctx context.Context) (Outputs, error) {
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
	err = a.until(ctx, briefly, func(ctx context.Context) (bool, error, error) {
		var err error
		if seen, err = See(ctx, Clients{a.api, a.iam}, a.cloud); err != nil {
			return false, err, ctx.Err()
		}
		if a.wanted == nil {
			if rest := seen.without(a.kept); !rest.Empty() {
				what := "volumes of instances that are gone"
				if p := PlanDown(rest); !p.Empty() {
					what = p.Actions[0].Object + " " + p.Actions[0].Detail
				}
				return false, fmt.Errorf("AWS still shows what was removed: %s", what), nil
			}
			return true, nil, nil
		}
		p, err := PlanUp(*a.wanted, seen)
		if err != nil {
			return false, nil, err
		}
		if left = p.Actions; !p.Empty() {
			return false, fmt.Errorf("AWS does not show yet what was done, or somebody else changes it; left to do: %s", left[0]), nil
		}
		return true, nil, nil
	})
	return seen, left, err
}
