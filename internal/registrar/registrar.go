package registrar

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"macaw.example/internal/model"
)

// Registrar keeps AWS equal to Neutron for one gateway node. It is made with
// New. Its methods may be called by one goroutine at a time.
type Registrar struct {
	*caller
	cfg     Config
	api     EC2
	carries *limits // by the instance type; nil until asked for
	memory  *memory
	kept    []model.Held // what is noted down; nil if that is not known
}

// New makes a Registrar; it calls nobody. The client needs no retries of its
// own: this package repeats what may be repeated.
func New(api EC2, cfg Config) *Registrar {
	cfg = cfg.withDefaults()
	m := newMemory()
	m.held, m.forgot = heldBefore(cfg), cfg.Held == nil
	return &Registrar{caller: &caller{limits: newLimiter(), observer: cfg.Observer},
		cfg: cfg, api: api, memory: m, kept: cfg.Held}
}

// Registration is where an address is registered.
type Registration struct {
	ENI, MAC string
	// Public is the address that the Internet knows, invalid if there is none.
	Public netip.Addr
}

// Result is what a Reconcile has come to.
type Result struct {
	// Registered has the wanted addresses of this node that AWS carries.
	Registered map[netip.Addr]Registration
	// ENIs are this node's provider interfaces, in the order of their device
	// indices. Each needs its translation.
	ENIs     []ENI
	Findings []model.Finding // ordered by address
	Held     []model.Held    // Elastic IPs whose release waits, or was agreed to, ordered by address
	Calls    int             // of AWS, all tries counted
	// Next is when something that waits is due: what the turn was too short
	// for, a grace, another try. The zero time if nothing waits.
	Next time.Time
}

// Bounds of one Reconcile.
const (
	maxRounds = 6
	// readBack is how long the effects of writes are looked for. What does not
	// show is believed for a while, see belief.
	readBack = 20 * time.Second
)

// Reconcile makes AWS what Neutron has given out. wanted are all addresses of
// the cloud, not only this node's: what is missing counts as let go, so it must
// not be called without an answer from Neutron. It returns when everything is
// done and shown, when nothing more can be done now, or soon after Config.Turn.
//
// What cannot be had is in the findings. The error is for AWS that cannot be
// read, and for a context that is done; what was done until then stays, and the
// next call goes on.
func (r *Registrar) Reconcile(ctx context.Context, wanted []Want) (Result, error) {
	before := r.calls.Load()
	t := &turn{Registrar: r, end: time.Now().Add(r.cfg.Turn), wanted: map[netip.Addr]Want{}}
	for _, w := range wanted {
		if w.Addr.IsValid() {
			w.Addr = w.Addr.Unmap()
			t.wanted[w.Addr] = w
		}
	}
	r.memory.yield(t.wanted)
	seen, findings, err := t.rounds(ctx)
	result := Result{Findings: sortFindings(append(findings, t.findings...)), Calls: int(r.calls.Load() - before)}
	if err != nil {
		return result, fmt.Errorf("reconciling the addresses of %s: %w", r.cfg.Node, err)
	}
	result.Registered = r.registered(t.wanted, seen)
	for _, e := range seen.ENIs {
		if r.cfg.mine(e) {
			result.ENIs = append(result.ENIs, e)
		}
	}
	now := time.Now()
	r.memory.note(func(m *memory) { result.Held = m.heldList() })
	result.Next = r.memory.next(r.cfg, now)
	if soon := now.Add(again); t.later && (result.Next.IsZero() || soon.Before(result.Next)) {
		result.Next = soon
	}
	if t.more {
		result.Next = now
	}
	return result, nil
}

// turn is one Reconcile.
type turn struct {
	*Registrar
	wanted map[netip.Addr]Want
	end    time.Time

	mu       sync.Mutex
	findings []model.Finding
	missing  map[netip.Addr]bool // what this round failed to assign
	progress bool                // some write was acknowledged in this round
	more     bool                // something was left for another turn
	later    bool                // something is worth another try, not at once
}

// rounds sees, plans and applies until there is nothing to do or nothing more
// can be done. It returns what is seen and believed in the end.
func (t *turn) rounds(ctx context.Context) (Seen, []model.Finding, error) {
	raw, err := t.see(ctx, len(t.wanted))
	if err != nil {
		return Seen{}, nil, err
	}
	for round := 0; ; round++ {
		now := time.Now()
		seen, _ := t.memory.settle(raw, now)
		t.memory.observe(t.cfg, t.wanted, seen, now)
		_ = t.keep() // Config.Keep tells of what goes wrong, and releases wait for it
		actions, findings := plan(t.cfg, t.wanted, seen, now, t.memory)
		if len(actions) == 0 || round > 0 && !t.progress || round == maxRounds || now.After(t.end) {
			t.more = t.more || len(actions) > 0 && now.After(t.end)
			t.later = t.later || len(actions) > 0
			return seen, findings, nil
		}
		t.progress, t.missing, t.findings = false, map[netip.Addr]bool{}, nil
		moves := t.moves(seen, actions)
		if moves != nil {
			actions = moves
		}
		t.apply(ctx, seen, actions)
		if raw, err = t.readBack(ctx); err != nil {
			return Seen{}, findings, err
		}
		if moves != nil { // the caller learns of them now; the rest is for another turn
			t.more = true
			seen, _ := t.memory.settle(raw, time.Now())
			return seen, findings, nil
		}
	}
}

// moves returns the steps that registration takes, if addresses move here: they
// have users who wait, and who must not wait for hundreds of Elastic IPs. It
// returns nil if there are no such addresses, or no other steps.
func (t *turn) moves(seen Seen, actions []Action) []Action {
	var steps []Action
	moving := false
	for _, a := range actions {
		if a.Verb == Assign || a.Verb == Unassign {
			steps = append(steps, a)
			e := seen.eni(a.ENI)
			moving = moving || a.Verb == Assign && a.Move || a.Verb == Unassign && e != nil && !t.cfg.mine(*e)
		}
	}
	if !moving || len(steps) == len(actions) {
		return nil
	}
	return steps
}

// readBack looks until all that was written shows, or for as long as is
// reasonable.
func (t *turn) readBack(ctx context.Context) (Seen, error) {
	end := time.Now().Add(readBack)
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return Seen{}, err
		}
		raw, err := t.see(ctx, len(t.wanted))
		if err != nil {
			return Seen{}, err
		}
		now := time.Now()
		if _, open := t.memory.settle(raw, now); open == 0 || now.After(end) {
			return raw, nil
		}
		if err := sleep(ctx, backoff(try)); err != nil {
			return Seen{}, err
		}
	}
}

// registered tells where the addresses of this node are.
func (r *Registrar) registered(wanted map[netip.Addr]Want, s Seen) map[netip.Addr]Registration {
	out := map[netip.Addr]Registration{}
	for _, a := range slices.SortedFunc(maps.Keys(wanted), netip.Addr.Compare) {
		if !wanted[a].Here {
			continue
		}
		e := s.on(a)
		if e == nil || !r.cfg.mine(*e) || e.Instance != r.cfg.Instance {
			continue
		}
		at := Registration{ENI: e.ID, MAC: e.MAC}
		if l := s.leading(e.ID, a); l != nil {
			at.Public = l.Public
		} else if p, is := e.Public[a]; is && s.elastic(p.Allocation) == nil {
			at.Public = p.Addr
		}
		out[a] = at
	}
	return out
}
