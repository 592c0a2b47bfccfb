// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/ovn"
	"macaw.example/internal/supervise"
)

// timing are the keeper's intervals and timeouts.
type timing struct {
	tick      time.Duration // between two looks at the clock
	move      time.Duration // how long moving routers as wished may take
	reconnect time.Duration // pause after a lost connection
	blind     time.Duration // how long a node may have no tunnel up: OVN acts on that sooner, and sides come up one by one
	handOver  time.Duration // how long AWS may take to move a router's addresses before OVN moves the router all the same
}

var defaultTiming = timing{
	tick: 100 * time.Millisecond, move: 20 * time.Second, reconnect: time.Second, blind: 3 * time.Second,
	handOver: 5 * time.Second,
}

// databases are OVN's, for Run and for tests.
type databases interface {
	WatchGateways(ctx context.Context, changed func(ovn.Southbound)) error
	WatchOrders(ctx context.Context, changed func(northbound, ovn.State)) error
}

// northbound is what is written in the northbound database.
type northbound interface {
	SetOrder(context.Context, ovn.Order) error
	SetNext(ctx context.Context, o ovn.Order, chassis string) error
	SetWish(context.Context, ovn.Wish) error
	SetMesh(context.Context, []string) error
}

// states says what is known of the gateway nodes now, and whether that is enough to act on.
type states interface {
	Now(time.Time) (all []state, ok bool)
	// Ready waits until AWS has all addresses of a gateway on a node, by the word of the node's agent.
	Ready(ctx context.Context, node, port string) error
}

// keeper keeps the orders of a cloud's gateways.
type keeper struct {
	databases databases
	states    states
	report    func([]nodeapi.GatewayNode) error // for macaw gateway list
	time      timing
	log       *slog.Logger

	// What was seen last; a database whose connection is lost is nil.
	north struct {
		northbound
		ovn.State
	}
	south *ovn.Southbound

	blind  map[string]time.Time  // nodes without a tunnel that is up, and since when
	nodes  []nodeapi.GatewayNode // that the last plan was made with
	moving time.Time             // when the wish to move routers came; zero: there is none

	handOvers map[string]*handOver // by gateway port
	events    chan event
	waits     sync.WaitGroup
}

// event changes what the keeper has seen.
type event func(*keeper)

// run keeps the orders until ctx is done.
func (k *keeper) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	k.events, k.handOvers = make(chan event, 16), make(map[string]*handOver)
	send := func(e event) { k.send(ctx, e) }
	defer k.waits.Wait()
	defer cancel()
	k.waits.Go(func() {
		k.again(ctx, "southbound", func() error {
			defer send(func(k *keeper) { k.south = nil })
			return k.databases.WatchGateways(ctx, func(s ovn.Southbound) { send(func(k *keeper) { k.south = &s }) })
		})
	})
	k.waits.Go(func() {
		k.again(ctx, "northbound", func() error {
			defer send(func(k *keeper) { k.north.northbound = nil })
			return k.databases.WatchOrders(ctx, func(n northbound, s ovn.State) {
				send(func(k *keeper) { k.north.northbound, k.north.State = n, s })
			})
		})
	})
	tick := time.NewTicker(k.time.tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-k.events:
			e(k)
		case <-tick.C:
		}
		if len(k.events) == 0 {
			k.act(ctx, time.Now())
		}
	}
}

func (k *keeper) send(ctx context.Context, e event) {
	select {
	case k.events <- e:
	case <-ctx.Done():
	}
}

// again watches a database until ctx is done.
func (k *keeper) again(ctx context.Context, name string, watch func() error) {
	supervise.Run(ctx, k.time.reconnect, watch, func(err error) {
		k.log.Warn("OVN's database is not there; routers stay where OVN has them", "database", name, "error", err)
	})
}

// act compares what is seen with what should be, and writes the difference.
func (k *keeper) act(ctx context.Context, now time.Time) {
	nodes, ok := k.states.Now(now)
	if !ok || k.north.northbound == nil || k.south == nil {
		return
	}
	s := k.seen(now, nodes)
	k.note(s.known())
	if mesh := meshOf(s); !slices.Equal(mesh, k.north.Mesh) {
		if err := k.north.SetMesh(ctx, mesh); err != nil {
			k.log.Warn("writing in OVN's northbound database failed", "error", err)
			return
		}
	}
	orders := plan(s)
	k.endHandOvers(ctx, now, s, orders)
	for _, o := range k.addressesFirst(ctx, now, s, orders) {
		k.log.Info("ordering a router's gateways", "router", o.Router, "now on", s.activeOf(o.Port), "order",
			strings.Join(o.Chassis, " "))
		if err := k.north.SetOrder(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
			k.log.Warn("ordering a router's gateways failed", "router", o.Router, "error", err)
			return
		}
		k.wrote(o)
	}
	k.endMove(ctx, now, s)
}

// wrote notes an order that the database has, and has not shown yet.
func (k *keeper) wrote(o ovn.Order) {
	for i := range k.north.Orders {
		if k.north.Orders[i].Port == o.Port {
			k.north.Orders[i] = o
		}
	}
}

// seen is what the keeper knows now.
func (k *keeper) seen(now time.Time, nodes []state) seen {
	since := make(map[string]time.Time)
	for i, n := range nodes {
		nodes[i].Drained = slices.Contains(k.north.Wish.Drained, n.Name)
		if !blind(nodes, i) {
			continue
		}
		since[n.Name] = now
		if before, ok := k.blind[n.Name]; ok {
			since[n.Name] = before
		}
		nodes[i].isolated = now.Sub(since[n.Name]) > k.time.blind
	}
	k.blind = since
	return seen{
		nodes: nodes, orders: k.north.Orders, gateways: k.south.Gateways, chassis: k.south.Chassis,
		wish: k.north.Wish,
	}
}

// note reports and logs what has changed about nodes.
func (k *keeper) note(nodes []nodeapi.GatewayNode) {
	if !slices.Equal(nodes, k.nodes) {
		if err := k.report(nodes); err != nil {
			k.log.Warn("writing the report failed", "error", err)
		}
	}
	for _, n := range nodes {
		at := slices.IndexFunc(k.nodes, func(o nodeapi.GatewayNode) bool { return o.Name == n.Name })
		if at < 0 || k.nodes[at] == n {
			continue
		}
		switch {
		case !n.Reachable:
			k.log.Warn("gateway does not answer; its routers go to others", "node", n.Name)
		case n.Unfit != "":
			k.log.Warn("gateway is unfit; its routers go to others", "node", n.Name, "reason", n.Unfit)
		case n.Drained:
			k.log.Info("gateway is drained; its routers go to others", "node", n.Name)
		default:
			k.log.Info("gateway is fit; routers stay where they are", "node", n.Name)
		}
	}
	k.nodes = nodes
}

// endMove takes a wish to move routers back once they have moved, or after a time: it is not to hold for
// nodes that return later.
func (k *keeper) endMove(ctx context.Context, now time.Time, s seen) {
	if s.wish.Prefer == "" && !s.wish.Spread {
		k.moving = time.Time{}
		return
	}
	if k.moving.IsZero() {
		k.moving = now
	}
	done := fulfilled(s)
	if !done && now.Sub(k.moving) < k.time.move {
		return
	}
	if !done {
		k.log.Warn("routers have not moved as wished", "after", k.time.move)
	}
	if err := k.north.SetWish(ctx, ovn.Wish{Drained: s.wish.Drained}); err != nil {
		k.log.Warn("taking back the wish to move routers failed", "error", err)
	}
}
