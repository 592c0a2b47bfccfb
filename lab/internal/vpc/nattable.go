// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"sync"
	"time"
)

// Limits of a NAT gateway (VPC User Guide, nat-gateway-basics and
// nat-gateway-troubleshooting).
const (
	natPerDestination = 55000 // connections to one address, port and protocol
	natFirstPort      = 1024
	natPorts          = 1<<16 - natFirstPort
	natIdle           = 350 * time.Second
	natMTU            = 8500

	// natMost limits a gateway's table. AWS states no such limit.
	natMost = 1 << 20
	// natSweep is the minimum time between two sweeps.
	natSweep = time.Second
	natTidy  = 30 * time.Second
)

// natTable holds a NAT gateway's connections.
type natTable struct {
	mu           sync.RWMutex
	inside       map[flowKey]*natFlow // by the client's flow
	outside      map[flowKey]*natFlow // by the gateway's own
	destinations map[natDestination]int
	next         int // next port to try, relative to natFirstPort
	swept        time.Duration
	fragments    [2]fragmentCache // by direction
}

type natFlow struct {
	flow
	inside, outside flowKey
}

type natDestination struct {
	remote addr16
	rport  uint16
	proto  uint8
}

func (k *flowKey) destination() natDestination { return natDestination{k.remote, k.rport, k.proto} }

// natTable returns the record's table, which stays with the ENI across topologies.
func (r *record) natTable() *natTable {
	if r.connections == nil {
		r.connections = &natTable{
			inside:       make(map[flowKey]*natFlow),
			outside:      make(map[flowKey]*natFlow),
			destinations: make(map[natDestination]int),
		}
	}
	return r.connections
}

// expired tells whether the connection's idle timeout has passed. AWS documents none for a
// connection closed by both sides; it is that of connection tracking.
func (f *natFlow) expired(now time.Duration) bool {
	idle := natIdle
	if closing(f.state.Load()) {
		idle = idleTCPPartial
	}
	return now-time.Duration(f.seen.Load()) >= idle
}

// ofClient returns the connection of a client's flow, or nil.
func (t *natTable) ofClient(k flowKey, now time.Duration) *natFlow {
	t.mu.RLock()
	f := t.inside[k]
	t.mu.RUnlock()
	if f == nil || f.expired(now) {
		return nil
	}
	return f
}

// ofGateway returns the connection of the gateway's own flow, or nil.
func (t *natTable) ofGateway(k flowKey, now time.Duration) *natFlow {
	t.mu.RLock()
	f := t.outside[k]
	t.mu.RUnlock()
	if f == nil || f.expired(now) {
		return nil
	}
	return f
}

// add makes a connection for a client's flow, from the gateway's address. It returns nil if
// the destination's connection limit is reached.
func (t *natTable) add(k flowKey, gateway addr16, now time.Duration) *natFlow {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.inside[k]; f != nil {
		if !f.expired(now) {
			return f // a concurrent call has added it
		}
		t.remove(f)
	}
	dest := k.destination()
	if t.destinations[dest] >= natPerDestination || len(t.inside) >= natMost {
		t.sweep(now)
		if t.destinations[dest] >= natPerDestination || len(t.inside) >= natMost {
			return nil
		}
	}
	out := k
	out.local = gateway
	for {
		// There is a free port: the limit of connections per destination is below the
		// number of ports.
		out.lport = uint16(natFirstPort + t.next)
		t.next = (t.next + 1) % natPorts
		if t.outside[out] == nil {
			break
		}
	}
	f := &natFlow{inside: k, outside: out}
	f.seen.Store(int64(now))
	t.inside[k], t.outside[out] = f, f
	t.destinations[dest]++
	return f
}

// sweep removes the expired connections, at most once per natSweep. The caller holds the
// lock.
func (t *natTable) sweep(now time.Duration) {
	if since := now - t.swept; since >= 0 && since < natSweep && t.swept != 0 {
		return
	}
	t.swept = now
	for _, f := range t.inside {
		if f.expired(now) {
			t.remove(f)
		}
	}
}

// tidy sweeps from time to time, so that an idle gateway's connections are removed too.
func (t *natTable) tidy(now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if since := now - t.swept; since < 0 || since >= natTidy {
		t.sweep(now)
	}
}

func (t *natTable) remove(f *natFlow) {
	delete(t.inside, f.inside)
	delete(t.outside, f.outside)
	dest := f.inside.destination()
	if t.destinations[dest]--; t.destinations[dest] <= 0 {
		delete(t.destinations, dest)
	}
}

// reuse resets a closed connection whose ports a client uses again.
func (f *natFlow) reuse() { f.state.Store(0) }
