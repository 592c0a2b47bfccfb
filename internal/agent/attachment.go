// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"macaw.example/internal/model"
	"macaw.example/internal/translate"
)

// attachment is an attached translation, and the agent's loop on it.
type attachment struct {
	*agent
	t            translation
	nics         []translate.NIC
	attachedENIs []eni // those that it was made for
	missing      []eni // those of them whose interface is not there yet
	queries      *querySchedule
	checks       *alarm // of the interfaces
	prober       *arpProber
	verifyUntil  time.Time // see verifyFor
	paidUntil    time.Time // up to when queries because of frames are paid, see eventDelay
}

// runAttachment is the life of one attachment: from attaching until it is stale.
func (a *agent) runAttachment(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The watch comes first, or a change while attaching goes unseen.
	changed, err := a.kernel.watch(ctx)
	if err != nil {
		return err
	}
	nics, missing, err := a.findNICs(a.enis)
	if err != nil {
		return err
	}
	for _, m := range missing {
		a.log.Warn("provider ENI has no interface yet", "mac", m.MAC, "primary", m.Primary)
	}
	if err := a.clearNICs(nics); err != nil {
		return err
	}
	t, err := a.kernel.attach(a.cfg.translation(nics))
	if err != nil {
		return err
	}
	defer t.Close()
	if err := a.restoreMap(t); err != nil {
		return err
	}
	if !a.ready {
		a.ready = true
		a.notifySystemd(daemon.SdNotifyReady + "\nSTATUS=attached to " + nics[0].Name)
	}
	for _, n := range nics {
		a.log.Info("attached", "nic", n.Name, "primary", n.Primary)
	}

	unmanaged := a.unmanage(ctx, slices.Clone(a.enis[1:]))
	defer func() { cancel(); <-unmanaged }()
	events, ended := a.readEvents(ctx, t)
	defer func() { cancel(); <-ended }() // before t is closed
	l := &attachment{
		agent: a, t: t, nics: nics, attachedENIs: a.enis, missing: missing,
		queries: newQuerySchedule(), checks: newAlarm(), prober: newARPProber(),
	}
	return l.loop(ctx, changed, events, ended)
}

// unmanage has the machine's network managers leave ENIs alone, and tries again until they do or ctx is done;
// then done is closed. Frames do not wait for it: the NICs are kept clear meanwhile, see check.
func (a *agent) unmanage(ctx context.Context, enis []eni) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for failures := 0; ; failures++ {
			err := a.kernel.unmanage(ctx, enis)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil && failures > 0:
				a.log.Info("the machine's network managers leave the provider NICs alone")
				return
			case err == nil:
				return
			case failures == 0:
				a.log.Warn("configuring the machine's network managers failed; they may touch the provider NICs, "+
					"and the next boot may wait for them; trying again", "error", err)
			}
			sleep(ctx, backoff(a.time.retry, failures, a.time.poll))
		}
	}()
	return done
}

// readEvents reads the data plane's events until ctx is done, or until they cannot be
// read; then ended is closed.
func (a *agent) readEvents(ctx context.Context, t translation) (events chan translate.Event, ended chan struct{}) {
	events, ended = make(chan translate.Event, 64), make(chan struct{})
	go func() {
		defer close(ended)
		err := t.Events(ctx, func(e translate.Event) {
			select {
			case events <- e:
			case <-ctx.Done():
			}
		})
		if err != nil {
			a.log.Warn("event stream ended", "error", err)
		}
	}()
	return events, ended
}

// restoreMap brings back the last known map where there is none, and removes entries of
// addresses that are not the cloud's.
func (a *agent) restoreMap(t translation) error {
	entries, err := t.Entries()
	if err != nil {
		return err
	}
	// For a new process the map is newer than its file. Later the agent knows better:
	// entries that wait for their NIC are not in the map.
	if len(entries) > 0 && !a.ready {
		a.entries = onlyInRange(a.cfg, entries)
	}
	if !a.awsAnswered { // what is translated was registered, whatever the file says
		a.registered = maps.Clone(a.registered) // the saver may read the old one
		for _, e := range a.entries {
			a.registered[e.Addr] = e.ENI
		}
	}
	if !a.neutronAnswered { // reserved addresses are still where they were
		for _, e := range a.entries {
			a.observed[e.Addr] = e.MAC
		}
	}
	changes, err := t.Sync(a.entries)
	a.logChanges("entry restored", changes)
	return err
}

// clearNICs leaves the NICs to the translation.
func (a *agent) clearNICs(nics []translate.NIC) error {
	for _, n := range nics {
		removed, err := a.kernel.clearNIC(n.Name)
		if len(removed) > 0 {
			a.log.Warn("removed addresses and routing rules from provider NIC; its addresses belong to routers",
				"nic", n.Name, "removed", removed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// loop keeps the map equal to Neutron and AWS until the attachment is stale.
func (l *attachment) loop(
	ctx context.Context, changed <-chan struct{}, events <-chan translate.Event, ended <-chan struct{},
) error {
	answers := make(chan answer, 1)
	defer l.queries.stop()
	defer l.prober.stop()
	defer l.checks.stop()
	l.checks.set(time.Now()) // for what changed while attaching
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil

		case _, ok := <-changed:
			if !ok {
				return fmt.Errorf("%w: netlink messages were lost", errStale)
			}
			l.checks.set(time.Now().Add(l.time.debounce))

		case <-ended:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("%w: event stream ended", errStale)

		case <-l.checks.C:
			l.checks.fired()
			err = l.check()

		case <-l.reload:
			l.reconcileBy(0)

		case e := <-events:
			err = l.handleEvent(e)

		case <-l.prober.C:
			l.probe()

		case <-l.queries.C:
			err = l.check()
			if err == nil {
				l.heartbeat()
				l.queries.began()
				go func(c neutronClient) { answers <- l.query(ctx, c) }(l.neutron)
			}

		case a := <-answers:
			next := l.handleAnswer(ctx, a)
			l.heartbeat()
			l.queries.ended(time.Now().Add(next), l.time.debounce)

		case b := <-l.bindings:
			err = l.handleBindings(b)

		case r := <-l.worker.registered:
			err = l.handleRegistered(r)

		case o := <-l.worker.outcomes:
			select {
			case <-l.worker.registered: // it is older
			default:
			}
			err = l.handleOutcome(o)
		}
		if err != nil {
			return err
		}
	}
}

// handleEvent handles a frame that the data plane reports.
func (l *attachment) handleEvent(e translate.Event) error {
	if !e.Reason.Out() {
		l.prober.add(l.cfg, e.Addr, time.Now())
		return nil
	}
	if fromClaimant(l.addresses, e) && l.observed[e.Addr] != e.MAC {
		if err := l.observe(e); err != nil {
			return err
		}
	}
	if !l.pending.add(l.cfg, l.addresses, e, time.Now()) {
		return nil
	}
	l.log.Info("querying Neutron", "reason", e.Reason, "address", e.Addr, "mac", e.MAC)
	l.queries.noLaterThan(time.Now().Add(max(l.time.debounce, l.eventDelay())))
	if trusted(l.cfg, l.addresses, e) {
		return l.observe(e)
	}
	return nil
}

// observe notes the MAC that uses an address now, and makes the map follow.
func (l *attachment) observe(e translate.Event) error {
	l.observed[e.Addr] = e.MAC
	return l.sync(l.t)
}

// maxBurst is how many queries frames may cause at once; after that there is one each
// retry interval. Two machines with one address would go on for ever.
const maxBurst = 5

// eventDelay is how long a query that a frame causes has to wait. One that is due within
// debounce anyway costs nothing.
func (l *attachment) eventDelay() time.Duration {
	now := time.Now()
	due := l.queries.untilNext(now)
	if due <= l.time.debounce {
		return 0
	}
	if earliest := now.Add(-maxBurst * l.time.retry); l.paidUntil.Before(earliest) {
		l.paidUntil = earliest
	}
	if paid := l.paidUntil.Add(l.time.retry); paid.Sub(now) < due {
		l.paidUntil = paid
		return paid.Sub(now)
	}
	return due
}

// probe sends the ARP probes that are due.
func (l *attachment) probe() {
	addrs := l.prober.next(l.entries, time.Now())
	if len(addrs) == 0 {
		return
	}
	if err := l.t.ProbeARP(addrs...); err != nil {
		l.log.Debug("ARP probe failed", "error", err) // the poll remains
	}
}

// handleAnswer makes the map follow an answer of Neutron, and submits it to AWS. It
// returns when the next query is due.
func (l *attachment) handleAnswer(ctx context.Context, a answer) time.Duration {
	l.neutron = a.neutron
	failure, err := "Neutron query failed; keeping current entries", a.err
	if err == nil {
		newer := false // than the loss of the connection to OVN
		if !l.ovnLost.IsZero() && a.asked.After(l.ovnLost) {
			l.placed, newer = placement{}, true
		}
		l.answered, l.neutronAnswered = a.addresses, true
		l.place()
		l.word.answered(a.addresses, newer)
		l.observed = stillObserved(l.addresses, l.observed, l.pending)
		failure, err = "updating the translation failed; keeping current entries", l.sync(l.t)
	}
	l.metrics.queried(err)
	l.report.queried(err)
	if err != nil {
		if l.failures.neutron == 0 && ctx.Err() == nil {
			l.log.Warn(failure, "error", err)
		}
		l.failures.neutron++
		return backoff(l.time.retry, l.failures.neutron-1, l.time.poll)
	}
	if l.failures.neutron > 0 {
		l.log.Info("Neutron answers again")
	}
	l.failures.neutron = 0
	l.submit(time.Now())
	if queries := l.pending.queried(l.cfg, l.addresses, time.Now()); queries > 0 {
		return backoff(l.time.retry, queries-1, l.time.poll)
	}
	return l.time.poll
}

// verifyFor is how long AWS is looked at every second after routers have moved: the node that had them before may
// not know yet, and have taken an address back.
const verifyFor = 10 * time.Second

// handleBindings makes the map and AWS follow OVN, which has moved routers, or is about to. Neutron would say so
// later. Without a word the connection is lost, and from its next answer on Neutron's counts.
func (l *attachment) handleBindings(p placement) error {
	if p.now == nil {
		l.ovnLost = time.Now()
		l.queries.noLaterThan(time.Now().Add(l.time.debounce))
		return nil
	}
	l.placed, l.ovnLost = p, time.Time{}
	l.verifyUntil = time.Now().Add(verifyFor)
	if p.next.unknown(l.cfg.Node, l.answered) {
		l.queries.noLaterThan(time.Now().Add(l.time.debounce))
	}
	if !l.neutronAnswered {
		return nil
	}
	before, registered := fingerprint(l.addresses), fingerprint(l.registering)
	l.place()
	moved, ahead := fingerprint(l.addresses) != before, fingerprint(l.registering) != registered
	switch {
	case moved:
		l.log.Info("OVN has moved routers")
	case ahead:
		l.log.Info("routers are about to move; their addresses go first")
	}
	if ahead {
		l.submit(time.Now())
	}
	if !moved {
		return nil
	}
	return l.sync(l.t)
}

// place places Neutron's last answer by what OVN said last.
func (l *attachment) place() {
	l.addresses, l.registering = l.placed.now.place(l.answered), l.placed.next.place(l.answered)
}

// Without an occasion AWS is looked at once in timing.resync for so many addresses of the cloud, and for more of them
// less often, so that a node with thousands spends next to nothing on it. How long AWS takes to answer must not matter:
// this look also finds what a gateway with an old view of OVN has taken away.
const (
	resyncAddresses = 1000
	maxResync       = 10 * time.Minute
)

func (l *attachment) resync() time.Duration {
	return min(l.time.resync*time.Duration(1+len(l.addresses)/resyncAddresses), maxResync)
}

// submit submits Neutron's answer to AWS if it has changed, if something is due there,
// or if the last pass was long ago.
func (l *attachment) submit(now time.Time) {
	last, current := &l.lastReconcile, fingerprint(l.registering)
	if current == last.fingerprint && now.Before(last.due) {
		return
	}
	last.fingerprint = current
	last.due = now.Add(l.resync())
	l.worker.submit(l.registering)
}

// reconcileBy has AWS reconciled after d at the latest, with what Neutron says then.
func (l *attachment) reconcileBy(d time.Duration) {
	at := time.Now().Add(d)
	if at.Before(l.lastReconcile.due) {
		l.lastReconcile.due = at
	}
	l.queries.noLaterThan(at)
}

// handleRegistered makes the map follow what a pass has registered before its outcome is there.
func (l *attachment) handleRegistered(r registrations) error {
	l.registered = maps.Clone(l.registered) // the saver may read the old one
	for a, at := range r {
		mac, err := model.ParseMAC(at.MAC)
		if err == nil {
			l.registered[a] = mac
		}
	}
	l.word.shown(l.registered)
	return l.sync(l.t)
}

// handleOutcome makes the map follow AWS.
func (l *attachment) handleOutcome(o outcome) error {
	l.applyOutcome(o)
	if err := l.sync(l.t); err != nil {
		return err
	}
	now, next := time.Now(), o.result.Next
	if verify := now.Add(l.time.retry); now.Before(l.verifyUntil) && (next.IsZero() || verify.Before(next)) {
		next = verify
	}
	switch {
	case o.err != nil:
		l.reconcileBy(backoff(l.time.retry, l.failures.aws-1, l.time.poll))
	case !next.IsZero():
		l.reconcileBy(max(time.Until(next), l.time.debounce))
	}
	if !slices.Equal(l.enis, l.attachedENIs) {
		return fmt.Errorf("%w: this node has %d provider ENIs now", errStale, len(l.enis))
	}
	return nil
}

// check returns errStale if frames do not pass any more, or if the interface of another
// ENI has appeared, and keeps the NICs clear.
func (l *attachment) check() error {
	if err := l.t.Check(); err != nil {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	if slices.ContainsFunc(l.missing, l.hasInterface) {
		return fmt.Errorf("%w: the interface of another ENI has appeared", errStale)
	}
	return l.clearNICs(l.nics)
}
