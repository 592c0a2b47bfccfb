// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/migrations"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"

	"macaw.example/internal/neutron"
)

// version is Nova's microversion: the first that says why an action failed. Before 2.95, an evacuated guest
// that was running runs again; since then it stays stopped. (Compute REST API version history)
const version = "2.84"

// client is a cloud's Nova, for its administrator.
type client struct {
	compute, identity *gophercloud.ServiceClient

	mu       sync.Mutex
	projects map[string]string // names by ID, nil before the first use
}

// Open returns the Nova of a cloud whose administrator has logged in.
func Open(s *neutron.Session) (Nova, error) {
	compute, err := s.Open(neutron.Compute)
	if err != nil {
		return nil, err
	}
	identity, err := s.Open(neutron.Identity)
	if err != nil {
		return nil, err
	}
	compute.Microversion = version
	return &client{compute: compute, identity: identity}, nil
}

func (c *client) Services(ctx context.Context) ([]Service, error) {
	pages, err := services.List(c.compute, services.ListOpts{Binary: "nova-compute"}).AllPages(ctx)
	if err != nil {
		return nil, said(err)
	}
	seen, err := services.ExtractServices(pages)
	if err != nil {
		return nil, err
	}
	var all []Service
	for _, s := range seen {
		all = append(all, Service{ID: s.ID, Host: s.Host, Up: s.State == "up", ForcedDown: s.ForcedDown,
			Enabled: s.Status == string(services.ServiceEnabled), Reason: s.DisabledReason, Changed: s.UpdatedAt})
	}
	return all, nil
}

func (c *client) Disable(ctx context.Context, id, reason string) error {
	return c.update(ctx, id, map[string]any{"status": "disabled", "disabled_reason": reason})
}

func (c *client) Enable(ctx context.Context, id string) error {
	return c.update(ctx, id, map[string]any{"status": "enabled"})
}

func (c *client) ForceDown(ctx context.Context, id string, down bool) error {
	return c.update(ctx, id, map[string]any{"forced_down": down})
}

// update changes a service. The library cannot send that one is not forced down.
func (c *client) update(ctx context.Context, id string, body map[string]any) error {
	resp, err := c.compute.Put(ctx, c.compute.ServiceURL("os-services", id), body, nil,
		&gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}})
	_, _, err = gophercloud.ParseResponse(resp, err)
	return said(err)
}

func (c *client) Guests(ctx context.Context, host string) ([]Guest, error) {
	pages, err := servers.List(c.compute, servers.ListOpts{Host: host, AllTenants: true}).AllPages(ctx)
	if err != nil {
		return nil, said(err)
	}
	seen, err := servers.ExtractServers(pages)
	if err != nil {
		return nil, err
	}
	var all []Guest
	for _, s := range seen {
		g, err := c.guest(ctx, s)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	left, err := c.migrations(ctx, migrations.ListOpts{SourceCompute: &host, Status: new(finished)})
	if err != nil {
		return nil, err
	}
	for _, m := range left {
		if slices.ContainsFunc(all, func(g Guest) bool { return g.ID == m.InstanceID }) {
			continue
		}
		g, err := c.Guest(ctx, m.InstanceID)
		if errors.Is(err, ErrNoGuest) {
			continue // Nova keeps the record
		}
		if err != nil {
			return nil, err
		}
		if g.Unconfirmed.From == host {
			all = append(all, g)
		}
	}
	return all, nil
}

func (c *client) Guest(ctx context.Context, id string) (Guest, error) {
	s, err := servers.Get(ctx, c.compute, id).Extract()
	if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		return Guest{}, ErrNoGuest
	}
	if err != nil {
		return Guest{}, said(err)
	}
	return c.guest(ctx, *s)
}

// finished is the status of a cold migration, or a resize, that waits for its confirmation.
const finished = "finished"

// ended are the statuses of evacuations that are not under way (nova/compute/manager.py, rebuild_instance).
var ended = []string{"done", "completed", "failed", "error", "cancelled"}

// over are the statuses of migrations that are not under way; Nova forgets no node with others
// (nova/db/main/api.py, migration_get_in_progress_by_host_and_node).
var over = append([]string{"accepted", "confirmed", "reverted"}, ended...)

func (c *client) Leaving(ctx context.Context, host string) (guests []string, err error) {
	seen, err := c.migrations(ctx, migrations.ListOpts{Host: &host})
	for _, m := range seen {
		if !slices.Contains(over, m.Status) {
			guests = append(guests, m.InstanceID)
		}
	}
	return guests, err
}

func (c *client) guest(ctx context.Context, s servers.Server) (Guest, error) {
	g := Guest{ID: s.ID, Name: s.Name, Host: s.Host, Status: s.Status, State: s.VmState, Task: s.TaskState}
	g.Flavor, _ = s.Flavor["original_name"].(string)
	var err error
	if g.Project, err = c.project(ctx, s.TenantID); err != nil {
		return g, err
	}
	switch {
	case s.Status == "VERIFY_RESIZE":
		seen, err := c.migrations(ctx, migrations.ListOpts{InstanceID: &s.ID, Status: new(finished)})
		if err != nil {
			return g, err
		}
		for _, m := range seen {
			g.Unconfirmed = Unconfirmed{From: m.SourceCompute, Resize: m.MigrationType != "migration"}
		}
	case strings.HasPrefix(s.TaskState, "rebuild"):
		seen, err := c.migrations(ctx, migrations.ListOpts{InstanceID: &s.ID, MigrationType: new("evacuation")})
		if err != nil {
			return g, err
		}
		g.Evacuating = slices.ContainsFunc(
			seen,
			func(m migrations.Migration) bool { return !slices.Contains(ended, m.Status) },
		)
	}
	return g, nil
}

func (c *client) migrations(ctx context.Context, which migrations.ListOpts) ([]migrations.Migration, error) {
	pages, err := migrations.List(c.compute, which).AllPages(ctx)
	if err != nil {
		return nil, said(err)
	}
	return migrations.ExtractMigrations(pages)
}

// project returns a project's name, or its ID if it has been deleted.
func (c *client) project(ctx context.Context, id string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.projects == nil {
		pages, err := projects.List(c.identity, projects.ListOpts{}).AllPages(ctx)
		if err != nil {
			return "", fmt.Errorf("listing the projects: %w", err)
		}
		seen, err := projects.ExtractProjects(pages)
		if err != nil {
			return "", fmt.Errorf("listing the projects: %w", err)
		}
		c.projects = map[string]string{}
		for _, p := range seen {
			c.projects[p.ID] = p.Name
		}
	}
	return cmp.Or(c.projects[id], id), nil
}

// actions are the bodies of requests, from Nova's API reference, "Servers - run an administrative action". The
// library's knows neither a live migration that finds out whether disks are shared, nor an evacuation that
// does. Both ask the scheduler for a host.
var actions = map[How]map[string]any{
	Live:    {"os-migrateLive": map[string]any{"host": nil, "block_migration": "auto"}},
	Cold:    {"migrate": nil},
	Confirm: {"confirmResize": nil},
	Offload: {"shelveOffload": nil},
	Revive:  {"evacuate": map[string]any{}},
	Stop:    {"os-stop": nil},
	Hurry:   {"force_complete": nil}, // of the migration, not of the server
}

func (c *client) Act(ctx context.Context, id string, how How) error {
	path := []string{"servers", id, "action"}
	if how == Hurry {
		under, err := c.underway(ctx, id)
		if err != nil || len(under) == 0 {
			return err
		}
		path = []string{"servers", id, "migrations", strconv.Itoa(under[0].ID), "action"}
	}
	resp, err := c.compute.Post(ctx, c.compute.ServiceURL(path...), actions[how], nil,
		&gophercloud.RequestOpts{OkCodes: []int{http.StatusOK, http.StatusAccepted, http.StatusNoContent}})
	_, _, err = gophercloud.ParseResponse(resp, err)
	if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		return ErrNoGuest
	}
	return said(err)
}

// underwayMigration is a live migration that Nova is carrying out.
type underwayMigration struct {
	ID     int    `json:"id"`
	Memory *int64 `json:"memory_remaining_bytes"`
	Disk   *int64 `json:"disk_remaining_bytes"`
}

func (c *client) underway(ctx context.Context, id string) ([]underwayMigration, error) {
	var answer struct {
		Migrations []underwayMigration `json:"migrations"`
	}
	err := c.get(ctx, &answer, "servers", id, "migrations")
	return answer.Migrations, err
}

func (c *client) Remaining(ctx context.Context, id string) (*Remaining, error) {
	all, err := c.underway(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if m.Memory != nil && m.Disk != nil {
			return &Remaining{Memory: *m.Memory, Disk: *m.Disk}, nil
		}
	}
	return nil, nil
}

func (c *client) Failure(ctx context.Context, id string) (string, error) {
	var all struct {
		Actions []struct {
			Request string `json:"request_id"`
		} `json:"instanceActions"` // the newest first
	}
	if err := c.get(ctx, &all, "servers", id, "os-instance-actions"); err != nil || len(all.Actions) == 0 {
		return "", err
	}
	var last struct {
		Action struct {
			Events []struct {
				Result    string `json:"result"`
				Details   string `json:"details"`
				Traceback string `json:"traceback"`
			} `json:"events"`
		} `json:"instanceAction"`
	}
	if err := c.get(ctx, &last, "servers", id, "os-instance-actions", all.Actions[0].Request); err != nil {
		return "", err
	}
	for _, e := range last.Action.Events {
		if e.Result == "Error" {
			trace := strings.Split(strings.TrimSpace(e.Traceback), "\n")
			return strings.TrimSpace(cmp.Or(e.Details, trace[len(trace)-1])), nil
		}
	}
	return "", nil
}

func (c *client) get(ctx context.Context, into any, path ...string) error {
	resp, err := c.compute.Get(ctx, c.compute.ServiceURL(path...), into, nil)
	_, _, err = gophercloud.ParseResponse(resp, err)
	return said(err)
}

// said returns the text of Nova's refusal. The library's error has the complete request and response around
// it, and an answer of another status is no refusal: it may be repeated.
func said(err error) error {
	refused, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err)
	if !ok || refused.Actual >= http.StatusInternalServerError {
		return err
	}
	var body map[string]struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(refused.Body, &body) != nil {
		return err
	}
	for _, fault := range body {
		if fault.Message != "" {
			return &RefusedError{Message: fault.Message, Status: refused.Actual}
		}
	}
	return err
}
