// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/portforwarding"

	"macaw.example/internal/hint"
)

// RemovedForward is the result of RemoveForward.
type RemovedForward struct {
	Forward  *Forward     `json:"forward"`  // nil: an earlier run had removed it
	Released []netip.Addr `json:"released"` // floating IPs that were made for forwards and carry none now
}

// RemoveForward removes the port forwarding with these external ports and protocol, "tcp" or "udp".
// If there are several, on selects one by its floating IP or public address. A floating IP that was
// made for forwards is removed with its last one, and so are the remains of a killed run. It is an
// error if there is nothing to remove.
func (p Provider) RemoveForward(ctx context.Context, external PortRange, protocol string,
	on netip.Addr) (RemovedForward, error) {
	removed := RemovedForward{Released: []netip.Addr{}}
	network, err := p.Client.external(ctx, p.Network)
	if err != nil {
		return removed, err
	}
	carriers, err := p.carriers(ctx, network.ID)
	if err != nil {
		return removed, err
	}
	var found []Forward
	for _, c := range carriers {
		if on.IsValid() && !c.has(on) {
			continue
		}
		for _, f := range c.forwards {
			if f.External == external && f.Protocol == protocol {
				found = append(found, f)
			}
		}
	}
	if len(found) > 1 {
		var where []string
		for _, f := range found {
			where = append(where, f.Addr.String())
		}
		return removed, hint.With(fmt.Errorf("port %s/%s is forwarded on several floating IPs: %s", external, protocol,
			strings.Join(where, ", ")),
			"say which by --floating-ip")
	}
	if len(found) == 1 {
		if err := p.name(ctx, found); err != nil {
			return removed, err
		}
		f := found[0]
		err := portforwarding.Delete(ctx, p.Client.api, f.FloatingID, f.ID).ExtractErr()
		if err != nil && !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			return removed, fmt.Errorf("removing the forwarding of %s: %w", f, neutronMessage(err))
		}
		removed.Forward = &f
		i := slices.IndexFunc(carriers, func(c carrier) bool { return c.ID == f.FloatingID })
		if c := &carriers[i]; len(c.forwards) == 1 {
			c.forwards, c.Router = nil, "" // Neutron detaches it from the router
		}
	}
	// Neutron refuses to delete one that has got forwards since.
	for _, c := range carriers {
		if !c.ours() || !c.idle() || on.IsValid() && !c.has(on) {
			continue
		}
		err := floatingips.Delete(ctx, p.Client.api, c.ID).ExtractErr()
		if err != nil && !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			return removed, fmt.Errorf("releasing floating IP %s: %w", c.addr, neutronMessage(err))
		}
		removed.Released = append(removed.Released, c.addr)
	}
	if removed.Forward == nil && len(removed.Released) == 0 {
		return removed, hint.With(fmt.Errorf("port %s/%s is not forwarded", external, protocol),
			"macaw forward list shows all")
	}
	return removed, nil
}
