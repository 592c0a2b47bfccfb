// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"macaw.example/internal/neutron"
	"macaw.example/internal/ovn"
	"macaw.example/internal/supervise"
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

// nextOf is where the addresses of gateways are to be registered: where OVN has a gateway, or is about to move it.
func nextOf(s ovn.Southbound, now bindings) bindings {
	all := maps.Clone(now)
	for _, g := range s.Gateways {
		if g.Next != "" {
			all[g.Port] = g.Next
		}
	}
	return all
}

// placement is what OVN says of routers' gateways.
type placement struct {
	now  bindings // where frames go
	next bindings // where AWS is to have the addresses
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
	supervise.Run(ctx, a.time.retry, func() error {
		last := placement{now: a.word.bindings()}
		err := a.watchOVN(ctx, func(s ovn.Southbound) {
			last.now = bindingsOf(s, last.now)
			last.next = nextOf(s, last.now)
			a.word.hear(last.next)
			a.bindings.put(last)
		})
		if ctx.Err() == nil {
			a.word.lose()
			a.bindings.put(placement{})
		}
		return err
	}, func(err error) {
		a.log.Warn("OVN's southbound database does not say where routers are; relying on Neutron", "error", err)
	})
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
