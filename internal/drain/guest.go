// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// guest moves one guest, step by step: it decides, acts or waits, and asks Nova again, until the guest is
// gone from the node or cannot go.
func (w *work) guest(ctx context.Context, g Guest) (Outcome, error) {
	out := Outcome{ID: g.ID, Name: g.Name, Project: g.Project, Flavor: g.Flavor}
	limit := time.Now().Add(w.o.Limit)
	failed := map[How]string{}
	var asked How // that Nova has accepted and whose end has not been seen
	var told told
	for {
		m := w.decide(g, failed)
		switch {
		case m.Done:
			out.To = cmp.Or(g.Host, noNode)
			return out, nil
		case m.Stays != "":
			out.Stayed, out.Hint = m.Stays, m.Hint
			return out, nil
		case m.Wait == "" && m.How == asked:
			// No task is under way, and it is where it was.
			failed[asked] = w.reason(ctx, g)
			w.o.Note(fmt.Sprintf("%s: %s failed: %s", g.Name, asked, failed[asked]))
			asked = ""
			continue
		case m.Wait == "":
			asked = m.How
			if out.How == "" || m.How != Confirm && m.How != Hurry {
				out.How = m.How
			}
			w.o.Note(fmt.Sprintf("%s: %s", g.Name, m.How))
			if err := w.act(ctx, g, m.How); err != nil {
				if ctx.Err() != nil {
					return out, context.Cause(ctx)
				}
				// The answer may have been lost, and the state may have changed: the guest's next state tells.
				asked = ""
				if refused := new(RefusedError); errors.As(err, &refused) && refused.Status != conflict {
					failed[m.How] = err.Error()
				} else if told.errors++; told.errors > actTries {
					failed[m.How] = err.Error()
				}
			}
		default:
			told.wait(ctx, w, g, m.Wait)
		}
		if time.Now().After(limit) {
			waits := cmp.Or(m.Wait, "the "+string(m.How))
			out.Stayed = fmt.Sprintf("waiting for %s: not done after %s", waits, w.o.Limit)
			out.Hint = "Nova goes on with it; the same command again waits for it"
			return out, nil
		}
		var err error
		g, err = w.again(ctx, g)
		if errors.Is(err, ErrNoGuest) {
			out.Gone = true
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// conflict is the status of a refusal because of a guest's state, which somebody else may be changing (HTTP).
const conflict = 409

// actTries is how often an action is repeated that Nova did not answer, or whose guest was busy.
const actTries = 3

// act asks for an action.
func (w *work) act(ctx context.Context, g Guest, how How) error {
	ctx, cancel := context.WithTimeoutCause(ctx, outage, fmt.Errorf("Nova has not answered for %s", outage))
	defer cancel()
	err := w.nova.Act(ctx, g.ID, how)
	if errors.Is(err, ErrNoGuest) {
		return nil // as the next question will tell
	}
	return err
}

// again asks Nova for a guest after a while.
func (w *work) again(ctx context.Context, g Guest) (now Guest, err error) {
	if err := pause(ctx); err != nil {
		return g, err
	}
	err = patiently(ctx, func() error {
		now, err = w.nova.Guest(ctx, g.ID)
		return err
	})
	return now, err
}

// patiently repeats a question: Nova may be restarting, and an error counts only if it lasts.
func patiently(ctx context.Context, ask func() error) error {
	for until := time.Now().Add(outage); ; {
		err := ask()
		if err == nil || errors.Is(err, ErrNoGuest) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Now().After(until) {
			return fmt.Errorf("asking Nova for %s: %w", outage, err)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits until Nova is asked again.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(every):
		return nil
	}
}

// reason is why Nova did not do what it was asked to.
func (w *work) reason(ctx context.Context, g Guest) string {
	why, err := w.nova.Failure(ctx, g.ID)
	switch {
	case err != nil:
		return "Nova does not say why: " + err.Error()
	case why == "":
		return "Nova does not say why"
	}
	return why
}

// told is what has been noted about a guest's waits.
type told struct {
	what   string
	at     time.Time
	errors int
}

// wait notes what is being waited for, when that changes and now and then.
func (t *told) wait(ctx context.Context, w *work, g Guest, what string) {
	if what == t.what && time.Since(t.at) < telling {
		return
	}
	if t.what == "" {
		// Most tasks end soon.
		t.what, t.at = what, time.Now()
		return
	}
	t.what, t.at = what, time.Now()
	text := fmt.Sprintf("%s: waiting for %s", g.Name, what)
	if left, err := w.nova.Remaining(ctx, g.ID); err == nil && left != nil {
		text += fmt.Sprintf(": %d MiB of memory and %d MiB of disk to copy", left.Memory>>20, left.Disk>>20)
	}
	w.o.Note(text)
}
