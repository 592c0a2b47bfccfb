package agent

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"time"

	"macaw.example/internal/neutron"
)

// teller notes on the floating IPs in Neutron where the Internet finds them, or
// why it does not. It works beside the agent's loop, one call after the other:
// nobody's packets wait for it. What goes wrong with one floating IP is that one's
// affair: it waits for its next turn, and the others have theirs.
type teller struct {
	log     *slog.Logger
	batch   chan batch         // the newest one
	told    map[string]told    // by floating IP's ID
	trouble map[string]trouble // the same; those that could not be told
	silent  bool               // Neutron does not answer
}

// told is what a floating IP was told, and when. What Neutron said of its tags may
// be older.
type told struct {
	public  netip.Addr
	problem string
	at      time.Time
}

// trouble is a floating IP that could not be told.
type trouble struct {
	text  string // of the error
	times int    // in a row
	again time.Time
}

// tellAgain is how long a floating IP is taken to say what it was told.
const tellAgain = time.Minute

// batch is what all floating IPs of this node shall say.
type batch struct {
	cloud cloud
	notes []note
}

func newTeller(log *slog.Logger) *teller {
	return &teller{log: log, batch: make(chan batch, 1), told: make(map[string]told), trouble: make(map[string]trouble)}
}

const (
	// tellLimit bounds one call of Neutron.
	tellLimit = 20 * time.Second
	// tellErrors is after how many calls in a row without an answer a batch is given
	// up: then it is Neutron, and not the floating IP.
	tellErrors = 5
)

// After a failure a floating IP waits for firstPause, twice as long with every other
// one, until somebody may have taken a tag off that was too many, or until Neutron is
// there again.
const (
	firstPause   = time.Minute
	refusedPause = time.Hour // at most
	silentPause  = 5 * time.Minute
)

// run writes until ctx is done. What fails is tried again with a later batch.
func (t *teller) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-t.batch:
			t.write(ctx, b)
		}
	}
}

// write tells all floating IPs whose turn it is. It stops when Neutron does not
// answer, and when there is a newer batch.
func (t *teller) write(ctx context.Context, b batch) {
	t.forget(b)
	failed, unanswered := make(map[string]note), 0
	for _, n := range b.notes {
		if len(t.batch) > 0 || ctx.Err() != nil || unanswered == tellErrors {
			break
		}
		last, ok := t.told[n.address.ID]
		if ok && last.public == n.public && last.problem == n.problem || time.Now().Before(t.trouble[n.address.ID].again) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, tellLimit)
		changed, err := b.cloud.Tell(limited, n.address, n.public, n.problem)
		cancel()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			refused := neutron.Refused(err)
			if unanswered++; refused {
				unanswered = 0
			}
			if t.failed(n, err, refused) {
				failed[n.address.ID] = n
			}
		default:
			delete(t.trouble, n.address.ID)
			if changed {
				unanswered = 0
				t.silent = false
				t.told[n.address.ID] = told{n.public, n.problem, time.Now()}
				t.log.Info("told the floating IP", "address", n.address.Addr, "id", n.address.ID, "public", n.public, "problem", n.problem)
			}
		}
	}
	t.report(failed, unanswered == tellErrors)
}

// forget forgets what is too old to count, and floating IPs that are gone.
func (t *teller) forget(b batch) {
	maps.DeleteFunc(t.told, func(_ string, l told) bool { return time.Since(l.at) >= tellAgain })
	there := make(map[string]bool)
	for _, n := range b.notes {
		there[n.address.ID] = true
	}
	maps.DeleteFunc(t.trouble, func(id string, _ trouble) bool { return !there[id] })
}

// failed notes a floating IP that could not be told, and says whether that is news.
func (t *teller) failed(n note, err error, refused bool) bool {
	before := t.trouble[n.address.ID]
	limit := silentPause
	if refused {
		limit = refusedPause
	}
	t.trouble[n.address.ID] = trouble{err.Error(), before.times + 1, time.Now().Add(backoff(firstPause, before.times, limit))}
	return before.text != err.Error()
}

// report tells the journal which floating IPs failed, and why; that Neutron does not
// answer it says once.
func (t *teller) report(failed map[string]note, silent bool) {
	for id, n := range failed {
		text := t.trouble[id].text
		if !silent {
			t.log.Warn("the floating IP takes no tag that says where the Internet finds it; the others do", "address", n.address.Addr, "id", id, "error", text)
			continue
		}
		if !t.silent {
			t.log.Warn("Neutron takes no tags that say where the Internet finds floating IPs", "address", n.address.Addr, "id", id, "error", text)
		}
		t.silent = true
	}
}
