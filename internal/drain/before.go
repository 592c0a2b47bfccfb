// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// stopBefore is how long before the end of a node what runs there is shut down instead of moved. Most guests shut
// down within seconds; Nova cuts the power of one that has not after a minute (nova.conf, shutdown_timeout).
const stopBefore = 45 * time.Second

// afterEnd is how long Nova may take to say what became of the last guests.
const afterEnd = 10 * time.Second

// RunBefore moves what it can from a node that ends at a given time, such as an interrupted Spot Instance, and shuts
// down what still runs there shortly before, so that disks are consistent. It begins with what runs. Unlike [Run] it
// also acts if no other node takes guests: then it shuts down all of them. A guest whose live migration fails is moved
// with a restart while there is time. Guests that stay are no error, see [Result.Left].
func RunBefore(ctx context.Context, n Nova, node string, end time.Time, o Options) (Result, error) {
	o = o.filled()
	ctx, cancel := context.WithDeadlineCause(ctx, end.Add(afterEnd), errors.New("the node's time is up"))
	defer cancel()
	o.Limit = time.Until(end)
	w := &work{nova: n, node: node, o: o, verb: "move"}
	services, s, err := w.find(ctx)
	if err == nil {
		err = w.shut(ctx, s)
	}
	if err != nil {
		return w.result(), err
	}
	guests, err := w.guests(ctx)
	if err != nil {
		return w.result(), err
	}
	room := elsewhere(services, []string{node})
	t := newTurns(o.AtOnce, guests)
	w.decide = func(g Guest, failed map[How]string) move {
		return t.next(leaveBefore(g, node, failed, time.Until(end), room), time.Until(end))
	}
	w.o.AtOnce = -1 // all at once: those that cannot move need no turn
	return w.all(ctx, func([]Guest) error { return nil })
}

// leaveBefore decides how a guest leaves a node that ends after a time. room tells whether other nodes take guests.
func leaveBefore(g Guest, node string, failed map[How]string, left time.Duration, room bool) move {
	late := left < stopBefore
	m := leave(g, node, failed, !late)
	moves := m.How == Live || m.How == Cold
	why := m.Stays
	switch {
	case moves && !room:
		why = "no other compute node takes guests"
	case moves && late:
		why = "there was no time to move it"
	case moves, m.Stays == "":
		return m
	}
	stopFailed, tried := failed[Stop]
	switch {
	case g.Status == "SHUTOFF":
		return move{Guest: g, Stays: "it is shut down: " + why}
	case g.Status != "ACTIVE":
		return move{Guest: g, Stays: why}
	case tried:
		return move{Guest: g, Stays: why + "; its shutdown failed: " + stopFailed}
	}
	return move{Guest: g, How: Stop}
}

// turns bounds how many guests move at a time. What runs has precedence over what is shut off.
type turns struct {
	mu      sync.Mutex
	free    int
	has     map[string]bool // those that move, by ID
	running map[string]bool // those that run and have not had their turn
	hurried map[string]bool
}

func newTurns(atOnce int, guests []Guest) *turns {
	t := &turns{free: atOnce, has: map[string]bool{}, running: map[string]bool{}, hurried: map[string]bool{}}
	for _, g := range guests {
		t.running[g.ID] = g.Status == "ACTIVE" || g.Status == "PAUSED"
		if g.Task == "migrating" || strings.HasPrefix(g.Task, "resize_") { // by an earlier run
			t.has[g.ID], t.running[g.ID] = true, false
			t.free--
		}
	}
	return t
}

// next lets a guest move once it is its turn, and completes a live migration while there is time for that: Nova then
// pauses the guest, so that it changes nothing that has been copied (Compute API, "Force Migration Complete Action").
func (t *turns) next(m move, left time.Duration) move {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := m.Guest.ID
	switch {
	case m.How == Live || m.How == Cold:
		if !t.take(id) {
			return move{Guest: m.Guest, Wait: "its turn"}
		}
	case m.Wait != "" && m.Guest.Task == "migrating" && left < stopBefore && !t.hurried[id]:
		t.hurried[id] = true
		return move{Guest: m.Guest, How: Hurry}
	case m.Wait == "" && m.How != Confirm:
		t.end(id)
	}
	return m
}

func (t *turns) take(id string) bool {
	if t.has[id] {
		return true
	}
	if t.free <= 0 || !t.running[id] && t.anyRunning() {
		return false
	}
	t.free--
	t.has[id], t.running[id] = true, false
	return true
}

func (t *turns) anyRunning() bool {
	for _, waits := range t.running {
		if waits {
			return true
		}
	}
	return false
}

func (t *turns) end(id string) {
	t.running[id] = false
	if t.has[id] {
		t.free++
		t.has[id] = false
	}
}
