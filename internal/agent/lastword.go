// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"maps"
	"net/netip"
	"sync"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
)

// lastWord is the newest of what OVN and Neutron say about where addresses belong, and whether AWS has those of this
// node here, for goroutines other than the loop. When the connection to OVN is lost its word counts until Neutron's is
// newer: the last answer of Neutron may be from before a router moved.
type lastWord struct {
	mu         sync.Mutex
	cfg        Config
	bound      bindings
	lost       bool                  // the connection to OVN
	ports      map[netip.Addr]string // the gateway port of each address; those that follow none are absent
	neutron    map[netip.Addr]bool   // whether an address is here by Neutron's last answer
	registered map[netip.Addr]bool   // addresses that AWS has here
	changed    chan struct{}         // closed when registered or ports have changed
}

func newLastWord(cfg Config) *lastWord {
	return &lastWord{cfg: cfg, registered: make(map[netip.Addr]bool), changed: make(chan struct{})}
}

// answered notes Neutron's last answer. One that is newer than the loss of the connection to OVN ends OVN's word,
// unless the connection is there again.
func (w *lastWord) answered(addresses []neutron.Address, newer bool) {
	ports, here := gatewayPorts(addresses), make(map[netip.Addr]bool)
	for _, a := range addresses {
		here[a.Addr] = w.cfg.here(a)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ports, w.neutron = ports, here
	if newer && w.lost {
		w.bound = nil
	}
	w.wake()
}

// hear notes what OVN says, before the loop does.
func (w *lastWord) hear(b bindings) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bound, w.lost = b, false
	// What was here need not be when the router comes again.
	maps.DeleteFunc(w.registered, func(a netip.Addr, _ bool) bool { return !w.isHere(a) })
}

// lose notes that OVN says nothing more.
func (w *lastWord) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = true
}

// bindings is what OVN has said last, nil if that does not count any more.
func (w *lastWord) bindings() bindings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bound
}

// still tells whether an address that was this node's still is. Of one that nobody has spoken of it is.
func (w *lastWord) still(a netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.isHere(a)
}

func (w *lastWord) isHere(a netip.Addr) bool {
	if host, ok := w.bound[w.ports[a]]; ok {
		return host == w.cfg.Node
	}
	here, ok := w.neutron[a]
	return here || !ok
}

// shown notes the addresses that AWS has here, with their interfaces: it shows them, or has acknowledged them.
func (w *lastWord) shown(registered map[netip.Addr]model.MAC) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.registered = make(map[netip.Addr]bool)
	for a := range registered {
		w.registered[a] = w.isHere(a)
	}
	w.wake()
}

func (w *lastWord) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// ready tells whether a gateway is to be on this node, and AWS has all of its addresses here.
func (w *lastWord) ready(port string) (ready bool, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ready = w.bound[port] == w.cfg.Node
	some := false
	for a, p := range w.ports {
		if p == port {
			some, ready = true, ready && w.registered[a]
		}
	}
	return ready && some, w.changed
}

// await waits until a gateway is ready on this node.
func (w *lastWord) await(ctx context.Context, port string) error {
	for {
		ready, changed := w.ready(port)
		if ready {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}
