// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"sync"
)

// workers runs at most one piece of work for a key at a time.
type workers struct {
	mu      sync.Mutex
	running map[string]*worker
	closed  bool
	group   sync.WaitGroup
}

type worker struct {
	goal   string
	cancel context.CancelFunc
	self   *errand
	next   *errand // to run afterwards, or nil
}

type errand struct {
	parent context.Context
	goal   string
	work   func(context.Context)
}

// run does work in a goroutine. If work for the key is running already, the new work
// follows it; if their goals differ, the running one is canceled.
func (w *workers) run(parent context.Context, key, goal string, work func(context.Context)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if now, ok := w.running[key]; ok {
		now.next = &errand{parent, goal, work}
		if now.goal != goal {
			now.cancel()
		}
		return
	}
	if w.running == nil {
		w.running = map[string]*worker{}
	}
	ctx, cancel := context.WithCancel(parent)
	w.running[key] = &worker{goal: goal, cancel: cancel, self: &errand{parent, goal, work}}
	w.group.Go(func() {
		work(ctx)
		cancel()
		w.finish(key)
	})
}

// finish removes a worker and starts the work queued behind it.
func (w *workers) finish(key string) {
	w.mu.Lock()
	next := w.running[key].next
	delete(w.running, key)
	w.mu.Unlock()
	if next != nil {
		w.run(next.parent, key, next.goal, next.work)
	}
}

// again repeats the worker that calls it when it ends, unless other work is queued.
func (w *workers) again(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.running[key]; now != nil && now.next == nil {
		now.next = now.self
	}
}

// close prevents new work and returns when all has ended.
func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.group.Wait()
}
