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
// OVN is told. The agents are told that the move is over once OVN has made it, or has not within a time. A node that
// has failed is not waited for.
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
	for _, o := range orders {
		if !plannedMove(s, o) {
			due = append(due, o)
			continue
		}
		h := k.handOvers[o.Port]
		if h == nil || h.to != o.Chassis[0] {
			h = k.beginHandOver(ctx, now, o)
			k.handOvers[o.Port] = h
		}
		late := now.Sub(h.began) > k.time.handOver
		if late && !h.ready {
			k.log.Warn("AWS is slow to move a router's addresses; moving the router all the same", "router", o.Router,
				"to", h.to, "after", k.time.handOver)
		}
		if h.ready || late {
			due = append(due, o)
		}
	}
	return due
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

// endHandOvers tells the agents which moves are over.
func (k *keeper) endHandOvers(ctx context.Context, now time.Time, s seen, orders []ovn.Order) {
	noted := make(map[string]*handOver)
	for _, o := range s.orders {
		if o.Next == "" {
			continue
		}
		h := k.handOvers[o.Port]
		if h == nil || h.to != o.Next { // of a process that has ended
			h = &handOver{to: o.Next, began: now}
		}
		noted[o.Port] = h
		if !over(now.Sub(h.began) > 2*k.time.handOver, s, o, orders) {
			continue
		}
		if err := k.north.SetNext(ctx, o, ""); err != nil {
			k.log.Warn("announcing that a router's move is over failed", "router", o.Router, "error", err)
			continue
		}
		o.Next = ""
		k.wrote(o)
	}
	for _, o := range orders {
		if h, ok := k.handOvers[o.Port]; ok && noted[o.Port] == nil {
			noted[o.Port] = h // the database has not shown yet that it is announced
		}
	}
	k.handOvers = noted
}

// over tells whether a move that was announced is over: made, no longer wanted, or not made in time.
func over(late bool, s seen, o ovn.Order, orders []ovn.Order) bool {
	if at := slices.IndexFunc(orders, func(m ovn.Order) bool { return m.Port == o.Port }); at >= 0 {
		o.Chassis = orders[at].Chassis
	}
	return late || s.activeOf(o.Port) == o.Next || len(o.Chassis) == 0 || o.Chassis[0] != o.Next
}
