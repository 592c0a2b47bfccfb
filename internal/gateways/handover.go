// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"context"
	"slices"
	"time"

	"macaw.example/internal/ovn"
)

// handOver is a router's move from a node that works. OVN moves a router within some 50 ms, and AWS takes up to a
// second or more for the router's addresses; frames are lost from the first of both until the second. So AWS comes
// first: the agents are told of the move, the new node's takes the addresses, and as soon as AWS has acknowledged that
// OVN is told. A node that has failed is not waited for.
type handOver struct {
	to    string
	began time.Time
	ready bool // AWS has the addresses there, or nobody can say when
}

// plannedMove tells whether an order moves a router from a node that works.
func plannedMove(s seen, o ovn.Order) bool {
	active := s.activeOf(o.Port)
	return active != "" && active != o.Chassis[0] && s.class(active) <= drained && s.inOVN(active)
}

// addressesFirst are the orders that are due now; the addresses of the others are under way.
func (k *keeper) addressesFirst(ctx context.Context, now time.Time, s seen, orders []ovn.Order) (due []ovn.Order) {
	open := make(map[string]*handOver)
	for _, o := range orders {
		if !plannedMove(s, o) {
			due = append(due, o)
			continue
		}
		h := k.handOvers[o.Port]
		if h == nil || h.to != o.Chassis[0] {
			h = k.beginHandOver(ctx, now, o)
		}
		open[o.Port] = h
		if late := now.Sub(h.began) > k.time.handOver; h.ready || late {
			due = append(due, o)
			if !h.ready {
				k.log.Warn("AWS is slow to move a router's addresses; moving the router all the same", "router", o.Router,
					"to", h.to, "after", k.time.handOver)
			}
			h.ready = true
		}
	}
	k.handOvers = open
	return append(due, recalled(s, orders)...)
}

// recalled are the orders of routers that are not to move any more although that was announced. Writing them again takes
// that back.
func recalled(s seen, orders []ovn.Order) (all []ovn.Order) {
	for _, o := range s.orders {
		moves := slices.ContainsFunc(orders, func(m ovn.Order) bool { return m.Port == o.Port })
		if o.Next != "" && !moves {
			all = append(all, o)
		}
	}
	return all
}

// beginHandOver tells the agents of a move.
func (k *keeper) beginHandOver(ctx context.Context, now time.Time, o ovn.Order) *handOver {
	h := &handOver{to: o.Chassis[0], began: now}
	k.log.Info("moving a router's addresses", "router", o.Router, "to", h.to)
	if err := k.north.SetNext(ctx, o, h.to); err != nil {
		k.log.Warn("announcing a router's move failed; moving it all the same", "router", o.Router, "error", err)
		h.ready = true
		return h
	}
	k.waits.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, k.time.handOver)
		defer cancel()
		err := k.states.Ready(ctx, h.to, o.Port)
		if err != nil && ctx.Err() == nil {
			k.log.Warn("whether AWS has moved a router's addresses is not known; moving the router all the same", "router",
				o.Router, "to", h.to, "error", err)
		}
		if err == nil || ctx.Err() == nil {
			k.send(ctx, func(*keeper) { h.ready = true })
		}
	})
	return h
}
