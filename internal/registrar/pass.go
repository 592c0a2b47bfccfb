// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"macaw.example/internal/model"
)

// Bounds of one pass.
const (
	maxRounds = 6
	// readBackLimit is how long a round waits until the effects of its writes are
	// visible. What is not by then is expected for a while, see expectation.
	readBackLimit = 20 * time.Second
	// claimWithin is how old the last look at AWS may be for addresses to be claimed by it.
	claimWithin = 2 * time.Minute
)

// pass is one reconcile pass. It takes rounds of describe, plan and apply.
type pass struct {
	*Registrar
	wanted map[netip.Addr]Want
	end    time.Time // no write is begun after it

	mu           sync.Mutex
	findings     []model.Finding
	assignFailed map[netip.Addr]bool // what this round failed to assign
	progress     bool                // this round wrote, or learned what makes another one worthwhile
	unfinished   bool                // something was left for another pass
	retry        bool                // something is worth another try, but not at once
}

// rounds describes, plans and applies until there is nothing to do or nothing more
// can be done. It returns what AWS shows in the end, with what is expected of it.
func (p *pass) rounds(ctx context.Context) (Seen, []model.Finding, error) {
	p.claim(ctx)
	described, err := p.look(ctx)
	if err != nil {
		return Seen{}, nil, err
	}
	for round := 0; ; round++ {
		p.dropMoved()
		now := time.Now()
		seen, _ := p.memory.overlay(described, now)
		p.memory.observe(p.cfg, p.wanted, seen, now)
		_ = p.saveHeld() // Config.SaveHeld reports its errors itself, and releases wait for it
		actions, findings := plan(p.cfg, p.wanted, seen, now, p.memory)
		late := now.After(p.end)
		if len(actions) == 0 || round > 0 && !p.progress || round == maxRounds || late {
			p.unfinished = p.unfinished || len(actions) > 0 && late
			p.retry = p.retry || len(actions) > 0
			return seen, findings, nil
		}
		p.progress, p.assignFailed, p.findings = false, map[netip.Addr]bool{}, nil
		moves := p.moves(seen, actions)
		if moves != nil {
			actions = moves
		}
		p.apply(ctx, seen, actions)
		p.tell(described)
		if described, err = p.readBack(ctx); err != nil {
			return Seen{}, findings, err
		}
		if moves != nil { // the caller learns of them now; the rest is for another pass
			p.unfinished = true
			seen, _ := p.memory.overlay(described, time.Now())
			return seen, findings, nil
		}
	}
}

// look describes AWS.
func (p *pass) look(ctx context.Context) (Seen, error) {
	described, err := p.describe(ctx, len(p.wanted))
	if err == nil {
		p.last, p.lastAt = described, time.Now()
	}
	return described, err
}

// claim takes the addresses whose traffic has moved to this node since the last pass, if they were on other interfaces
// of the cloud when AWS was looked at last. Their users wait: looking first would take as long again as the call. What
// has changed since then comes out of the next look.
func (p *pass) claim(ctx context.Context) {
	now := time.Now()
	if !recent(p.lastAt, now, claimWithin) {
		return
	}
	p.dropMoved()
	arrived := maps.Clone(p.wanted)
	maps.DeleteFunc(arrived, func(a netip.Addr, w Want) bool { return !w.Here || p.here[a] })
	seen, _ := p.memory.overlay(p.last, now)
	actions, _ := plan(p.cfg, arrived, seen, now, p.memory)
	actions = slices.DeleteFunc(actions, func(a Action) bool { return a.Verb != Assign || !a.Move })
	if len(actions) == 0 {
		return
	}
	p.assignFailed = map[netip.Addr]bool{}
	p.apply(ctx, seen, actions)
	p.tell(p.last)
}

// tell tells the caller which addresses are registered, see Config.Registered.
func (p *pass) tell(described Seen) {
	seen, _ := p.memory.overlay(described, time.Now())
	p.cfg.Registered(p.registered(p.wanted, seen))
}

// dropMoved leaves addresses to the nodes that their traffic has moved to since the wants were made.
func (p *pass) dropMoved() {
	for a, w := range p.wanted {
		if w.Here && !p.cfg.StillHere(a) {
			w.Here = false
			p.wanted[a] = w
		}
	}
}

// moves returns the actions that register addresses, if some of them move here: these
// have users who must not wait for hundreds of Elastic IPs. It returns nil if no address
// moves, or if there are no other actions.
func (p *pass) moves(seen Seen, actions []Action) []Action {
	var registering []Action
	moving := false
	for _, a := range actions {
		switch a.Verb {
		case Assign:
			moving = moving || a.Move
		case Unassign:
			e := seen.eni(a.ENI)
			moving = moving || e != nil && !p.cfg.mine(*e)
		default:
			continue
		}
		registering = append(registering, a)
	}
	if !moving || len(registering) == len(actions) {
		return nil
	}
	return registering
}

// readBack describes AWS until all writes are visible, but not for longer than
// readBackLimit.
func (p *pass) readBack(ctx context.Context) (Seen, error) {
	end := time.Now().Add(readBackLimit)
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return Seen{}, err
		}
		described, err := p.look(ctx)
		if err != nil {
			return Seen{}, err
		}
		now := time.Now()
		_, pending := p.memory.overlay(described, now)
		if pending == 0 || now.After(end) {
			return described, nil
		}
		if err := sleep(ctx, backoff(try)); err != nil {
			return Seen{}, err
		}
	}
}

// next is when another pass is due, the zero time if none is.
func (p *pass) next(now time.Time) time.Time {
	if p.unfinished {
		return now
	}
	next := p.memory.next(p.cfg, now)
	if at := now.Add(retryAfter); p.retry && (next.IsZero() || at.Before(next)) {
		return at
	}
	return next
}
