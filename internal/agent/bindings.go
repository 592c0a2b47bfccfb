// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"macaw.example/internal/neutron"
	"macaw.example/internal/ovn"
)

// bindings is where OVN has routers' gateways, by the ID of the gateway port: the name of the node. Neutron
// says the same a second later (binding:host_id follows Port_Binding), which is too late when a gateway fails.
// nil: it is not known, and Neutron's word counts.
type bindings map[string]string

// bindingsOf are those of gateways that some node has, or had: while a router moves, OVN has it nowhere for a
// moment, and Neutron's word would put it back.
func bindingsOf(s ovn.Southbound, before bindings) bindings {
	all := make(bindings)
	for _, g := range s.Gateways {
		host := g.Active
		if host == "" {
			host = before[g.Port]
		}
		if host != "" {
			all[g.Port] = host
		}
	}
	return all
}

// gatewaysHere is where this node's addresses are by OVN's last word, for goroutines other than the loop. When the
// connection is lost that word counts until Neutron's is newer: the last answer of Neutron may be from before a router
// moved.
type gatewaysHere struct {
	mu    sync.Mutex
	node  string
	bound bindings
	lost  bool                  // the connection to OVN
	ports map[netip.Addr]string // the gateway port of each address; those that follow none are absent
}

// set notes Neutron's last answer.
func (g *gatewaysHere) set(addresses []neutron.Address) {
	ports := gatewayPorts(addresses)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ports = ports
}

// hear notes what OVN says, before the loop does.
func (g *gatewaysHere) hear(b bindings) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bound, g.lost = b, false
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
	host, ok := g.bound[g.ports[a]]
	return !ok || host == g.node
}

// gatewayPorts has the ID of the gateway port that each address is at. A floating IP with the MAC of its router's
// gateway is where that is; a distributed one has another, and is absent.
func gatewayPorts(addresses []neutron.Address) map[netip.Addr]string {
	gateways := make(map[string]neutron.Address) // by router
	for _, a := range addresses {
		if a.Kind == neutron.KindRouter {
			gateways[a.Router] = a
		}
	}
	ports := make(map[netip.Addr]string)
	for _, a := range addresses {
		gateway, ok := gateways[a.Router]
		if ok && a.Kind != neutron.KindPort && a.MAC.String() == gateway.MAC.String() {
			ports[a.Addr] = gateway.ID
		}
	}
	return ports
}

// place returns Neutron's addresses with the nodes on which OVN has them.
func (b bindings) place(addresses []neutron.Address) []neutron.Address {
	if len(b) == 0 {
		return addresses
	}
	ports := gatewayPorts(addresses)
	placed := slices.Clone(addresses)
	for i, a := range placed {
		if host, ok := b[ports[a.Addr]]; ok {
			placed[i].Host = host
		}
	}
	return placed
}

// unknown tells whether this node has a gateway that is not among Neutron's addresses.
func (b bindings) unknown(node string, addresses []neutron.Address) bool {
	known := make(map[string]bool)
	for _, a := range addresses {
		known[a.ID] = true
	}
	for port, host := range b {
		if host == node && !known[port] {
			return true
		}
	}
	return false
}

// watchBindings puts what OVN says into the mailbox until ctx is done.
func (a *agent) watchBindings(ctx context.Context) {
	failed := ""
	for ctx.Err() == nil {
		began, last := time.Now(), a.here.word()
		err := a.watchOVN(ctx, func(s ovn.Southbound) {
			last = bindingsOf(s, last)
			a.here.hear(last)
			a.bindings.put(last)
		})
		if ctx.Err() != nil {
			return
		}
		a.here.lose()
		a.bindings.put(nil)
		if time.Since(began) > a.time.retry {
			failed = ""
		}
		if text := err.Error(); text != failed { // once, not every second
			failed = text
			a.log.Warn("OVN's southbound database does not say where routers are; relying on Neutron", "error", err)
		}
		sleep(ctx, a.time.retry)
	}
}

// watchTunnels keeps the nodes whose tunnels are up until ctx is done.
func (a *agent) watchTunnels(ctx context.Context) {
	for ctx.Err() == nil {
		_ = a.watchOVS(ctx, func(up []string) { a.health.tunnels.Store(&up) }) // Open vSwitch comes later, and restarts
		a.health.tunnels.Store(nil)
		sleep(ctx, a.time.retry)
	}
}

// watchSwitch is the watch of this node's Open vSwitch.
func watchSwitch(ctx context.Context, changed func(up []string)) error {
	return ovn.WatchTunnels(ctx, ovn.Remote{Endpoint: ovn.SwitchSocket}, changed)
}

// watchSouthbound returns the watch of OVN's southbound database; nil: there is no other gateway, and Neutron's word is
// enough.
func watchSouthbound(c Config) func(context.Context, func(ovn.Southbound)) error {
	if c.Southbound == nil {
		return nil
	}
	remote := ovn.Remote(*c.Southbound)
	return func(ctx context.Context, changed func(ovn.Southbound)) error {
		return ovn.WatchGateways(ctx, remote, changed)
	}
}
