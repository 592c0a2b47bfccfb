// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxConcurrent is how many calls are under way at a time.
const maxConcurrent = 8

// stages are the verbs whose actions do not depend on each other, in the order in which
// they are applied.
var stages = [][]Verb{{Unassign}, {Assign}, {Disassociate}, {Release}, {Associate, Allocate}, {NeedENI}}

// apply carries a plan out. A failure becomes a finding or a note in memory, and
// everything else goes on.
func (p *pass) apply(ctx context.Context, seen Seen, actions []Action) {
	for _, stage := range stages {
		keys, chains := chainsOf(stage, actions)
		var g errgroup.Group
		g.SetLimit(maxConcurrent)
		for _, key := range keys {
			g.Go(func() error {
				for _, a := range chains[key] {
					if ctx.Err() == nil {
						p.step(ctx, seen, a)
					}
				}
				return nil
			})
		}
		_ = g.Wait() // none returns an error
	}
}

// chainsOf returns the actions of a stage that come one after another, since they change
// one thing: an interface, or an Elastic IP. keys are in the order of the actions.
func chainsOf(stage []Verb, actions []Action) (keys []string, chains map[string][]Action) {
	chains = map[string][]Action{}
	for _, a := range actions {
		if !slices.Contains(stage, a.Verb) {
			continue
		}
		key := a.ENI
		switch a.Verb {
		case Associate, Allocate, Release, Disassociate:
			key = a.Allocation + " " + a.addr().String()
		}
		if _, ok := chains[key]; !ok {
			keys = append(keys, key)
		}
		chains[key] = append(chains[key], a)
	}
	return keys, chains
}

func (p *pass) step(ctx context.Context, seen Seen, a Action) {
	switch a.Verb {
	case Unassign:
		p.unassign(ctx, a)
	case Assign:
		p.assign(ctx, a)
	case Disassociate:
		p.disassociate(ctx, a)
	case Release:
		p.release(ctx, a)
	case Allocate:
		p.allocate(ctx, a)
	case Associate:
		p.associate(ctx, a)
	case NeedENI:
		p.needENI(ctx, seen, a)
	}
}

// wrote expects the effects of an acknowledged write.
func (p *pass) wrote(effects ...effect) {
	p.memory.expect(time.Now(), effects...)
	p.requeue()
}

// requeue makes another round worthwhile: it sees more than this one.
func (p *pass) requeue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress = true
}

// failed notes an error that needs no treatment of its own.
func (p *pass) failed(a netip.Addr, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.Is(err, errDeadline):
		p.unfinished = true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Reconcile returns it.
	case errors.Is(err, errUnavailable), errors.Is(err, errAmbiguous):
		p.retry = true
		p.findings = append(p.findings, finding(a, Unavailable, errorText(err)))
	default:
		p.findings = append(p.findings, finding(a, Refused, errorText(err)))
	}
}

// didAssignFail tells whether this round failed to assign an address.
func (p *pass) didAssignFail(a netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.assignFailed[a]
}

func (p *pass) noteAssignFailed(addrs []netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range addrs {
		p.assignFailed[a] = true
	}
}
