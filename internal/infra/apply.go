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
	"macaw.example/internal/inventory"
)

// The states of an Event.
const (
	Started  = graph.Started
	Finished = graph.Done
	Failed   = graph.Failed
)

// Event is an action's start or end.
type Event struct {
	Action Action
	State  graph.State
	// Duration is how long the action took; zero at its start.
	Duration time.Duration
	// Err is set if the action failed.
	Err error
}

// Progress is called for every event, one at a time. It may be nil.
type Progress func(Event)

// atOnce is how many actions run in parallel: well below AWS's token buckets, of which the smallest
// relevant one takes a burst of 50 calls (EC2 Developer Guide, ec2-api-throttling).
const atOnce = 12

type applier struct {
	api    EC2
	iam    IAM
	clock  clock
	cloud  string
	wanted *Wanted
	kept   []Kept // of a cloud being removed

	mu  sync.Mutex
	ids map[string]string // resource IDs by part
}

func (a *applier) id(part string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ids[part]
}

func (a *applier) idsOf(parts []string) (ids []string) {
	for _, p := range parts {
		ids = append(ids, a.id(p))
	}
	return ids
}

func (a *applier) set(part, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[part] = id
}

// Apply carries out a plan, independent actions in parallel, and returns when AWS shows the result.
// After an error it starts no further actions, waits for the running ones, and returns the errors;
// the next See finds everything that was made. A removal continues with actions that do not depend
// on the failed one. The outputs of a removal are empty.
func Apply(ctx context.Context, c Clients, p *Plan, progress Progress) (Outputs, error) {
	return apply(ctx, c, wallClock{}, p, progress)
}

func apply(ctx context.Context, c Clients, clock clock, p *Plan, progress Progress) (Outputs, error) {
	a := &applier{api: c.EC2, iam: c.IAM, clock: clock, cloud: p.Cloud, wanted: p.wanted, kept: p.Kept,
		ids: map[string]string{}}
	for part, id := range p.ids {
		a.ids[part] = id
	}
	// A plan may be made without an image, to show the rest of it.
	if p.wanted != nil {
		for _, n := range p.wanted.Cloud.Nodes {
			if p.Launches(n.Name) && p.wanted.ImageOf(n).ID == "" {
				return Outputs{}, fmt.Errorf("making instance %s: no image to boot", n.Name)
			}
		}
	}
	if len(p.Actions) == 0 && (a.wanted != nil || a.stillThere(p.seen) == nil) {
		return a.outputs(p.seen), nil // the plan was made of the result, which need not be read again
	}
	if err := a.run(ctx, p.Actions, progress); err != nil {
		return Outputs{}, err
	}
	return a.waitConsistent(ctx)
}

// run executes the actions, each after the ones that it needs.
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

// label prefixes the errors of an action.
func (a Action) label() string {
	gerund := map[Verb]string{Create: "creating", Change: "changing", Start: "starting", Stop: "stopping",
		Delete: "deleting"}[a.Verb]
	return strings.TrimRight(gerund+" "+a.Object+" "+a.Detail, " ")
}

// waitConsistent reads back what was written. It only waits and repeats no call: that would create
// a second resource in place of one that AWS does not show yet. It removes duplicates, which arise
// when the response to a call was lost and AWS did not show its result for long.
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
	return a.outputs(seen), nil
}

func (a *applier) outputs(seen inventory.Seen) Outputs {
	if a.wanted == nil {
		return Outputs{}
	}
	return OutputsOf(a.wanted.Cloud, seen)
}

// readBack waits until AWS shows the result, and returns the remaining actions of a wanted cloud.
func (a *applier) readBack(ctx context.Context) (seen inventory.Seen, left []Action, err error) {
	err = a.until(ctx, visiblePolicy, func(ctx context.Context) (bool, error) {
		var err error
		if seen, err = inventory.See(ctx, a.api, a.iam, a.cloud); err != nil {
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
			return true, fmt.Errorf("changes not visible on AWS yet, or undone by others; still to do: %s",
				left[0])
		}
		return false, nil
	})
	return seen, left, err
}

// stillThere returns an error if AWS still shows a resource that was removed.
func (a *applier) stillThere(seen inventory.Seen) error {
	rest := without(seen, a.kept)
	if rest.Empty() {
		return nil
	}
	what := "volumes of terminated instances"
	if p := PlanDown(rest); !p.Empty() {
		what = p.Actions[0].Object + " " + p.Actions[0].Detail
	}
	return fmt.Errorf("still visible on AWS after their removal: %s", what)
}

// without returns what was seen without the kept resources, of the kinds that others can keep. A main route
// table is always left out: it is deleted with its VPC.
func without(s inventory.Seen, kept []Kept) inventory.Seen {
	stays := map[string]bool{}
	for _, k := range kept {
		stays[k.ID] = true
	}
	s.VPCs = rest(s.VPCs, func(v inventory.VPC) bool { return stays[v.ID] })
	s.InternetGateways = rest(s.InternetGateways, func(g inventory.InternetGateway) bool { return stays[g.ID] })
	s.Subnets = rest(s.Subnets, func(n inventory.Subnet) bool { return stays[n.ID] })
	s.RouteTables = rest(s.RouteTables, func(t inventory.RouteTable) bool { return stays[t.ID] || t.Main })
	s.SecurityGroups = rest(s.SecurityGroups, func(g inventory.SecurityGroup) bool { return stays[g.ID] })
	s.Interfaces = rest(s.Interfaces, func(n inventory.Interface) bool { return stays[n.ID] })
	s.Volumes = rest(s.Volumes, func(v inventory.Volume) bool { return stays[v.ID] })
	return s
}

func rest[T any](all []T, not func(T) bool) []T { return slices.DeleteFunc(slices.Clone(all), not) }
