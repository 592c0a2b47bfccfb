// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"context"
	"fmt"
	"time"

	"macaw.example/internal/hint"
)

// Evacuate makes the guests of a node that is gone again on other nodes. A guest whose disk was on the node
// starts from its image: what it has written is lost. It refuses while the node's nova-compute reports to Nova,
// since each guest would run twice; the caller knows from elsewhere that the node is gone. Guests that stay are
// no error, see [Result.Err].
func Evacuate(ctx context.Context, n Nova, node string, o Options) (Result, error) {
	o = o.filled()
	w := &work{nova: n, node: node, o: o, verb: "evacuate", decide: func(g Guest, failed map[How]string) move {
		return revive(g, node, failed)
	}}
	services, s, err := w.find(ctx)
	if err != nil {
		return w.result(), err
	}
	permitted := func(guests []Guest) error {
		if elsewhere(services, []string{node}) {
			return nil
		}
		return w.nowhere(services, []string{node}, fmt.Errorf(
			"evacuating node %s: no other compute node is up and takes guests; on it were: %s", node, names(guests)))
	}
	if err := w.check(ctx, permitted); err != nil {
		return w.result(), err
	}
	if err := w.silent(ctx, s); err != nil {
		return w.result(), err
	}
	if !s.ForcedDown {
		if err := n.ForceDown(ctx, s.ID, true); err != nil {
			return w.result(), fmt.Errorf("telling Nova that node %s is down: %w", node, err)
		}
	}
	if err := w.shut(ctx, s); err != nil {
		return w.result(), err
	}
	return w.all(ctx, permitted)
}

// silent waits until Nova notices that a node does not report any more. Of one that is forced down Nova says
// always that it is down: then its record must not change for as long.
func (w *work) silent(ctx context.Context, s Service) error {
	if !s.Up && !s.ForcedDown {
		return nil
	}
	done := w.o.Step("wait until Nova has heard nothing from node " + w.node)
	err := w.hearNothing(ctx, s)
	done(err)
	return err
}

func (w *work) hearNothing(ctx context.Context, first Service) error {
	limit := expiry
	if first.ForcedDown {
		limit = reports
	}
	for until := time.Now().Add(limit); ; {
		if err := pause(ctx); err != nil {
			return err
		}
		_, s, err := w.find(ctx)
		if err != nil {
			return err
		}
		late := time.Now().After(until)
		switch {
		case first.ForcedDown && s.Changed.After(first.Changed), late && s.Up:
			return hint.With(fmt.Errorf("node %s still reports to Nova: its guests run there, and would run twice", w.node),
				"macaw node drain %s %s moves them; or stop the instance first", w.o.File, w.node)
		case late || !first.ForcedDown && !s.Up:
			return nil
		}
	}
}

// reports is longer than the interval of a nova-compute's reports: report_interval, 10 seconds.
const reports = 25 * time.Second
