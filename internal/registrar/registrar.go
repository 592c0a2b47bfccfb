// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/model"
)

// Registrar keeps AWS equal to Neutron for one gateway node. Make it with [New].
// Its methods may be called by one goroutine at a time.
type Registrar struct {
	*caller
	cfg       Config
	api       EC2
	limits    *instanceLimits // of the instance type; nil until described
	memory    *memory
	last      Seen                // what AWS has shown last
	lastAt    time.Time           // when it did
	here      map[netip.Addr]bool // the addresses that were this node's in the last pass
	savedHeld []model.Held        // what Config.SaveHeld has saved; nil if that is not known
}

// New makes a Registrar, without calling AWS. The client needs no retries of its own:
// this package retries whatever may be retried.
func New(api EC2, cfg Config) *Registrar {
	cfg = cfg.withDefaults()
	m := newMemory()
	m.held, m.heldUnknown = heldFrom(cfg), cfg.Held == nil
	return &Registrar{
		caller: &caller{limiter: newLimiter(), observer: cfg.Observer},
		cfg:    cfg, api: api, memory: m, savedHeld: cfg.Held,
	}
}

// Registration is where an address is registered.
type Registration struct {
	ENI, MAC string
	// Public is the address by which the Internet reaches it, invalid if there is none.
	Public netip.Addr
}

// Result is the outcome of a reconcile pass.
type Result struct {
	// Registered has the wanted addresses of this node that AWS has registered.
	Registered map[netip.Addr]Registration
	// ENIs are this node's provider interfaces, in the order of their device
	// indices. Each needs its translation.
	ENIs     []ENI
	Findings []model.Finding // in order of address
	Held     []model.Held    // Elastic IPs whose release waits or was agreed to, in order of address
	Calls    int             // to AWS, retries included
	// Next is when another pass is due: for what this one had no time for, at the end
	// of a grace period, or for a retry. The zero time if nothing is due.
	Next time.Time
}

// Reconcile makes one pass: it makes AWS what Neutron has allocated. wanted are all
// addresses of the cloud, not only this node's: an address that is absent counts as
// released, so Reconcile must not be called without an answer from Neutron. It returns
// when everything is done and visible, when nothing more can be done now, or soon after
// Config.PassLimit.
//
// What cannot be had is in the findings. The error is for an AWS that cannot be read,
// and for a context that is done; what was done until then stays, and the next pass
// continues from there.
func (r *Registrar) Reconcile(ctx context.Context, wanted []Want) (Result, error) {
	before := r.calls.Load()
	p := &pass{Registrar: r, end: time.Now().Add(r.cfg.PassLimit), wanted: map[netip.Addr]Want{}}
	for _, w := range wanted {
		if w.Addr.IsValid() {
			w.Addr = w.Addr.Unmap()
			p.wanted[w.Addr] = w
		}
	}
	r.memory.dropOthers(p.wanted)
	seen, findings, err := p.rounds(ctx)
	r.here = map[netip.Addr]bool{}
	for a, w := range p.wanted {
		r.here[a] = w.Here
	}
	result := Result{Findings: sortFindings(append(findings, p.findings...)), Calls: int(r.calls.Load() - before)}
	if err != nil {
		return result, fmt.Errorf("reconciling the addresses of %s: %w", r.cfg.Node, err)
	}
	result.Registered = r.registered(p.wanted, seen)
	for _, e := range seen.ENIs {
		if r.cfg.mine(e) {
			result.ENIs = append(result.ENIs, e)
		}
	}
	r.memory.locked(func(m *memory) { result.Held = m.heldList() })
	result.Next = p.next(time.Now())
	return result, nil
}

// registered returns where the addresses of this node are registered.
func (r *Registrar) registered(wanted map[netip.Addr]Want, s Seen) map[netip.Addr]Registration {
	out := map[netip.Addr]Registration{}
	for _, a := range slices.SortedFunc(maps.Keys(wanted), netip.Addr.Compare) {
		if !wanted[a].Here {
			continue
		}
		e := s.holder(a)
		if e == nil || !r.cfg.mine(*e) || e.Instance != r.cfg.Instance {
			continue
		}
		out[a] = Registration{ENI: e.ID, MAC: e.MAC, Public: s.public(e, a)}
	}
	return out
}
