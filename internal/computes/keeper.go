// SPDX-License-Identifier: Apache-2.0

package computes

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"macaw.example/internal/drain"
	"macaw.example/internal/nodeapi"
)

// Intervals and timeouts of the keeper.
const (
	// AWS recommends to look for interruption notices every 5 seconds (EC2 User Guide, spot-instance-termination-notices).
	askEvery   = 2 * time.Second
	askTimeout = 2 * time.Second
	lostAfter  = 10 * time.Second // a Spot Instance that has not answered for so long is lost
	deadEvery  = 10 * time.Second // between two questions for dead nodes
	deadWithin = 30 * time.Second
	tick       = time.Second
)

// pauses are how long after a task the same one may begin again.
var pauses = map[kind]time.Duration{interruption: 5 * time.Second, rebalance: time.Minute, evacuation: time.Minute}

// keeper keeps an eye on compute nodes.
type keeper struct {
	spot []string // Spot Instances
	// notices asks one for its notices.
	notices func(ctx context.Context, node string) (nodeapi.SpotNotices, error)
	// nova returns Nova, and may fail while the controller starts.
	nova func(context.Context) (drain.Nova, error)
	// instances asks EC2 for those of nodes; nil: nodes are not evacuated.
	instances func(ctx context.Context, nodes []string) (map[string][]instance, error)
	// keep stores which rebalance recommendations have been followed.
	keep func(map[string]time.Time) error
	log  *slog.Logger

	mu       sync.Mutex
	seen     seen
	answered map[string]time.Time // when Spot Instances did
	lost     map[string]bool      // those that do not
	blind    string               // why dead nodes are not known
	running  map[string]*running  // tasks, by node
	after    map[task]time.Time   // when a task may begin again
	said     map[string]string    // what was logged about guests that stay, by node
	tasks    sync.WaitGroup
}

type running struct {
	task
	cancel context.CancelFunc
}

// run works until ctx is done, and returns when no task is under way.
func (k *keeper) run(ctx context.Context) error {
	k.answered, k.lost = map[string]time.Time{}, map[string]bool{}
	k.running, k.after, k.said = map[string]*running{}, map[task]time.Time{}, map[string]string{}
	k.seen.notices = map[string]nodeapi.SpotNotices{}
	if k.seen.followed == nil {
		k.seen.followed = map[string]time.Time{}
	}
	var questions sync.WaitGroup
	defer k.tasks.Wait()
	defer questions.Wait()
	for _, node := range k.spot {
		k.answered[node] = time.Now()
		questions.Go(func() { every(ctx, askEvery, func() { k.ask(ctx, node) }) })
	}
	if k.instances != nil {
		questions.Go(func() { every(ctx, deadEvery, func() { k.look(ctx) }) })
	}
	every(ctx, tick, func() { k.act(ctx) })
	return nil
}

// every calls fn again and again until ctx is done.
func every(ctx context.Context, d time.Duration, fn func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		fn()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// ask asks a Spot Instance for its notices.
func (k *keeper) ask(ctx context.Context, node string) {
	within, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	n, err := k.notices(within, node)
	if ctx.Err() != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		if k.lost[node] {
			k.log.Info("a Spot Instance says again which notices AWS has given it", "node", node)
		}
		k.answered[node], k.lost[node], k.seen.notices[node] = now, false, n
	case now.Sub(k.answered[node]) > lostAfter && !k.lost[node]:
		k.log.Warn("a Spot Instance does not say which notices AWS has given it; nothing will be done if AWS takes it away",
			"node", node, "error", err)
		k.lost[node] = true
		delete(k.seen.notices, node)
	}
}

// look asks for the nodes that have died.
func (k *keeper) look(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, deadWithin)
	defer cancel()
	services, instances, err := k.dead(within)
	if ctx.Err() != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	text := ""
	if err != nil {
		text, services = err.Error(), nil
	} else {
		k.seen.stopped = stoppedSince(k.seen.stopped, instances, time.Now())
	}
	k.seen.services, k.seen.instances = services, instances
	if text != k.blind && text != "" {
		k.log.Warn("which compute nodes have died is not known; none is evacuated", "error", err)
	}
	k.blind = text
}

func (k *keeper) dead(ctx context.Context) ([]drain.Service, map[string][]instance, error) {
	n, err := k.nova(ctx)
	if err != nil {
		return nil, nil, err
	}
	services, err := n.Services(ctx)
	if err != nil {
		return nil, nil, err
	}
	var down []string
	for _, s := range services {
		if !s.Up {
			down = append(down, s.Host)
		}
	}
	if len(down) == 0 {
		return services, nil, nil
	}
	instances, err := k.instances(ctx, down)
	return services, instances, err
}

// act begins the tasks that are due.
func (k *keeper) act(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	s := k.seen
	s.now = now
	for _, t := range plan(s) {
		under := k.running[t.node]
		switch {
		case under != nil && under.kind < t.kind:
			under.cancel() // the more urgent one begins when it has ended
		case under != nil, now.Before(k.after[t]):
		default:
			k.begin(ctx, t)
		}
	}
	maps.DeleteFunc(k.after, func(_ task, at time.Time) bool { return now.Sub(at) > time.Hour })
}

func (k *keeper) begin(ctx context.Context, t task) {
	_, again := k.after[t]
	ctx, cancel := context.WithCancel(ctx)
	k.running[t.node] = &running{t, cancel}
	k.tasks.Go(func() {
		defer cancel()
		err := k.do(ctx, t, again)
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.running, t.node)
		k.after[t] = time.Now().Add(pauses[t.kind])
		if err != nil || t.kind != rebalance {
			return
		}
		k.seen.followed = maps.Clone(k.seen.followed)
		k.seen.followed[t.node] = t.at
		if err := k.keep(k.seen.followed); err != nil {
			k.log.Warn("noting that a rebalance recommendation was followed failed; it is followed once more after a restart",
				"node", t.node, "error", err)
		}
	})
}
