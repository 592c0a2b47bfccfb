package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"macaw/internal/neutron"
	"macaw/internal/translate"
)

// Times of the agent's life; tests have shorter ones.
type timing struct {
	poll     time.Duration // between questions that nothing gave rise to
	debounce time.Duration // events and link changes come in bursts
	askAgain time.Duration // first interval of questions about a doubt, and after a failure
	answer   time.Duration // how long Neutron may take
}

var normal = timing{poll: 30 * time.Second, debounce: 200 * time.Millisecond, askAgain: time.Second, answer: 20 * time.Second}

// errStale ends one attachment's life and begins the next.
var errStale = errors.New("interfaces changed")

// agent keeps one node's translation.
type agent struct {
	cfg     Config
	log     *slog.Logger
	time    timing
	kernel  kernel
	connect func(context.Context, Config) (cloud, error)
	notify  func(string) error

	cloud   cloud // nil until logged in
	ready   bool  // systemd was told
	refused map[netip.Addr]bool
}

// Run is the agent. It returns nil when ctx is done; the translation goes on
// without it. Whatever fails is logged and tried again.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	a := &agent{cfg: cfg, log: log, time: normal, kernel: linux{}, connect: connect, notify: notify}
	return a.run(ctx)
}

func (a *agent) run(ctx context.Context) error {
	failed := ""
	for ctx.Err() == nil {
		err := a.attached(ctx)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errStale):
			a.log.Info("attaching again", "because", err)
		case err != nil:
			if err.Error() != failed { // once, not every second
				failed = err.Error()
				a.log.Error("the translation is not attached", "error", err)
			}
			sleep(ctx, a.time.askAgain)
			continue
		}
		failed = ""
	}
	return nil
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
	nic, err := a.kernel.findNIC(a.cfg.NICMAC)
	if err != nil {
		return err
	}
	if err := a.clear(nic); err != nil {
		return err
	}
	t, err := a.kernel.attach(a.cfg.translation(nic))
	if err != nil {
		return err
	}
	defer t.Close()
	if err := a.restore(t); err != nil {
		return err
	}
	if !a.ready {
		a.ready = true
		if err := a.notify("READY=1\nSTATUS=attached to " + nic); err != nil {
			a.log.Warn("systemd was not told", "error", err)
		}
	}
	a.log.Info("attached", "nic", nic)

	events := make(chan translate.Event, 64)
	ended := make(chan error, 1)
	go func() {
		ended <- t.Events(ctx, func(e translate.Event) {
			select {
			case events <- e:
			case <-ctx.Done():
			}
		})
	}()
	defer func() { cancel(); <-ended }() // before t is closed
	return a.serve(ctx, t, nic, changed, events)
}

// serve keeps the map equal to Neutron until the attachment is stale.
func (a *agent) serve(ctx context.Context, t translation, nic string, changed <-chan struct{}, events <-chan translate.Event) error {
	doubts := make(doubts)
	ask := time.NewTimer(0)
	defer ask.Stop()
	due := time.Now()
	sooner := func(d time.Duration) {
		if at := time.Now().Add(d); at.Before(due) {
			due = at
			ask.Reset(d)
		}
	}
	look := time.NewTimer(0) // once at the beginning: what changed while attaching
	defer look.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return nil

		case _, ok := <-changed:
			if !ok {
				return fmt.Errorf("%w: the kernel's messages were lost", errStale)
			}
			look.Reset(a.time.debounce)

		case <-look.C:
			if err := a.inspect(t, nic); err != nil {
				return err
			}

		case e := <-events:
			if doubts.raise(e, a.cfg.Registered, time.Now()) {
				a.log.Info("asking Neutron", "reason", e.Reason, "address", e.Addr, "mac", e.MAC)
				sooner(a.time.debounce)
			}

		case <-ask.C:
			if err := a.inspect(t, nic); err != nil {
				return err
			}
			next := a.time.poll
			entries, err := a.reconcile(ctx, t)
			if err != nil {
				if failures == 0 && ctx.Err() == nil {
					a.log.Warn("keeping the translation as it is", "error", err)
				}
				next = backoff(a.time.askAgain, failures, a.time.poll)
				failures++
			} else {
				if failures > 0 {
					a.log.Info("Neutron answers again")
				}
				failures = 0
				if asked := doubts.settle(entries); asked > 0 {
					next = backoff(a.time.askAgain, asked-1, a.time.poll)
				}
			}
			due = time.Now().Add(next)
			ask.Reset(next)
		}
	}
}

// inspect returns errStale if the attachment no longer carries frames, and keeps
// the NIC clear.
func (a *agent) inspect(t translation, nic string) error {
	if err := t.Check(); err != nil {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	return a.clear(nic)
}

func (a *agent) clear(nic string) error {
	removed, err := a.kernel.clearNIC(nic)
	if len(removed) > 0 {
		a.log.Warn("somebody put addresses on the provider NIC, which belong to routers; removed", "nic", nic, "addresses", removed)
	}
	return err
}

// restore brings back the last known map where there is none, and takes out
// what is not registered.
func (a *agent) restore(t translation) error {
	entries, err := t.Entries()
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		if entries, err = loadState(a.cfg.State); err != nil {
			a.log.Warn("beginning without addresses", "error", err) // Neutron knows them
		}
	}
	changes, err := t.Sync(onlyRegistered(entries, a.cfg.Registered))
	a.logChanges("restored", changes)
	return err
}

// reconcile makes the map what Neutron says, and returns its entries. On any
// error the map stays as it is.
func (a *agent) reconcile(ctx context.Context, t translation) ([]translate.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, a.time.answer)
	defer cancel()
	if a.cloud == nil {
		c, err := a.connect(ctx, a.cfg)
		if err != nil {
			return nil, err
		}
		a.cloud = c
	}
	wanted, err := a.cloud.ProviderAddresses(ctx)
	if err != nil {
		if !errors.Is(err, neutron.ErrNoNetwork) {
			a.cloud = nil // log in anew: password or catalog may have changed
		}
		return nil, err
	}
	entries, refused := plan(wanted, a.cfg.Registered)
	changes, err := t.Sync(entries)
	if err != nil {
		return nil, err
	}
	a.logChanges("translating", changes)
	a.logRefused(refused)
	if err := a.save(entries); err != nil {
		a.log.Warn("the map was not saved for the next boot", "error", err)
	}
	return entries, nil
}

// save writes the map if the file has another.
func (a *agent) save(entries []translate.Entry) error {
	old, err := loadState(a.cfg.State)
	if err == nil && old != nil && slices.Equal(old, entries) {
		return nil
	}
	return saveState(a.cfg.State, entries)
}

func (a *agent) logChanges(what string, c translate.Changes) {
	for _, e := range c.Set {
		a.log.Info(what, "address", e.Addr, "mac", e.MAC)
	}
	for _, e := range c.Removed {
		a.log.Info("no longer translating", "address", e.Addr, "mac", e.MAC)
	}
}

// logRefused tells of each refused address once.
func (a *agent) logRefused(refused []neutron.Address) {
	now := make(map[netip.Addr]bool)
	for _, r := range refused {
		now[r.Addr] = true
		if !a.refused[r.Addr] {
			a.log.Warn("Neutron gave out an address that is not registered for this NIC; its frames are dropped", "address", r.Addr, "kind", r.Kind, "id", r.ID)
		}
	}
	a.refused = now
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
