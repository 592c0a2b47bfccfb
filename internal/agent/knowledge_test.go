// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"macaw.example/internal/neutron"
	"macaw.example/internal/ovn"
)

// knowledge is what a process has been told of where routers are. Whatever is old or wrong in it is not the agent's
// fault; to act against it is.
type knowledge struct {
	mu        sync.Mutex
	said      bindings  // by OVN; what it said last counts until there is something newer
	next      bindings  // likewise, with routers where they are about to be
	heardAt   time.Time // when it said so
	lostAt    time.Time // when the connection was lost; zero: it lives
	neutron   bindings  // by Neutron, if asked since then
	neutronAt time.Time // when that was answered
	ports     map[netip.Addr]string
}

func (k *knowledge) heard(s ovn.Southbound) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.said
	if k.neutron != nil {
		before = nil
	}
	k.said, k.heardAt, k.lostAt, k.neutron = bindingsOf(s, before), time.Now(), time.Time{}, nil
	k.next = nextOf(s, k.said)
}

func (k *knowledge) lost() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lostAt.IsZero() {
		k.lostAt = time.Now()
	}
}

func (k *knowledge) answered(all []neutron.Address, asked time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ports = gatewayPorts(all)
	if k.lostAt.IsZero() || !asked.After(k.lostAt) {
		return
	}
	k.neutron, k.neutronAt = bindings{}, time.Now()
	for _, a := range all {
		if a.Kind == neutron.KindRouter {
			k.neutron[a.ID] = a.Host
		}
	}
}

// elsewhere is the node that an address is on by all that is known since before now; empty: it is on this node, or
// nothing is known.
func (k *knowledge) elsewhere(a netip.Addr, node string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	says, since := k.next, k.heardAt
	if k.neutron != nil {
		says, since = k.neutron, k.neutronAt
	}
	host := says[k.ports[a]]
	if host == node || !since.Before(time.Now()) {
		return ""
	}
	return host
}

// checkKnown notes a call that takes addresses from another interface against what the process knows.
func (p *process) checkKnown(form url.Values) {
	if form.Get("Action") != "AssignPrivateIpAddresses" || form.Get("AllowReassignment") != "true" {
		return
	}
	p.world.watch.claim()
	var wrong []string
	for name := range form {
		if !strings.HasPrefix(name, "PrivateIpAddress.") {
			continue
		}
		a := parse(form.Get(name))
		if host := p.knows.elsewhere(a, p.name); host != "" {
			wrong = append(wrong, a.String()+", which is on "+host)
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		w := p.world.watch
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fault("%s knows better and takes %s", p.name, strings.Join(wrong, "; "))
	}
}
