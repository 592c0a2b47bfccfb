// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/ovn"
	"macaw.example/internal/translate"
)

// timing are the intervals and timeouts of the agent.
type timing struct {
	poll         time.Duration // between queries of Neutron without an occasion
	debounce     time.Duration // events and link changes come in bursts
	retry        time.Duration // first pause before a query is repeated, for a pending address or after a failure
	queryTimeout time.Duration // how long Neutron may take
	resync       time.Duration // between passes over AWS without an occasion, at least
}

var defaultTiming = timing{
	poll: 30 * time.Second, debounce: 20 * time.Millisecond, retry: time.Second,
	queryTimeout: 20 * time.Second, resync: time.Minute,
}

// errStale ends one attachment and begins the next.
var errStale = errors.New("attachment is stale")

// agent keeps one node's translation, and AWS equal to it.
type agent struct {
	cfg     Config
	log     *slog.Logger
	time    timing
	kernel  kernel
	connect func(context.Context, Config) (neutronClient, error)
	notify  func(string) error
	worker  *reconcileWorker
	tagger  *statusTagger
	saver   *saver
	metrics *metrics
	report  *reporter
	// watchOVN calls its argument with what OVN's southbound database says; nil: this is the only gateway.
	watchOVN func(context.Context, func(ovn.Southbound)) error
	bindings mailbox[placement]
	word     *lastWord
	watchOVS func(context.Context, func(up []string)) error
	health   *health
	reload   <-chan os.Signal // Neutron has changed, or an agreement is there

	ready         bool          // systemd was notified of it
	notifyFailing bool          // the last notification failed
	neutron       neutronClient // nil until logged in

	// answered is Neutron's last answer; neutronAnswered says whether there was one. placed is what OVN said last.
	// addresses is the answer with the nodes where OVN has the addresses, and registering with those where AWS is
	// to have them.
	answered        []neutron.Address
	neutronAnswered bool
	placed          placement
	ovnLost         time.Time // when the connection to OVN was lost; zero: it says where routers are, or never has
	addresses       []neutron.Address
	registering     []neutron.Address
	// observed is what the data plane has shown since: the routers of floating IPs, see
	// trusted, and the present users of reserved addresses, see fromClaimant.
	observed map[netip.Addr]model.MAC
	// registered has the ENI of each address that AWS has registered, and enis the ENIs.
	// Until awsAnswered it is what was known before.
	registered  map[netip.Addr]model.MAC
	enis        []eni
	awsAnswered bool

	entries      []translate.Entry // what is translated
	pending      pendingAddresses
	unregistered map[netip.Addr]time.Time   // addresses that wait for AWS, and since when
	failures     struct{ neutron, aws int } // in a row

	lastReconcile struct {
		fingerprint uint64    // of the addresses
		due         time.Time // of the next pass, even if the addresses are the same
	}
}

// Run is the agent. It returns nil when ctx is done; the translation goes on without it.
// Whatever fails is logged and tried again. SIGHUP makes it query Neutron and reconcile
// AWS at once.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	m := newMetrics(cfg.PinDir, linux{})
	h := newHeldFiles(cfg, log)
	word := newLastWord(cfg)
	api, registered := newEC2(cfg.Region), newMailbox[registrations]()
	a := &agent{
		cfg: cfg, log: log, time: defaultTiming, kernel: linux{log}, connect: connect, notify: notify, reload: hangup,
		worker: newReconcileWorker(cfg, newRegistrar(api, cfg, m, h, word.still, registered.put), h, registered),
		tagger: newStatusTagger(log),
		saver:  newSaver(cfg.State, log), metrics: m, report: newReporter(reportFile, cfg.Node, linux{}, log),
		watchOVN: watchSouthbound(cfg), bindings: newMailbox[placement](), word: word,
		watchOVS: watchSwitch,
		health: &health{
			provider: newProviderWatch(cfg, linux{}), word: word, ovn: newControllerWatch(pingController),
		},
	}
	if cfg.Metrics.IsValid() {
		go m.serve(ctx, cfg.Metrics, a.health, metricsRetry, log)
	}
	return a.run(ctx)
}

func (a *agent) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	workers.Go(func() { a.worker.run(ctx) })
	workers.Go(func() { a.tagger.run(ctx) })
	workers.Go(func() { a.saver.run(ctx) })
	if a.watchOVN != nil {
		workers.Go(func() { a.watchBindings(ctx) })
		workers.Go(func() { a.watchTunnels(ctx) })
		workers.Go(func() { a.health.provider.run(ctx) })
		workers.Go(func() { a.health.ovn.run(ctx) })
	}

	a.loadSaved()
	failed := ""
	for ctx.Err() == nil {
		began := time.Now()
		err := a.runAttachment(ctx)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errStale):
			a.log.Info("reattaching", "reason", err)
			if time.Since(began) < a.time.retry { // something undoes it at once
				sleep(ctx, a.time.retry)
			}
		case err != nil:
			if err.Error() != failed { // once, not every second
				failed = err.Error()
				a.log.Error("attaching the translation failed", "error", err)
			}
			a.heartbeat()
			sleep(ctx, a.time.retry)
			continue
		}
		failed = ""
	}
	return nil
}

// heartbeat feeds systemd's watchdog: the loop works, since it sends a query or has its
// answer, or waits for something to attach to. Between two heartbeats there is a poll at
// most, and the unit's WatchdogSec is twice that. Only the loop sends them, so that an
// agent whose loop hangs, or queries no more, is killed and starts again; frames go on
// meanwhile.
func (a *agent) heartbeat() { a.notifySystemd(daemon.SdNotifyWatchdog) }

// notifySystemd sends systemd the agent's state, as sd_notify(3).
func (a *agent) notifySystemd(state string) {
	err := a.notify(state)
	if err != nil && !a.notifyFailing {
		a.log.Warn("systemd notification failed", "state", state, "error", err)
	}
	a.notifyFailing = err != nil
}

// notify does nothing where there is no systemd.
func notify(state string) error {
	_, err := daemon.SdNotify(false, state)
	return err
}

// loadSaved begins with what was known when the agent ended.
func (a *agent) loadSaved() {
	s, err := loadState(a.cfg.State)
	if err != nil {
		a.log.Warn("state file unreadable; starting empty", "error", err) // Neutron and AWS have it all
	}
	a.enis = enisOf(a.cfg, nil)
	for _, e := range s.ENIs {
		if !slices.Contains(a.enis, e) {
			a.enis = append(a.enis, e)
		}
	}
	a.entries = onlyInRange(a.cfg, s.Entries)
	a.registered = make(map[netip.Addr]model.MAC)
	maps.Copy(a.registered, s.Registered)
	a.pending = newPendingAddresses()
	a.observed = make(map[netip.Addr]model.MAC)
}

// sync makes the map what Neutron and AWS say. On any error it stays as it is.
func (a *agent) sync(t translation) error {
	if !a.neutronAnswered {
		return nil // without Neutron's answer nothing is released
	}
	entries, refused := plan(a.cfg, a.addresses, a.registered, a.observed)
	// Those of a router that is about to come do no harm before, and are not waited for then.
	coming, _ := plan(a.cfg, a.registering, a.registered, a.observed)
	entries = withMissing(entries, coming)
	if err := t.Share(sharers(a.cfg, a.addresses)); err != nil {
		return err
	}
	changes, err := t.Sync(entries)
	if err != nil {
		return err
	}
	a.entries = entries
	a.logChanges("entry set", changes)
	a.observeLatency(changes.Set)
	a.noteUnregistered(refused)
	a.pending.resolve(entries)
	a.metrics.setTranslated(len(entries))
	a.saver.save(savedState{a.enis, entries, a.registered})
	return nil
}

// applyOutcome takes over what a pass over AWS has come to.
func (a *agent) applyOutcome(o outcome) {
	a.report.reconciled(a.cfg, o)
	a.metrics.reconciled(a.cfg, o)
	if o.err != nil {
		if a.failures.aws == 0 {
			a.log.Warn("AWS reconcile failed; keeping current registrations", "error", o.err)
		}
		a.failures.aws++
		return
	}
	if a.failures.aws > 0 {
		a.log.Info("AWS answers again")
	}
	a.failures.aws = 0
	a.registered, a.awsAnswered = a.mergeRegistered(o.result.ENIs), true
	a.enis = a.mergeENIs(enisOf(a.cfg, o.result.ENIs))
	a.word.shown(a.registered)
	if a.neutron != nil {
		a.tagger.batches.put(statusBatch{a.neutron, floatingIPStatuses(a.cfg, o.addresses, o.result)})
	}
}

// observeLatency measures how long new entries took from their first sign: a frame, or
// Neutron's answer.
func (a *agent) observeLatency(set []translate.Entry) {
	for _, e := range set {
		since, ok := a.pending.since(e)
		if !ok {
			since, ok = a.unregistered[e.Addr]
		}
		if ok {
			a.metrics.observeRegistration(time.Since(since))
		}
	}
}

func (a *agent) logChanges(what string, c translate.Changes) {
	for _, e := range c.Set {
		a.log.Info(what, "address", e.Addr, "mac", e.MAC, "eni", e.ENI)
	}
	for _, e := range c.Removed {
		a.log.Info("entry removed", "address", e.Addr, "mac", e.MAC)
	}
}

// noteUnregistered notes the addresses that wait for AWS, and logs each once.
func (a *agent) noteUnregistered(refused []neutron.Address) {
	unregistered := make(map[netip.Addr]time.Time)
	for _, r := range refused {
		since, ok := a.unregistered[r.Addr]
		if !ok {
			since = time.Now()
			a.log.Info("address not registered in AWS yet; its frames are dropped", "address", r.Addr, "owner",
				r.Owner())
		}
		unregistered[r.Addr] = since
	}
	a.unregistered = unregistered
}

// backoff doubles first with every time, up to limit.
func backoff(first time.Duration, times int, limit time.Duration) time.Duration {
	for range times {
		if first *= 2; first >= limit {
			return limit
		}
	}
	return first
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
