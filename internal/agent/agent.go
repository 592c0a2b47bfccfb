package agent

import (
	"context"
	"errors"
	"fmt"
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
	"macaw.example/internal/translate"
)

// Times of the agent's life; tests have shorter ones.
type timing struct {
	poll     time.Duration // between questions that nothing gave rise to
	debounce time.Duration // events and link changes come in bursts
	askAgain time.Duration // first interval of questions about a doubt, and after a failure
	answer   time.Duration // how long Neutron may take
	rest     time.Duration // between looks at AWS that nothing gave rise to, at least
}

var normal = timing{poll: 30 * time.Second, debounce: 20 * time.Millisecond, askAgain: time.Second, answer: 20 * time.Second, rest: time.Minute}

// errStale ends one attachment's life and begins the next.
var errStale = errors.New("interfaces changed")

// agent keeps one node's translation, and AWS equal to it.
type agent struct {
	cfg     Config
	log     *slog.Logger
	time    timing
	kernel  kernel
	connect func(context.Context, Config) (cloud, error)
	notify  func(string) error
	claims  *claims
	teller  *teller
	metrics *metrics
	report  *reporter
	nudge   <-chan os.Signal // somebody has changed something in Neutron

	ready  bool  // systemd was told that it is
	untold bool  // the last thing that systemd was to be told did not reach it
	cloud  cloud // nil until logged in
	// What Neutron has given out, and whether it ever said.
	addresses []neutron.Address
	heard     bool
	// What the data plane has said since: routers of floating IPs, see believable,
	// and who has a reserved address, see claimed.
	said map[netip.Addr]model.MAC
	// What AWS has: the ENI of each address, and the ENIs. Until it answers, what
	// was known before.
	registered map[netip.Addr]model.MAC
	answered   bool // AWS has
	enis       []eni
	entries    []translate.Entry // what is translated
	saver      *saver
	doubts     doubts
	waiting    map[netip.Addr]time.Time   // addresses that wait for AWS, and since when
	failures   struct{ neutron, aws int } // in a row
	claimed    struct {                   // what AWS was reconciled with last
		said uint64
		due  time.Time // when it is again, though Neutron says the same
		took time.Duration
	}
}

// Run is the agent. It returns nil when ctx is done; the translation goes on
// without it. Whatever fails is logged and tried again. SIGHUP makes it ask
// Neutron, and look at AWS, now.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	m := newMetrics(cfg.PinDir)
	h := newHolds(cfg, log)
	r := newRegistrar(cfg, m, h)
	a := &agent{cfg: cfg, log: log, time: normal, kernel: linux{}, connect: connect, notify: notify, saver: newSaver(cfg.State, log),
		claims: newClaims(cfg, r, h), teller: newTeller(log), metrics: m, report: newReporter(reportFile, log), nudge: hangup}
	if cfg.Metrics.IsValid() {
		go m.serve(ctx, cfg.Metrics, metricsAgain, log)
	}
	return a.run(ctx)
}

func (a *agent) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { a.claims.run(ctx) })
	beside.Go(func() { a.teller.run(ctx) })
	beside.Go(func() { a.saver.run(ctx) })

	a.recall()
	failed := ""
	for ctx.Err() == nil {
		began := time.Now()
		err := a.attached(ctx)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errStale):
			a.log.Info("attaching again", "because", err)
			if time.Since(began) < a.time.askAgain { // somebody undoes it at once
				sleep(ctx, a.time.askAgain)
			}
		case err != nil:
			if err.Error() != failed { // once, not every second
				failed = err.Error()
				a.log.Error("the translation is not attached", "error", err)
			}
			a.turned()
			sleep(ctx, a.time.askAgain)
			continue
		}
		failed = ""
	}
	return nil
}

// turned tells systemd that the loop does its work: that it asks Neutron and hears
// the answer, or that it waits for something to attach to. Between two such turns
// there is a poll at most, and the unit's WatchdogSec is twice that. Nobody else
// says so, so that an agent whose loop hangs, or does not ask any more, is killed
// and begins anew; frames go on meanwhile.
func (a *agent) turned() { a.tell(daemon.SdNotifyWatchdog) }

// tell tells systemd the agent's state, as sd_notify(3).
func (a *agent) tell(state string) {
	err := a.notify(state)
	if err != nil && !a.untold {
		a.log.Warn("systemd was not told", "state", state, "error", err)
	}
	a.untold = err != nil
}

// notify does nothing where there is no systemd.
func notify(state string) error {
	_, err := daemon.SdNotify(false, state)
	return err
}

// recall begins with what was known when the agent ended.
func (a *agent) recall() {
	s, err := loadState(a.cfg.State)
	if err != nil {
		a.log.Warn("beginning without addresses", "error", err) // Neutron and AWS know them
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
	a.doubts = newDoubts()
	a.said = make(map[netip.Addr]model.MAC)
}

// attached is the life of one attachment: from attaching until it went stale.
func (a *agent) attached(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The watch comes first, or a change while attaching goes unseen.
	changed, err := a.kernel.watch(ctx)
	if err != nil {
		return err
	}
	if err := a.kernel.unmanage(a.enis[1:]); err != nil {
		a.log.Warn("the system's network management may touch the provider NICs", "error", err)
	}
	nics, missing, err := a.find(a.enis)
	if err != nil {
		return err
	}
	for _, m := range missing {
		a.log.Warn("a provider ENI has no interface here yet", "mac", m.MAC, "primary", m.Primary)
	}
	if err := a.clear(nics); err != nil {
		return err
	}
	t, err := a.kernel.attach(a.cfg.translation(nics))
	if err != nil {
		return err
	}
	defer t.Close()
	if err := a.restore(t); err != nil {
		return err
	}
	if !a.ready {
		a.ready = true
		a.tell(daemon.SdNotifyReady + "\nSTATUS=attached to " + nics[0].Name)
	}
	for _, n := range nics {
		a.log.Info("attached", "nic", n.Name, "primary", n.Primary)
	}

	events := make(chan translate.Event, 64)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := t.Events(ctx, func(e translate.Event) {
			select {
			case events <- e:
			case <-ctx.Done():
			}
		})
		if err != nil {
			a.log.Warn("the data plane tells no more", "error", err)
		}
	}()
	defer func() { cancel(); <-ended }() // before t is closed
	l := &attachment{agent: a, t: t, nics: nics, missing: missing, using: a.enis, ask: newSchedule()}
	return l.serve(ctx, changed, events, ended)
}

// restore brings back the last known map where there is none, and takes out what
// is not the cloud's.
func (a *agent) restore(t translation) error {
	entries, err := t.Entries()
	if err != nil {
		return err
	}
	// A new process finds a map that is newer than its file. Later the agent knows
	// best: what waits for its NIC is not in the map.
	if len(entries) > 0 && !a.ready {
		a.entries = onlyInRange(a.cfg, entries)
	}
	if !a.answered { // what is translated was registered, whatever the file says
		a.registered = maps.Clone(a.registered) // the saver may read the old one
		for _, e := range a.entries {
			a.registered[e.Addr] = e.ENI
		}
	}
	if !a.heard { // who had a reserved address has it still
		for _, e := range a.entries {
			a.said[e.Addr] = e.MAC
		}
	}
	changes, err := t.Sync(a.entries)
	a.logChanges("restored", changes)
	return err
}

// clear leaves the NICs to the translation.
func (a *agent) clear(nics []translate.NIC) error {
	for _, n := range nics {
		removed, err := a.kernel.clearNIC(n.Name)
		if len(removed) > 0 {
			a.log.Warn("somebody put addresses on the provider NIC, which belong to routers; removed", "nic", n.Name, "addresses", removed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// answer is what came of asking Neutron.
type answer struct {
	cloud     cloud // to ask the next time; nil: log in anew
	addresses []neutron.Address
	err       error
}

// look asks Neutron for the addresses. It works beside the agent's loop, and always
// returns: soon after Neutron's time is over even if the client does not.
func (a *agent) look(ctx context.Context, c cloud) answer {
	ctx, cancel := context.WithTimeout(ctx, a.time.answer)
	defer cancel()
	got := make(chan answer, 1)
	go func() { got <- a.inquire(ctx, c) }()
	late := time.NewTimer(a.time.answer + a.time.askAgain)
	defer late.Stop()
	select {
	case found := <-got:
		return found
	case <-late.C:
		return answer{err: fmt.Errorf("asking Neutron: no answer within %s", a.time.answer)}
	}
}

func (a *agent) inquire(ctx context.Context, c cloud) answer {
	if c == nil {
		var err error
		if c, err = a.connect(ctx, a.cfg); err != nil {
			return answer{err: err}
		}
	}
	addresses, err := c.ProviderAddresses(ctx)
	if err != nil && !errors.Is(err, neutron.ErrNoNetwork) {
		c = nil // password or catalog may have changed
	}
	return answer{c, addresses, err}
}

// sync makes the map what Neutron and AWS say. On any error it stays as it is.
func (a *agent) sync(t translation) error {
	if !a.heard {
		return nil // without Neutron's answer nothing is released
	}
	entries, refused := plan(a.cfg, a.addresses, a.registered, a.said)
	if err := t.Share(sharers(a.cfg, a.addresses)); err != nil {
		return err
	}
	changes, err := t.Sync(entries)
	if err != nil {
		return err
	}
	a.entries = entries
	a.logChanges("translating", changes)
	a.clock(changes.Set)
	a.wait(refused)
	a.doubts.settle(entries)
	a.metrics.translates(len(entries))
	a.saver.save(saved{a.enis, entries, a.registered})
	return nil
}

// take takes up what came of reconciling AWS.
func (a *agent) take(o outcome) {
	a.report.reconciled(a.cfg, o)
	a.metrics.reconciled(a.cfg, o)
	if o.err != nil {
		if a.failures.aws == 0 {
			a.log.Warn("keeping what AWS has registered as it is", "error", o.err)
		}
		a.failures.aws++
		return
	}
	if a.failures.aws > 0 {
		a.log.Info("AWS answers again")
	}
	a.failures.aws = 0
	a.registered, a.answered = a.stillRegistered(o.result.ENIs), true
	a.enis = a.present(enisOf(a.cfg, o.result.ENIs))
	if a.cloud != nil {
		replace1(a.teller.batch, batch{a.cloud, notes(a.cfg, o.addresses, o.result)})
	}
}

// clock measures how long new entries took from the first that was seen of them: a
// frame, or Neutron's answer.
func (a *agent) clock(set []translate.Entry) {
	for _, e := range set {
		if raised, is := a.doubts.since(e); is {
			a.metrics.registered(time.Since(raised))
		} else if since, is := a.waiting[e.Addr]; is {
			a.metrics.registered(time.Since(since))
		}
	}
}

func (a *agent) logChanges(what string, c translate.Changes) {
	for _, e := range c.Set {
		a.log.Info(what, "address", e.Addr, "mac", e.MAC, "eni", e.ENI)
	}
	for _, e := range c.Removed {
		a.log.Info("no longer translating", "address", e.Addr, "mac", e.MAC)
	}
}

// wait notes the addresses that wait for AWS, and tells of each once.
func (a *agent) wait(refused []neutron.Address) {
	waiting := make(map[netip.Addr]time.Time)
	for _, r := range refused {
		since, is := a.waiting[r.Addr]
		if !is {
			since = time.Now()
			a.log.Info("an address waits for AWS; until then its frames are dropped", "address", r.Addr, "owner", r.Owner())
		}
		waiting[r.Addr] = since
	}
	a.waiting = waiting
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
