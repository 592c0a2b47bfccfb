// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"

	"macaw.example/internal/hint"
)

// Neutron refers to guests and projects by ID; their names are in Nova and Keystone.

// servers returns the names of all projects' servers by ID, or of those with a name.
func (c *Client) servers(ctx context.Context, name string) (map[string]string, error) {
	api, err := c.session.Open(Compute)
	if err != nil {
		return nil, fmt.Errorf("finding Nova in the catalog: %w", err)
	}
	options := servers.ListOpts{AllTenants: true}
	if name != "" {
		options.Name = "^" + regexp.QuoteMeta(name) + "$"
	}
	pages, err := servers.ListSimple(api, options).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing servers: %w", err)
	}
	var all []struct{ ID, Name string }
	if err := servers.ExtractServersInto(pages, &all); err != nil {
		return nil, fmt.Errorf("reading servers: %w", err)
	}
	names := make(map[string]string)
	for _, s := range all {
		if name == "" || s.Name == name {
			names[s.ID] = s.Name
		}
	}
	return names, nil
}

// projects returns the names of projects by ID.
func (c *Client) projects(ctx context.Context) (map[string]string, error) {
	api, err := c.session.Open(Identity)
	if err != nil {
		return nil, fmt.Errorf("finding Keystone in the catalog: %w", err)
	}
	pages, err := projects.List(api, nil).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing projects: %w", err)
	}
	all, err := projects.ExtractProjects(pages)
	if err != nil {
		return nil, fmt.Errorf("reading projects: %w", err)
	}
	names := make(map[string]string)
	for _, p := range all {
		names[p.ID] = p.Name
	}
	return names, nil
}

// projectNamed returns the ID of a project given by name or ID.
func projectNamed(all map[string]string, name string) (string, error) {
	if _, ok := all[name]; ok {
		return name, nil
	}
	var found []string
	for id, n := range all {
		if n == name {
			found = append(found, id)
		}
	}
	slices.Sort(found)
	switch len(found) {
	case 0:
		return "", hint.With(fmt.Errorf("there is no project %q", name),
			"openstack project list")
	case 1:
		return found[0], nil
	}
	return "", hint.With(fmt.Errorf("%d projects are named %q", len(found), name),
		"give one of these IDs: %v", found)
}
