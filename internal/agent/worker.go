// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"hash/maphash"
	"net/netip"
	"strconv"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/registrar"
)

// reconcileWorker reconciles AWS with Neutron's answers. It runs beside the agent's loop:
// AWS may take its time, and known addresses must not wait for it.
type reconcileWorker struct {
	registrar reconciler
	cfg       Config
	held      *heldFiles
	wanted    mailbox[[]neutron.Address]
	// registered has what a pass that is under way has registered, see registrar.Config.
	registered mailbox[registrations]
	outcomes   mailbox[outcome]
}

type registrations = map[netip.Addr]registrar.Registration

// reconciler is the registrar.
type reconciler interface {
	Reconcile(context.Context, []registrar.Want) (registrar.Result, error)
	Agree([]model.Held) error
}

// outcome is the outcome of one reconcile pass.
type outcome struct {
	addresses []neutron.Address // of the answer
	result    registrar.Result
	err       error
	took      time.Duration
}

func newReconcileWorker(cfg Config, r reconciler, h *heldFiles, registered mailbox[registrations]) *reconcileWorker {
	return &reconcileWorker{
		registrar: r, cfg: cfg, held: h, registered: registered,
		wanted: newMailbox[[]neutron.Address](), outcomes: newMailbox[outcome](),
	}
}

// submit hands over an answer of Neutron.
func (w *reconcileWorker) submit(addresses []neutron.Address) { w.wanted.put(addresses) }

// passTimeout bounds one reconcile pass. Each call of AWS has a timeout of its own, and
// a pass over thousands of addresses takes minutes.
const passTimeout = 15 * time.Minute

// run reconciles until ctx is done.
func (w *reconcileWorker) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case addresses := <-w.wanted:
			began := time.Now()
			w.held.applyAgreements(w.registrar.Agree)
			limited, cancel := context.WithTimeout(ctx, passTimeout)
			result, err := w.registrar.Reconcile(limited, wants(w.cfg, addresses))
			cancel()
			if ctx.Err() != nil {
				return
			}
			w.outcomes.put(outcome{addresses, result, err, time.Since(began)})
		}
	}
}

var seed = maphash.MakeSeed()

// fingerprint is a hash of all of Neutron's answer that matters to AWS and to floating
// IPs' tags.
func fingerprint(addresses []neutron.Address) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	text := func(s string) {
		h.WriteString(s)
		h.WriteByte(0)
	}
	for _, a := range addresses {
		at := a.Addr.As16()
		h.Write(at[:])
		h.Write(a.MAC)
		for _, s := range []string{string(a.Kind), a.ID, a.Router, a.Host, strconv.FormatBool(a.Active)} {
			text(s)
		}
		for _, tag := range a.Tags {
			text(tag)
		}
		h.WriteByte(1)
	}
	return h.Sum64()
}
