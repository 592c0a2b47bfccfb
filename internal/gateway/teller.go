package gateway

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"time"
)

// teller notes on the floating IPs in Neutron where the Internet finds them, or
// why it does not. It works beside the agent's loop, one call after the other:
// nobody's packets wait for it.
type teller struct {
	log   *slog.Logger
	batch chan batch      // the newest one
	told  map[string]told // by floating IP's ID
}

// told is what a floating IP was told, and when. What Neutron said of its tags may
// be older.
type told struct {
	public  netip.Addr
	problem string
	at      time.Time
}

// tellAgain is how long a floating IP is taken to say what it was told.
const tellAgain = time.Minute

// batch is what all floating IPs of this node shall say.
type batch struct {
	cloud cloud
	notes []note
}

func newTeller(log *slog.Logger) *teller {
	return &teller{log: log, batch: make(chan batch, 1), told: make(map[string]told)}
}

// tellLimit bounds one call of Neutron.
const tellLimit = 20 * time.Second

// run writes until ctx is done. What fails is tried again with the next batch.
func (t *teller) run(ctx context.Context) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-t.batch:
			err := t.write(ctx, b)
			if err != nil && !failing && ctx.Err() == nil {
				t.log.Warn("floating IPs do not say where the Internet finds them", "error", err)
			}
			failing = err != nil
		}
	}
}

// tellErrors is after how many errors a batch is given up: one floating IP may
// take no tag, but if none does it is Neutron.
const tellErrors = 5

// write stops when there are many errors, and when there is a newer batch.
func (t *teller) write(ctx context.Context, b batch) error {
	var failed []error
	maps.DeleteFunc(t.told, func(_ string, l told) bool { return time.Since(l.at) >= tellAgain })
	for _, n := range b.notes {
		if len(t.batch) > 0 {
			break
		}
		last, is := t.told[n.address.ID]
		if is && last.public == n.public && last.problem == n.problem && time.Since(last.at) < tellAgain {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, tellLimit)
		changed, err := b.cloud.Tell(limited, n.address, n.public, n.problem)
		cancel()
		if err != nil {
			if failed = append(failed, err); len(failed) == tellErrors || ctx.Err() != nil {
				break
			}
			continue
		}
		if changed {
			t.told[n.address.ID] = told{n.public, n.problem, time.Now()}
			t.log.Info("told the floating IP", "address", n.address.Addr, "id", n.address.ID, "public", n.public, "problem", n.problem)
		}
	}
	return errors.Join(failed...)
}
