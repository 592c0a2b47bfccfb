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

// gatewaysHere is which addresses are to be on this node by OVN's last word, and whether AWS has them here, for
// goroutines other than the loop. When the connection is lost that word counts until Neutron's is newer: the last
// answer of Neutron may be from before a router moved.
type gatewaysHere struct {
	mu         sync.Mutex
	node       string
	bound      bindings
	lost       bool                  // the connection to OVN
	ports      map[netip.Addr]string // the gateway port of each address; those that follow none are absent
	registered map[netip.Addr]bool   // addresses that AWS has here
	changed    chan struct{}         // closed when registered or ports have changed
}

func newGatewaysHere(node string) *gatewaysHere {
	return &gatewaysHere{node: node, registered: make(map[netip.Addr]bool), changed: make(chan struct{})}
}

// set notes Neutron's last answer.
func (g *gatewaysHere) set(addresses []neutron.Address) {
	ports := gatewayPorts(addresses)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ports = ports
	g.wake()
}

// hear notes what OVN says, before the loop does.
func (g *gatewaysHere) hear(b bindings) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bound, g.lost = b, false
	// What was here need not be when the router comes again.
	maps.DeleteFunc(g.registered, func(a netip.Addr, _ bool) bool { return !g.isHere(a) })
}

// lose notes that OVN says nothing more.
func (g *gatewaysHere) lose() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lost = true
}

// forget forgets OVN's last word, unless it is there again.
func (g *gatewaysHere) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lost {
		g.bound = nil
	}
}

// word is what OVN has said last, nil if that does not count any more.
func (g *gatewaysHere) word() bindings {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bound
}

// still tells whether an address of this node is still here, by OVN's last word.
func (g *gatewaysHere) still(a netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.isHere(a)
}

func (g *gatewaysHere) isHere(a netip.Addr) bool {
	host, ok := g.bound[g.ports[a]]
	return !ok || host == g.node
}

// shown notes the addresses that AWS has here, with their interfaces: it shows them, or has acknowledged them.
func (g *gatewaysHere) shown(registered map[netip.Addr]model.MAC) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.registered = make(map[netip.Addr]bool)
	for a := range registered {
		g.registered[a] = g.isHere(a)
	}
	g.wake()
}

func (g *gatewaysHere) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// ready tells whether a gateway is to be on this node, and AWS has all of its addresses here.
func (g *gatewaysHere) ready(port string) (ready bool, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ready = g.bound[port] == g.node
	some := false
	for a, p := range g.ports {
		if p == port {
			some, ready = true, ready && g.registered[a]
		}
	}
	return ready && some, g.changed
}

// await waits until a gateway is ready on this node.
func (g *gatewaysHere) await(ctx context.Context, port string) error {
	for {
		ready, changed := g.ready(port)
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
