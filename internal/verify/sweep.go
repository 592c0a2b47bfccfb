// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/pagination"
)

// projectsOf returns the projects of runs: one, or two after a call that was repeated.
func (s *session) projectsOf(ctx context.Context, name string) ([]projects.Project, error) {
	found, err := list(ctx, projects.List(s.identity, projects.ListOpts{Name: name}), projects.ExtractProjects)
	if err != nil {
		return nil, fmt.Errorf("finding project %s: %w", name, err)
	}
	return found, nil
}

// usersOf returns the users of runs.
func (s *session) usersOf(ctx context.Context, name string) ([]users.User, error) {
	found, err := list(ctx, users.List(s.identity, users.ListOpts{Name: name}), users.ExtractUsers)
	if err != nil {
		return nil, fmt.Errorf("finding user %s: %w", name, err)
	}
	return found, nil
}

// remains reports whether sweep has something to remove.
func (s *session) remains(ctx context.Context, name string) (bool, error) {
	found, err := s.projectsOf(ctx, name)
	if err != nil || len(found) > 0 {
		return err == nil, err
	}
	people, err := s.usersOf(ctx, name)
	return len(people) > 0, err
}

// sweep removes a run's project with everything in it, in the order that Nova and Neutron require.
// A missing project is no error.
func (s *session) sweep(ctx context.Context, name string) error {
	found, err := s.projectsOf(ctx, name)
	if err != nil {
		return err
	}
	for _, p := range found {
		if err := s.empty(ctx, p.ID); err != nil {
			return fmt.Errorf("emptying project %s: %w", name, err)
		}
	}
	// The user goes first: its key pair goes with it, and the next sweep finds the remains by the
	// project.
	people, err := s.usersOf(ctx, name)
	if err != nil {
		return err
	}
	for _, u := range people {
		if err := gone(users.Delete(ctx, s.identity, u.ID).ExtractErr()); err != nil {
			return fmt.Errorf("removing user %s: %w", name, err)
		}
	}
	for _, p := range found {
		if err := gone(projects.Delete(ctx, s.identity, p.ID).ExtractErr()); err != nil {
			return fmt.Errorf("removing project %s: %w", name, err)
		}
	}
	return nil
}

// empty removes everything in a project.
func (s *session) empty(ctx context.Context, project string) error {
	if err := s.removeServers(ctx, project); err != nil {
		return err
	}
	ips, err := list(ctx, floatingips.List(s.network, floatingips.ListOpts{ProjectID: project}),
		floatingips.ExtractFloatingIPs)
	if err != nil {
		return err
	}
	for _, ip := range ips {
		if err := gone(floatingips.Delete(ctx, s.network, ip.ID).ExtractErr()); err != nil {
			return fmt.Errorf("removing floating IP %s: %w", ip.FloatingIP, err)
		}
	}
	rs, err := list(ctx, routers.List(s.network, routers.ListOpts{ProjectID: project}), routers.ExtractRouters)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if err := s.removeRouter(ctx, r); err != nil {
			return err
		}
	}
	ps, err := list(ctx, ports.List(s.network, ports.ListOpts{ProjectID: project}), ports.ExtractPorts)
	if err != nil {
		return err
	}
	for _, p := range ps {
		// Neutron deletes its own ports with their network.
		if p.DeviceOwner != "" && p.DeviceOwner != "compute:nova" {
			continue
		}
		if err := gone(ports.Delete(ctx, s.network, p.ID).ExtractErr()); err != nil {
			return fmt.Errorf("removing port %s: %w", p.ID, err)
		}
	}
	ns, err := list(ctx, networks.List(s.network, networks.ListOpts{ProjectID: project}), networks.ExtractNetworks)
	if err != nil {
		return err
	}
	for _, n := range ns {
		if err := gone(networks.Delete(ctx, s.network, n.ID).ExtractErr()); err != nil {
			return fmt.Errorf("removing network %s: %w", n.Name, err)
		}
	}
	gs, err := list(ctx, groups.List(s.network, groups.ListOpts{ProjectID: project}), groups.ExtractGroups)
	if err != nil {
		return err
	}
	for _, g := range gs {
		// Neutron remakes the default group with the next call that looks for it, and deletes it
		// with the project.
		if err := gone(groups.Delete(ctx, s.network, g.ID).ExtractErr()); err != nil &&
			!gophercloud.ResponseCodeIs(err, http.StatusConflict) {
			return fmt.Errorf("removing security group %s: %w", g.Name, err)
		}
	}
	return nil
}

func (s *session) removeServers(ctx context.Context, project string) error {
	opts := servers.ListOpts{AllTenants: true, TenantID: project}
	all, err := list(ctx, servers.List(s.compute, opts), servers.ExtractServers)
	if err != nil {
		return err
	}
	for _, v := range all {
		if err := gone(servers.Delete(ctx, s.compute, v.ID).ExtractErr()); err != nil {
			return fmt.Errorf("removing guest %s: %w", v.Name, err)
		}
	}
	return poll(ctx, 300*time.Millisecond, func() (bool, error) {
		left, err := list(ctx, servers.List(s.compute, opts), servers.ExtractServers)
		return err == nil && len(left) == 0, err
	})
}

func (s *session) removeRouter(ctx context.Context, r routers.Router) error {
	ps, err := list(ctx, ports.List(s.network, ports.ListOpts{DeviceID: r.ID, DeviceOwner: "network:router_interface"}),
		ports.ExtractPorts)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if _, err := routers.RemoveInterface(ctx, s.network, r.ID,
			routers.RemoveInterfaceOpts{PortID: p.ID}).Extract(); gone(err) != nil {
			return fmt.Errorf("disconnecting router %s: %w", r.Name, err)
		}
	}
	if err := gone(routers.Delete(ctx, s.network, r.ID).ExtractErr()); err != nil {
		return fmt.Errorf("removing router %s: %w", r.Name, err)
	}
	return nil
}

// gone treats "not found" as success.
func gone(err error) error {
	if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// list reads all pages of a listing.
func list[T any](ctx context.Context, pages pagination.Pager, extract func(pagination.Page) ([]T, error)) ([]T, error) {
	page, err := pages.AllPages(ctx)
	if err != nil {
		return nil, err
	}
	return extract(page)
}
