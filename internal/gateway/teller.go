package gateway

import (
	"context"
	"log/slog"
	"time"
)

// teller notes on the floating IPs in Neutron where the Internet finds them, or
// why it does not. It works beside the agent's loop, one call after the other:
// nobody's packets wait for it.
type teller struct {
	log   *slog.Logger
	batch chan batch // the newest one
}

// batch is what all floating IPs of this node shall say.
type batch struct {
	cloud cloud
	notes []note
}

func newTeller(log *slog.Logger) *teller {
	return &teller{log: log, batch: make(chan batch, 1)}
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

// write stops at the first error, and when there is a newer batch.
func (t *teller) write(ctx context.Context, b batch) error {
	for _, n := range b.notes {
		if len(t.batch) > 0 {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, tellLimit)
		changed, err := b.cloud.Tell(limited, n.address, n.public, n.problem)
		cancel()
		if err != nil {
			return err
		}
		if changed {
			t.log.Info("told the floating IP", "address", n.address.Addr, "id", n.address.ID, "public", n.public, "problem", n.problem)
		}
	}
	return nil
}
