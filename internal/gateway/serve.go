package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"macaw/internal/translate"
)

// attachment is an attached translation and the agent's loop on it.
type attachment struct {
	*agent
	t       translation
	nics    []translate.NIC
	using   []eni       // the ENIs that it was made for
	missing []eni       // those whose interface is not there yet
	ask     *time.Timer // when Neutron is asked next
	due     time.Time   // the same
	asked   time.Time   // when it was last
}

// sooner makes Neutron be asked after d at the latest.
func (l *attachment) sooner(d time.Duration) {
	if at := time.Now().Add(d); at.Before(l.due) {
		l.due = at
		l.ask.Reset(d)
	}
}

// serve keeps the map equal to Neutron and AWS until the attachment is stale.
func (l *attachment) serve(ctx context.Context, changed <-chan struct{}, events <-chan translate.Event) error {
	look := time.NewTimer(0) // once at the beginning: what changed while attaching
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil

		case _, ok := <-changed:
			if !ok {
				return fmt.Errorf("%w: the kernel's messages were lost", errStale)
			}
			look.Reset(l.time.debounce)

		case <-look.C:
			if err := l.inspect(); err != nil {
				return err
			}

		case <-l.nudge:
			l.sooner(0)

		case e := <-events:
			if l.doubts.raise(l.cfg, e, time.Now()) {
				l.log.Info("asking Neutron", "reason", e.Reason, "address", e.Addr, "mac", e.MAC)
				wait := l.time.debounce
				if !e.Reason.Out() {
					wait = max(wait, time.Until(l.asked.Add(l.time.scanned)))
				}
				l.sooner(wait)
			}

		case <-l.ask.C:
			if err := l.inspect(); err != nil {
				return err
			}
			l.due = time.Now().Add(l.follow(ctx))
			l.ask.Reset(time.Until(l.due))

		case o := <-l.claims.outcomes:
			l.take(o)
			if err := l.sync(l.t); err != nil {
				return err
			}
			switch {
			case o.err != nil:
				l.sooner(backoff(l.time.askAgain, l.failures.aws-1, l.time.poll))
			case !o.result.Next.IsZero():
				l.sooner(max(time.Until(o.result.Next), l.time.debounce))
			}
			if !slices.Equal(l.enis, l.using) {
				return fmt.Errorf("%w: this node has %d provider ENIs now", errStale, len(l.enis))
			}
		}
	}
}

// follow asks Neutron, makes the map follow, and hands the answer on to AWS. It
// returns when to ask again.
func (l *attachment) follow(ctx context.Context) time.Duration {
	l.asked = time.Now()
	err := l.look(ctx)
	if err == nil {
		err = l.sync(l.t)
	}
	l.metrics.asked(err)
	l.report.asked(err)
	if err != nil {
		if l.failures.neutron == 0 && ctx.Err() == nil {
			l.log.Warn("keeping the translation as it is", "error", err)
		}
		l.failures.neutron++
		return backoff(l.time.askAgain, l.failures.neutron-1, l.time.poll)
	}
	if l.failures.neutron > 0 {
		l.log.Info("Neutron answers again")
	}
	l.failures.neutron = 0
	l.claims.want(l.addresses)
	if asked := l.doubts.ask(l.addresses); asked > 0 {
		return backoff(l.time.askAgain, asked-1, l.time.poll)
	}
	return l.time.poll
}

// inspect returns errStale if the attachment no longer carries frames, or if one
// that carries more can be had, and keeps the NICs clear.
func (l *attachment) inspect() error {
	if err := l.t.Check(); err != nil {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	if l.arrived(l.missing) {
		return fmt.Errorf("%w: the interface of another ENI is there", errStale)
	}
	return l.clear(l.nics)
}
