package registrar

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many calls are under way at a time.
const atOnce = 8

// apply carries a plan out. What fails is a finding or a note in memory, so
// that everything else goes on.
func (t *turn) apply(ctx context.Context, seen Seen, actions []Action) {
	// Steps of one stage do not depend on each other. Calls for one interface
	// come one after another: it is one thing that they change.
	for _, stage := range [][]Verb{{Unassign}, {Assign}, {Disassociate}, {Release}, {Associate, Allocate}, {NeedENI}} {
		var keys []string
		chains := map[string][]Action{}
		for _, a := range actions {
			if !slices.Contains(stage, a.Verb) {
				continue
			}
			key := a.ENI
			if a.Verb == Associate || a.Verb == Allocate || a.Verb == Release || a.Verb == Disassociate {
				key = a.Allocation + " " + a.addr().String()
			}
			if _, is := chains[key]; !is {
				keys = append(keys, key)
			}
			chains[key] = append(chains[key], a)
		}
		var g errgroup.Group
		g.SetLimit(atOnce)
		for _, key := range keys {
			g.Go(func() error {
				for _, a := range chains[key] {
					if ctx.Err() == nil {
						t.step(ctx, seen, a)
					}
				}
				return nil
			})
		}
		_ = g.Wait() // none returns an error
	}
}

func (t *turn) step(ctx context.Context, seen Seen, a Action) {
	switch a.Verb {
	case Unassign:
		t.unassign(ctx, a)
	case Assign:
		t.assign(ctx, a)
	case Disassociate:
		t.disassociate(ctx, a)
	case Release:
		t.release(ctx, a)
	case Allocate:
		t.allocate(ctx, a)
	case Associate:
		t.associate(ctx, a)
	case NeedENI:
		t.needENI(ctx, seen, a)
	}
}

// did notes what a write has changed.
func (t *turn) did(facts ...fact) {
	t.memory.believe(time.Now(), facts...)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress = true
}

// failed notes an error that is no refusal of a kind of its own.
func (t *turn) failed(a netip.Addr, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case errors.Is(err, errTurn):
		t.more = true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Reconcile returns it.
	case errors.Is(err, errUnavailable), errors.Is(err, errUnsure):
		t.later = true
		t.findings = append(t.findings, finding(a, Unavailable, errorText(err)))
	default:
		t.findings = append(t.findings, finding(a, Refused, errorText(err)))
	}
}

func (t *turn) lacks(a netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.missing[a]
}

func (t *turn) lack(addrs []netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range addrs {
		t.missing[a] = true
	}
}
