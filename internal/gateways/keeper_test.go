// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/ovn"
)

// fakeOVN is both of OVN's databases, and moves routers as OVN does.
type fakeOVN struct {
	mu      sync.Mutex
	orders  []ovn.Order
	wish    ovn.Wish
	mesh    []string
	south   ovn.Southbound
	changed []func()
	written int
	// announced are the nodes that SetNext has named.
	announced []string
	lost      map[string]context.CancelCauseFunc
	follows   bool // bindings follow orders
	refusing  error
}

func newFakeOVN(order ...string) *fakeOVN {
	return &fakeOVN{
		orders: []ovn.Order{{Port: "p", Router: "r", Chassis: order}}, follows: true,
		south: ovn.Southbound{Gateways: []ovn.Gateway{{Port: "p", Router: "r", Active: order[0]}}, Chassis: order},
		lost:  map[string]context.CancelCauseFunc{},
	}
}

var errLost = errors.New("the connection was lost")

func (f *fakeOVN) watch(ctx context.Context, name string, tell func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	f.mu.Lock()
	f.lost[name] = cancel
	dirty := make(chan struct{}, 1)
	f.changed = append(f.changed, func() {
		select {
		case dirty <- struct{}{}:
		default:
		}
	})
	f.mu.Unlock()
	for {
		f.mu.Lock()
		tell()
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-dirty:
		}
	}
}

func (f *fakeOVN) WatchGateways(ctx context.Context, changed func(ovn.Southbound)) error {
	return f.watch(ctx, "south", func() {
		changed(ovn.Southbound{Gateways: slices.Clone(f.south.Gateways), Chassis: f.south.Chassis})
	})
}

func (f *fakeOVN) WatchOrders(ctx context.Context, changed func(northbound, ovn.State)) error {
	return f.watch(ctx, "north", func() {
		changed(f, ovn.State{Orders: slices.Clone(f.orders), Wish: f.wish, Mesh: f.mesh})
	})
}

func (f *fakeOVN) change(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
	for _, tell := range f.changed {
		tell()
	}
}

func (f *fakeOVN) SetOrder(_ context.Context, o ovn.Order) error {
	if f.refusing != nil {
		return f.refusing
	}
	f.change(func() {
		f.written++
		o.Next = f.orders[0].Next
		f.orders = []ovn.Order{o}
		if f.follows {
			f.south.Gateways[0].Active = o.Chassis[0]
		}
	})
	return nil
}

func (f *fakeOVN) SetNext(_ context.Context, o ovn.Order, chassis string) error {
	if f.refusing != nil {
		return f.refusing
	}
	f.change(func() {
		if f.orders[0].Next != chassis {
			f.announced = append(f.announced, chassis)
		}
		f.orders[0].Next = chassis
	})
	return nil
}

func (f *fakeOVN) SetWish(_ context.Context, w ovn.Wish) error {
	f.change(func() { f.wish = w })
	return nil
}

func (f *fakeOVN) SetMesh(_ context.Context, names []string) error {
	f.change(func() { f.mesh = names })
	return nil
}

func (f *fakeOVN) order() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.orders[0].Chassis
}

// fakeStates is what the prober would say.
type fakeStates struct {
	mu    sync.Mutex
	nodes []state
	ok    bool
	aws   time.Duration // how long AWS takes to move a router's addresses
	mute  error         // why the agents do not say when it has
}

func (f *fakeStates) Ready(ctx context.Context, _, _ string) error {
	if f.mute != nil {
		return f.mute
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(f.aws):
		return nil
	}
}

func (f *fakeStates) Now(time.Time) ([]state, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.nodes), f.ok
}

func (f *fakeStates) set(nodes string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes, f.ok = nodesOf(nodes), nodes != ""
}

// withKeeper runs a keeper in a bubble.
func withKeeper(t *testing.T, fn func(*fakeOVN, *fakeStates)) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFakeOVN("a", "b"), &fakeStates{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		k := &keeper{databases: f, states: s, report: func([]nodeapi.GatewayNode) error { return nil }, time: defaultTiming,
			log: slog.New(slog.DiscardHandler)}
		go func() { defer close(ended); _ = k.run(ctx) }()
		fn(f, s)
		cancel()
		<-ended
	})
}

func (f *fakeOVN) wants(t *testing.T, when string, order ...string) {
	t.Helper()
	if got := f.order(); !slices.Equal(got, order) {
		t.Errorf("%s: got %v, want %v", when, got, order)
	}
}

func TestKeeper(t *testing.T) {
	withKeeper(t, func(f *fakeOVN, s *fakeStates) {
		time.Sleep(time.Second)
		f.wants(t, "before the nodes' states are known", "a", "b")
		if f.mesh != nil {
			t.Errorf("a mesh of %v before the nodes' states are known", f.mesh)
		}
		s.set("a! b")
		time.Sleep(150 * time.Millisecond)
		f.wants(t, "a has died", "b")
		if !slices.Equal(f.mesh, []string{"a", "b"}) {
			t.Errorf("mesh: got %v", f.mesh)
		}
		s.set("a b")
		time.Sleep(time.Second)
		f.wants(t, "a is back", "b", "a")

		f.change(func() { f.wish = ovn.Wish{Drained: []string{"b"}} })
		time.Sleep(time.Second)
		f.wants(t, "b is drained", "a", "b")
		f.change(func() { f.wish = ovn.Wish{} })
		time.Sleep(time.Second)
		f.wants(t, "b is enabled", "a", "b")

		f.change(func() { f.wish = ovn.Wish{Prefer: "b"} })
		time.Sleep(time.Second)
		f.wants(t, "b is preferred", "b", "a")
		if f.wish.Prefer != "" {
			t.Error("the wish to move routers holds although they have moved")
		}
		before := f.written
		time.Sleep(time.Hour)
		if f.written != before {
			t.Errorf("%d orders were written in an hour in which nothing happened", f.written-before)
		}
	})
}

// A wish that cannot be fulfilled is not to move routers a day later.
func TestKeeperGivesUpMoving(t *testing.T) {
	withKeeper(t, func(f *fakeOVN, s *fakeStates) {
		s.set("a b")
		f.follows = false
		f.change(func() { f.wish = ovn.Wish{Drained: []string{"c"}, Prefer: "b"} })
		time.Sleep(defaultTiming.move - time.Second)
		f.wants(t, "while OVN has not moved the router", "b", "a")
		time.Sleep(2 * time.Second)
		if f.wish.Prefer != "" || len(f.wish.Drained) != 1 {
			t.Errorf("wish after the time for moves: %+v", f.wish)
		}
		f.wants(t, "given up: the router stays where OVN has it", "a", "b")
	})
}

// The sides of a tunnel come up one by one.
func TestKeeperIsolated(t *testing.T) {
	withKeeper(t, func(f *fakeOVN, s *fakeStates) {
		s.set("a: b:a")
		time.Sleep(defaultTiming.blind - time.Second)
		f.wants(t, "for two seconds", "a")
		s.set("a:b b:a")
		time.Sleep(defaultTiming.blind)
		f.wants(t, "both are up", "a", "b")
		s.set("a: b:x")
		time.Sleep(defaultTiming.blind + time.Second)
		f.wants(t, "a is isolated", "b")
	})
}

// Without a database, or an answer, nothing is done, and later what is due then.
func TestKeeperWithoutDatabases(t *testing.T) {
	withKeeper(t, func(f *fakeOVN, s *fakeStates) {
		s.set("a b")
		time.Sleep(time.Second)
		for _, name := range []string{"north", "south"} {
			f.lost[name](errLost)
			synctest.Wait()
			s.set("a! b")
			time.Sleep(defaultTiming.reconnect - 100*time.Millisecond)
			f.wants(t, name+" is gone", "a", "b")
			s.set("a b")
			time.Sleep(time.Second)
			f.wants(t, name+" is back", "a", "b")
		}
		f.refusing = errors.New("constraint violation")
		s.set("a! b")
		time.Sleep(time.Second)
		f.refusing = nil
		time.Sleep(200 * time.Millisecond)
		f.wants(t, "after it refused", "b")
	})
}
