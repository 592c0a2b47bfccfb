// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"fmt"
	"net/url"

	"golang.org/x/sync/errgroup"
)

// Owners returns what has the addresses of the external network, by name: "router edge", "server web-1",
// "project demo". The keys are the IDs of routers, floating IPs and ports. What has no name is missing.
func (p Provider) Owners(ctx context.Context) (map[string]string, error) {
	var s snapshot
	var routers, servers, projects map[string]string
	g, together := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s, err = p.snapshot(together)
		return err
	})
	g.Go(func() (err error) {
		routers, err = p.Client.routers(together)
		return err
	})
	g.Go(func() (err error) {
		servers, err = p.Client.servers(together, "")
		return err
	})
	g.Go(func() (err error) {
		projects, err = p.Client.projects(together)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	guests := associated(s.floating)
	if err := p.devices(ctx, guests); err != nil {
		return nil, err
	}
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
		note(port.ID, "server", servers[port.Device], "project", projects[port.project()])
	}
	for _, f := range s.floating {
		note(f.ID, "server", servers[guests[f.Port]], "router", routers[f.Router], "project", projects[f.Project])
	}
	return owners, nil
}

// routers returns the names of routers by ID.
func (c *Client) routers(ctx context.Context) (map[string]string, error) {
	type router struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	names := make(map[string]string)
	err := list(ctx, c.api, "routers", url.Values{}, func(r router) error {
		names[r.ID] = r.Name
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing routers: %w", err)
	}
	return names, nil
}

// devices sets the devices of ports, whose IDs are the keys.
func (p Provider) devices(ctx context.Context, of map[string]string) error {
	type device struct {
		ID     string `json:"id"`
		Device string `json:"device_id"`
	}
	err := listPorts(ctx, p.Client, of, func(d device) error {
		if _, ok := of[d.ID]; ok {
			of[d.ID] = d.Device
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing the ports of guests: %w", err)
	}
	return nil
}
