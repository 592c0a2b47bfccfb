// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
)

// Owners returns what has the addresses of the external network, by name: "router edge", "server web-1",
// "project demo". The keys are the IDs of routers, floating IPs and ports. What has no name is missing. It asks
// Nova and Keystone too; if one of them does not answer, or refuses, the error says so, and the other names are
// there nevertheless.
func (p Provider) Owners(ctx context.Context) (map[string]string, error) {
	return p.owners(ctx,
		func(ctx context.Context) (map[string]string, error) { return p.Client.servers(ctx, "") }, p.Client.projects)
}

// OwnersInNeutron returns those names that Neutron has itself, for a user without a role in other services.
func (p Provider) OwnersInNeutron(ctx context.Context) (map[string]string, error) {
	none := func(context.Context) (map[string]string, error) { return nil, nil }
	return p.owners(ctx, none, none)
}

func (p Provider) owners(
	ctx context.Context, listServers, listProjects func(context.Context) (map[string]string, error),
) (map[string]string, error) {
	var s snapshot
	var routers, ports, servers, projects map[string]string
	var guests map[string]associatedPort
	var errs [5]error
	var all sync.WaitGroup
	all.Go(func() {
		if s, errs[0] = p.snapshot(ctx); errs[0] != nil {
			return
		}
		ports, errs[1] = p.portNames(ctx, s.network)
		var err error
		guests, err = p.guestPorts(ctx, associated(s.floating))
		errs[1] = errors.Join(errs[1], err)
	})
	all.Go(func() { routers, errs[2] = p.Client.routers(ctx) })
	all.Go(func() { servers, errs[3] = listServers(ctx) })
	all.Go(func() { projects, errs[4] = listProjects(ctx) })
	all.Wait()

	owners := make(map[string]string)
	// note takes the first of the names that is known.
	note := func(id string, names ...string) {
		for i := 0; i+1 < len(names); i += 2 {
			if names[i+1] != "" {
				owners[id] = names[i] + " " + names[i+1]
				return
			}
		}
	}
	for _, port := range s.ports {
		if port.Owner == ownerGateway {
			note(port.Device, "router", routers[port.Device])
			continue
		}
		note(port.ID, "server", servers[port.Device], "port", ports[port.ID], "project", projects[port.project()])
	}
	for _, f := range s.floating {
		guest := guests[f.Port]
		note(f.ID, "server", servers[guest.Device], "port", guest.Name, "router", routers[f.Router],
			"project", projects[f.Project])
	}
	return owners, errors.Join(errs[:]...)
}

// routers returns the names of routers by ID.
func (c *Client) routers(ctx context.Context) (map[string]string, error) {
	return c.names(ctx, "routers", url.Values{})
}

// portNames returns the names of a network's ports by ID.
func (p Provider) portNames(ctx context.Context, network string) (map[string]string, error) {
	return p.Client.names(ctx, "ports", url.Values{"network_id": {network}})
}

// names returns the names of a collection's elements by ID.
func (c *Client) names(ctx context.Context, collection string, query url.Values) (map[string]string, error) {
	type named struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	names := make(map[string]string)
	err := list(ctx, c.api, collection, query, func(n named) error {
		names[n.ID] = n.Name
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", collection, err)
	}
	return names, nil
}

// associatedPort is a port that a floating IP is associated with.
type associatedPort struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Device string `json:"device_id"`
}

// guestPorts returns the ports whose IDs are the keys of a map, by ID.
func (p Provider) guestPorts(ctx context.Context, of map[string]string) (map[string]associatedPort, error) {
	ports := make(map[string]associatedPort)
	err := listPorts(ctx, p.Client, of, func(g associatedPort) error {
		if _, ok := of[g.ID]; ok {
			ports[g.ID] = g
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the ports of guests: %w", err)
	}
	return ports, nil
}
