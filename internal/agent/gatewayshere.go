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
// goroutines other than the loop.
type gatewaysHere struct {
	mu         sync.Mutex
	node       string
	bound      bindings
	ports      map[netip.Addr]string // the gateway port of each address; those that follow none are absent
	registered map[netip.Addr]bool   // addresses that AWS has here
	changed    chan struct{}         // closed when registered or ports have changed

	// acknowledged are the IDs of the interfaces of addresses that AWS has acknowledged since it was last seen as a
	// whole, and news says that there are some.
	acknowledged map[netip.Addr]string
	news         mailbox[struct{}]
}

func newGatewaysHere(node string) *gatewaysHere {
	return &gatewaysHere{
		node: node, registered: make(map[netip.Addr]bool), changed: make(chan struct{}),
		acknowledged: make(map[netip.Addr]string), news: newMailbox[struct{}](),
	}
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
	g.bound = b
	// What was here need not be when the router comes again.
	maps.DeleteFunc(g.registered, func(a netip.Addr, _ bool) bool { return !g.isHere(a) })
	maps.DeleteFunc(g.acknowledged, func(a netip.Addr, _ string) bool { return !g.isHere(a) })
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

// assigned notes that AWS has acknowledged to have addresses here, on an interface.
func (g *gatewaysHere) assigned(eni string, addrs []netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range addrs {
		g.registered[a], g.acknowledged[a] = g.isHere(a), eni
	}
	g.news.put(struct{}{})
	g.wake()
}

// arrivals are the IDs of the interfaces of addresses that AWS has acknowledged, and not shown yet.
func (g *gatewaysHere) arrivals() map[netip.Addr]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.acknowledged)
}

// shown notes the addresses that AWS shows here, with their interfaces.
func (g *gatewaysHere) shown(registered map[netip.Addr]model.MAC) {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.acknowledged)
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
