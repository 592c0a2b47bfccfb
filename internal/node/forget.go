// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/allocations"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"

	"macaw.example/internal/execute"
	"macaw.example/internal/hint"
	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// Forget removes another node from the cloud's services, on the controller: from Nova and Placement, Neutron
// and OVN. The node's own services must not run any more, or they register again. It refuses while guests
// are on the node, and with check it does no more than that. It reports what it has removed, may be killed
// and run again, and removes nothing the second time.
func Forget(ctx context.Context, spec nodeapi.OpenStack, name string, check bool, report func(what string)) error {
	switch {
	case !spec.Has(model.Controller):
		return fmt.Errorf("forgetting node %s: this node, %s, is not the controller", name, spec.Node)
	case name == spec.Node:
		return fmt.Errorf("forgetting node %s: it is this node", name)
	case !nodeapi.ValidName(name):
		return fmt.Errorf("forgetting a node: %q is no name of a node", name)
	}
	held, err := lock(ctx, lockPath, nil)
	if err != nil {
		return err
	}
	defer held.Close()
	sec, err := makeSecrets("/")
	if err != nil {
		return err
	}
	n := &node{spec: spec, root: "/", run: execute.On(held), secrets: sec}
	if err := n.forget(ctx, newClient(spec, func() string { return sec.Admin }), name, check, report); err != nil {
		return fmt.Errorf("forgetting node %s: %w", name, err)
	}
	return nil
}

func (n *node) forget(ctx context.Context, c *client, name string, check bool, report func(what string)) error {
	if err := noGuests(ctx, c, name); err != nil || check {
		return err
	}
	for _, remove := range []func(context.Context, *client, string, func(string)) error{
		// OVN first: until then a dead chassis may keep its routers.
		n.forgetChassis, forgetAgents, n.endMigrations, forgetCompute, forgetProvider, n.forgetMapping,
	} {
		if err := remove(ctx, c, name, report); err != nil {
			return err
		}
	}
	return nil
}

// noGuests returns an error that names the guests on a node, if there are any.
func noGuests(ctx context.Context, c *client, name string) error {
	api, err := c.open(ctx, neutron.Compute)
	if err != nil {
		return err
	}
	pages, err := servers.List(api, servers.ListOpts{Host: name, AllTenants: true}).AllPages(ctx)
	if err != nil {
		return fmt.Errorf("listing its guests: %w", err)
	}
	guests, err := servers.ExtractServers(pages)
	if err != nil {
		return fmt.Errorf("listing its guests: %w", err)
	}
	if len(guests) == 0 {
		return nil
	}
	var names []string
	for _, g := range guests {
		names = append(names, fmt.Sprintf("%s (%s, %s)", g.Name, g.ID, g.Status))
	}
	return hint.With(fmt.Errorf("guests are on it: %s", strings.Join(names, ", ")),
		"macaw node drain FILE %[1]s moves them; macaw node evacuate FILE %[1]s makes them again on other nodes if "+
			"this one is gone; or delete them", name)
}

// endMigrations ends the records of migrations that the node can end no more: it was destroyed, or died, before
// it had removed what had moved away. Nova has no request for that, and forgets no node with such records
// (nova/db/main/api.py, migration_get_in_progress_by_host_and_node, has the statuses). A migration that waits
// for its confirmation is its guest's, which would be stuck without it.
func (n *node) endMigrations(ctx context.Context, _ *client, name string, report func(string)) error {
	ended, err := query(ctx, n.run, fmt.Sprintf(`
UPDATE nova.migrations SET status = 'error', updated_at = UTC_TIMESTAMP()
WHERE deleted = 0 AND (source_compute = '%[1]s' OR dest_compute = '%[1]s') AND status NOT IN
('accepted', 'confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done',
 'finished', 'confirming', 'reverting');
SELECT ROW_COUNT();`, name))
	if err != nil {
		return fmt.Errorf("ending its migrations in Nova: %w", err)
	}
	if count := strings.TrimSpace(ended); count != "0" {
		report(count + " unfinished migrations")
	}
	return nil
}

// forgetCompute removes the node from Nova, which removes it from its cell and from Placement as well, and
// refuses while a guest is being migrated (nova/api/openstack/compute/services.py, delete).
func forgetCompute(ctx context.Context, c *client, name string, report func(string)) error {
	api, err := c.open(ctx, neutron.Compute)
	if err != nil {
		return err
	}
	pages, err := computeservices.List(api, computeservices.ListOpts{Host: name}).AllPages(ctx)
	if err != nil {
		return fmt.Errorf("listing its services in Nova: %w", err)
	}
	seen, err := computeservices.ExtractServices(pages)
	if err != nil {
		return fmt.Errorf("listing its services in Nova: %w", err)
	}
	for _, s := range seen {
		if err := ignoreAbsent(computeservices.Delete(ctx, api, s.ID).ExtractErr()); err != nil {
			return fmt.Errorf("removing %s from Nova: %w", s.Binary, err)
		}
		report("Nova's service " + s.Binary)
	}
	return nil
}

// forgetProvider removes what Nova has left in Placement: it does not fail if Placement does not answer.
func forgetProvider(ctx context.Context, c *client, name string, report func(string)) error {
	api, err := c.open(ctx, neutron.Placement)
	if err != nil {
		return err
	}
	seen, err := listProviders(ctx, c)
	if err != nil {
		return err
	}
	for _, p := range seen {
		if p.Name != name {
			continue
		}
		if err := freeProvider(ctx, c, api, p.UUID); err != nil {
			return err
		}
		if err := ignoreAbsent(resourceproviders.Delete(ctx, api, p.UUID).ExtractErr()); err != nil {
			return fmt.Errorf("removing its provider from Placement: %w", err)
		}
		report("Placement's provider " + p.UUID)
	}
	return nil
}

// freeProvider removes what unfinished migrations have allocated, as consumers of their own. What a guest has
// stays.
func freeProvider(ctx context.Context, c *client, api *gophercloud.ServiceClient, id string) error {
	const task = "freeing its provider in Placement: %w"
	seen, err := resourceproviders.GetAllocations(ctx, api, id).Extract()
	if ignoreAbsent(err) != nil || seen == nil {
		return ignoreAbsent(err)
	}
	compute, err := c.open(ctx, neutron.Compute)
	if err != nil {
		return err
	}
	for consumer := range seen.Allocations {
		switch err := servers.Get(ctx, compute, consumer).Err; {
		case err == nil:
			continue
		case ignoreAbsent(err) != nil:
			return fmt.Errorf(task, err)
		}
		if err := ignoreAbsent(allocations.Delete(ctx, api, consumer).ExtractErr()); err != nil {
			return fmt.Errorf(task, err)
		}
	}
	return nil
}

// forgetMapping removes the node from Nova's cell, where Macaw puts it before it has a service.
func (n *node) forgetMapping(ctx context.Context, _ *client, name string, report func(string)) error {
	removed, err := query(ctx, n.run, fmt.Sprintf(
		"DELETE FROM nova_api.host_mappings WHERE host = '%s';\nSELECT ROW_COUNT();\n", name))
	if err != nil {
		return fmt.Errorf("removing it from Nova's cell: %w", err)
	}
	if strings.TrimSpace(removed) != "0" {
		report("Nova's mapping to a cell")
	}
	return nil
}

// forgetAgents removes the node's agents from Neutron, which removes its chassis from OVN with the first
// (neutron/plugins/ml2/drivers/ovn/mech_driver/mech_driver.py, delete_agent).
func forgetAgents(ctx context.Context, c *client, name string, report func(string)) error {
	api, err := c.open(ctx, neutron.Network)
	if err != nil {
		return err
	}
	seen, err := listAgents(ctx, c, agents.ListOpts{Host: name})
	if err != nil {
		return err
	}
	for _, a := range seen {
		if err := ignoreAbsent(agents.Delete(ctx, api, a.ID).ExtractErr()); err != nil {
			return fmt.Errorf("removing %s from Neutron: %w", a.Binary, err)
		}
		report("Neutron's agent " + a.Binary)
	}
	return nil
}

// forgetChassis removes what is left of the node in OVN. A chassis that has died stays there, with its
// tunnels and its claim on routers.
func (n *node) forgetChassis(ctx context.Context, _ *client, name string, report func(string)) error {
	sbctl := func(args ...string) (string, error) {
		return n.run(ctx, command{Args: append([]string{"ovn-sbctl", "--timeout=30"}, args...)})
	}
	for _, table := range []string{"Chassis", "Chassis_Private"} {
		seen, err := sbctl("--bare", "--columns=_uuid", "find", table, "name="+name)
		if err != nil {
			return fmt.Errorf("looking for it in OVN: %w", err)
		}
		for _, id := range strings.Fields(seen) {
			remove := []string{"--if-exists", "destroy", table, id}
			if table == "Chassis" {
				remove = []string{"--if-exists", "chassis-del", name}
			}
			if _, err := sbctl(remove...); err != nil {
				return fmt.Errorf("removing it from OVN's table %s: %w", table, err)
			}
			report("OVN's " + table)
		}
	}
	return nil
}

// ignoreAbsent is for things that somebody else has removed meanwhile.
func ignoreAbsent(err error) error {
	if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		return nil
	}
	return err
}
