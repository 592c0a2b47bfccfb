// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"time"

	"macaw.example/internal/neutron"
)

// statusTagger writes onto the floating IPs in Neutron, as tags, their Elastic IP, or the
// reason why there is none. It runs beside the agent's loop, one call after the other:
// no packet waits for it. A floating IP whose tags cannot be written waits for its next
// try, and does not hold up the others.
type statusTagger struct {
	log         *slog.Logger
	batches     mailbox[statusBatch]
	tagged      map[string]taggedStatus // by the floating IP's ID
	failures    map[string]tagFailure   // the same, of those whose last try failed
	unreachable bool                    // Neutron does not answer
}

// taggedStatus is the status that a floating IP was tagged with, and when. Neutron's
// answer about its tags may be older.
type taggedStatus struct {
	public  netip.Addr
	problem string
	at      time.Time
}

// tagFailure is about a floating IP whose tags could not be written.
type tagFailure struct {
	text     string // of the error
	failures int    // in a row
	retryAt  time.Time
}

// tagTTL is how long a floating IP is taken to have the tags that were written.
const tagTTL = time.Minute

// statusBatch has the statuses of all floating IPs of this node.
type statusBatch struct {
	neutron  neutronClient
	statuses []floatingIPStatus
}

func newStatusTagger(log *slog.Logger) *statusTagger {
	return &statusTagger{
		log: log, batches: newMailbox[statusBatch](),
		tagged: make(map[string]taggedStatus), failures: make(map[string]tagFailure),
	}
}

const (
	// tagTimeout bounds one call of Neutron.
	tagTimeout = 20 * time.Second
	// maxUnanswered is after how many calls in a row without an answer a batch is given
	// up: then the reason is Neutron, and not the floating IP.
	maxUnanswered = 5
)

// After a failure a floating IP waits for firstTagRetry, and twice as long after each
// other one. A refusal waits until an operator may have removed tags that were too many, the
// others until Neutron is there again.
const (
	firstTagRetry       = time.Minute
	maxRefusedRetry     = time.Hour
	maxUnreachableRetry = 5 * time.Minute
)

// run writes until ctx is done. Failures are tried again with a later batch.
func (t *statusTagger) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-t.batches:
			t.write(ctx, b)
		}
	}
}

// write tags the floating IPs that are due. It stops when Neutron does not answer, and
// when there is a newer batch.
func (t *statusTagger) write(ctx context.Context, b statusBatch) {
	t.forget(b)
	news, unanswered := make(map[string]floatingIPStatus), 0
	for _, s := range b.statuses {
		if len(t.batches) > 0 || ctx.Err() != nil || unanswered == maxUnanswered {
			break
		}
		if !t.due(s, time.Now()) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, tagTimeout)
		changed, err := b.neutron.SetStatusTags(limited, s.address, s.public, s.problem)
		cancel()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			refused := neutron.Refused(err)
			if unanswered++; refused {
				unanswered = 0
			}
			if t.failed(s, err, refused) {
				news[s.address.ID] = s
			}
		default:
			delete(t.failures, s.address.ID)
			if changed {
				unanswered = 0
				t.unreachable = false
				t.tagged[s.address.ID] = taggedStatus{s.public, s.problem, time.Now()}
				t.log.Info("floating IP tagged", "address", s.address.Addr, "id", s.address.ID,
					"public", s.public, "problem", s.problem)
			}
		}
	}
	t.report(news, unanswered == maxUnanswered)
}

// due tells whether a floating IP may have other tags, and is not waiting for a retry.
func (t *statusTagger) due(s floatingIPStatus, now time.Time) bool {
	last, ok := t.tagged[s.address.ID]
	if ok && last.public == s.public && last.problem == s.problem {
		return false
	}
	return !now.Before(t.failures[s.address.ID].retryAt)
}

// forget forgets what is too old to count, and floating IPs that are gone.
func (t *statusTagger) forget(b statusBatch) {
	maps.DeleteFunc(t.tagged, func(_ string, s taggedStatus) bool { return time.Since(s.at) >= tagTTL })
	present := make(map[string]bool)
	for _, s := range b.statuses {
		present[s.address.ID] = true
	}
	maps.DeleteFunc(t.failures, func(id string, _ tagFailure) bool { return !present[id] })
}

// failed notes that a floating IP could not be tagged, and returns whether that is news.
func (t *statusTagger) failed(s floatingIPStatus, err error, refused bool) bool {
	before := t.failures[s.address.ID]
	limit := maxUnreachableRetry
	if refused {
		limit = maxRefusedRetry
	}
	retryAt := time.Now().Add(backoff(firstTagRetry, before.failures, limit))
	t.failures[s.address.ID] = tagFailure{err.Error(), before.failures + 1, retryAt}
	return before.text != err.Error()
}

// report logs the failures that are news; of a Neutron that does not answer only one.
func (t *statusTagger) report(news map[string]floatingIPStatus, unreachable bool) {
	message := "writing floating IP tags failed"
	if unreachable {
		message += "; Neutron does not answer"
	}
	for id, s := range news {
		if !unreachable || !t.unreachable {
			t.log.Warn(message, "address", s.address.Addr, "id", id, "error", t.failures[id].text)
		}
		t.unreachable = t.unreachable || unreachable
	}
}
