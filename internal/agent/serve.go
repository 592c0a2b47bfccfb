package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"macaw.example/internal/translate"
)

// attachment is an attached translation and the agent's loop on it.
type attachment struct {
	*agent
	t       translation
	nics    []translate.NIC
	using   []eni     // the ENIs that it was made for
	missing []eni     // those whose interface is not there yet
	ask     *schedule // when Neutron is asked next
	credit  time.Time // up to when questions that frames gave rise to are paid, see allowed
}

// claimAgain makes AWS be reconciled after d at the latest, with what Neutron says
// then.
func (l *attachment) claimAgain(d time.Duration) {
	at := time.Now().Add(d)
	if at.Before(l.claimed.due) {
		l.claimed.due = at
	}
	l.ask.by(at)
}

// burst is how many questions frames may give rise to at once; after that there is
// one each askAgain. Two machines with one address would go on for ever.
const burst = 5

// allowed is how long a question that a frame gives rise to has to wait. What is
// planned within debounce anyway costs nothing.
func (l *attachment) allowed() time.Duration {
	now := time.Now()
	ahead := l.ask.ahead(now)
	if ahead <= l.time.debounce {
		return 0
	}
	if earliest := now.Add(-burst * l.time.askAgain); l.credit.Before(earliest) {
		l.credit = earliest
	}
	if paid := l.credit.Add(l.time.askAgain); paid.Sub(now) < ahead {
		l.credit = paid
		return paid.Sub(now)
	}
	return ahead
}

// serve keeps the map equal to Neutron and AWS until the attachment is stale.
func (l *attachment) serve(ctx context.Context, changed <-chan struct{}, events <-chan translate.Event, ended <-chan struct{}) error {
	answers := make(chan answer, 1)
	seek := newSeeker()
	defer seek.stop()
	look := newAlarm()
	look.set(time.Now()) // once at the beginning: what changed while attaching
	defer look.stop()
	defer l.ask.stop()
	for {
		select {
		case <-ctx.Done():
			return nil

		case _, ok := <-changed:
			if !ok {
				return fmt.Errorf("%w: the kernel's messages were lost", errStale)
			}
			look.set(time.Now().Add(l.time.debounce))

		case <-ended:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("%w: the data plane tells no more", errStale)

		case <-look.C:
			look.rang()
			if err := l.inspect(); err != nil {
				return err
			}

		case <-l.nudge:
			l.claimAgain(0)

		case e := <-events:
			if !e.Reason.Out() {
				seek.hear(l.cfg, e.Addr, time.Now())
				continue
			}
			if claimed(l.addresses, e) && l.said[e.Addr] != e.MAC {
				l.said[e.Addr] = e.MAC
				if err := l.sync(l.t); err != nil {
					return err
				}
			}
			if l.doubts.raise(l.cfg, l.addresses, e, time.Now()) {
				l.log.Info("asking Neutron", "reason", e.Reason, "address", e.Addr, "mac", e.MAC)
				l.ask.by(time.Now().Add(max(l.time.debounce, l.allowed())))
				if believable(l.cfg, l.addresses, e) {
					l.said[e.Addr] = e.MAC
					if err := l.sync(l.t); err != nil {
						return err
					}
				}
			}

		case <-seek.C:
			if addrs := seek.next(l.entries, time.Now()); len(addrs) > 0 {
				if err := l.t.Ask(addrs...); err != nil {
					l.log.Debug("the bridge cannot be asked", "error", err) // the poll remains
				}
			}

		case <-l.ask.C:
			if err := l.inspect(); err != nil {
				return err
			}
			l.turned()
			l.ask.ask()
			go func(c cloud) { answers <- l.look(ctx, c) }(l.cloud)

		case a := <-answers:
			next := l.follow(ctx, a)
			l.turned()
			l.ask.answered(time.Now().Add(next), l.time.debounce)

		case o := <-l.claims.outcomes:
			l.claimed.took = o.took
			l.take(o)
			if err := l.sync(l.t); err != nil {
				return err
			}
			switch {
			case o.err != nil:
				l.claimAgain(backoff(l.time.askAgain, l.failures.aws-1, l.time.poll))
			case !o.result.Next.IsZero():
				l.claimAgain(max(time.Until(o.result.Next), l.time.debounce))
			}
			if !slices.Equal(l.enis, l.using) {
				return fmt.Errorf("%w: this node has %d provider ENIs now", errStale, len(l.enis))
			}
		}
	}
}

// follow makes the map follow an answer of Neutron, and hands it on to AWS. It
// returns when to ask again.
func (l *attachment) follow(ctx context.Context, a answer) time.Duration {
	l.cloud = a.cloud
	err := a.err
	if err == nil {
		l.addresses, l.heard = a.addresses, true
		l.said = stillSaid(l.addresses, l.said, l.doubts)
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
	l.claim(time.Now())
	if asked := l.doubts.ask(l.cfg, l.addresses, time.Now()); asked > 0 {
		return backoff(l.time.askAgain, asked-1, l.time.poll)
	}
	return l.time.poll
}

// In the quiet state a look at AWS has to wait for so many times as long as the last
// one took, so that a node with thousands of addresses spends next to nothing on what
// somebody may have changed by hand.
const (
	restShare = 300
	mostRest  = 10 * time.Minute
)

// claim hands Neutron's answer on to AWS, if it says something new, if something is
// due there, or if AWS was not looked at for long.
func (l *attachment) claim(now time.Time) {
	said := fingerprint(l.addresses)
	if said == l.claimed.said && now.Before(l.claimed.due) {
		return
	}
	l.claimed.said, l.claimed.due = said, now.Add(min(max(l.time.rest, restShare*l.claimed.took), mostRest))
	l.claims.want(l.addresses)
}

// inspect returns errStale if the attachment no longer carries frames, or if one
// that carries more can be had, and keeps the NICs clear.
func (l *attachment) inspect() error {
	if err := l.t.Check(); err != nil {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	if slices.ContainsFunc(l.missing, l.has) {
		return fmt.Errorf("%w: the interface of another ENI is there", errStale)
	}
	return l.clear(l.nics)
}
