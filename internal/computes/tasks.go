// SPDX-License-Identifier: Apache-2.0

package computes

import (
	"context"
	"strings"
	"time"

	"macaw.example/internal/drain"
	"macaw.example/internal/hint"
)

// do carries a task out, and logs it. again means that it has been tried before.
func (k *keeper) do(ctx context.Context, t task, again bool) error {
	log := k.log.With("node", t.node)
	res, err := k.carryOut(ctx, t, again)
	for _, o := range res.Guests {
		if o.Stayed == "" && o.How != "" {
			log.Info("guest has left", "guest", o.Name, "id", o.ID, "project", o.Project, "by", o.How, "to", o.To)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var stay []string
	for _, o := range res.Left() {
		stay = append(stay, o.ID+": "+o.Stayed)
	}
	text := strings.Join(stay, "; ")
	if err != nil {
		text = err.Error()
	}
	if !k.news(t.node, text) {
		return err
	}
	if err != nil {
		log.Warn("bringing guests to safety failed; trying again", "why", t.reason, "error", err,
			"hint", strings.Join(hint.All(err), "; "))
		return err
	}
	for _, o := range res.Left() {
		log.Warn("guest stays", "guest", o.Name, "id", o.ID, "project", o.Project, "reason", o.Stayed, "hint", o.Hint)
	}
	if len(res.Guests) > 0 {
		log.Info("done", "why", t.reason, "left", len(res.Guests)-len(stay), "stay", len(stay),
			"afterwards", "macaw node enable FILE "+t.node+" lets the node take guests again")
	}
	return nil
}

// news notes what is said of a node, and tells whether that has not been said yet.
func (k *keeper) news(node, text string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, ok := k.said[node]
	k.said[node] = text
	return !ok || before != text || text == ""
}

func (k *keeper) carryOut(ctx context.Context, t task, again bool) (drain.Result, error) {
	n, err := k.nova(ctx)
	if err != nil {
		return drain.Result{}, err
	}
	o := drain.Options{Reason: t.reason, Note: func(text string) { k.log.Info(text, "node", t.node) }}
	switch t.kind {
	case interruption:
		if !again {
			k.log.Warn("AWS takes a Spot Instance away; moving its guests", "node", t.node, "why", t.reason,
				"in", time.Until(t.at).Round(time.Second))
		}
		return drain.RunBefore(ctx, n, t.node, t.at, o)
	case rebalance:
		if !again {
			k.log.Warn("AWS may soon take a Spot Instance away; moving its guests", "node", t.node, "why", t.reason)
		}
		return drain.Run(ctx, n, t.node, o)
	}
	guests, err := n.Guests(ctx, t.node)
	if err != nil || len(guests) == 0 {
		return drain.Result{}, err
	}
	if !again {
		k.log.Warn("a compute node has died; making its guests again on other nodes", "node", t.node, "why", t.reason,
			"guests", len(guests))
	}
	return drain.Evacuate(ctx, n, t.node, o)
}
