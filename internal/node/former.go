// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"

	"macaw.example/internal/hint"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// stepFormer is the step that forgets nodes that the cloud no longer has. It compares what the cloud's
// services know with the spec, so it also completes what an earlier run has begun.
const stepFormer = "former nodes"

// servicesVersion is Nova's microversion since which a service is changed by its ID.
const servicesVersion = "2.53"

// knownHosts are the names of nodes that a cloud's services know.
type knownHosts struct {
	services []computeservices.Service
	agents   []agents.Agent
	chassis  []string
}

// planFormer returns the names of the nodes that the spec does not have, and the services that take no guests
// because macaw was about to remove their nodes, which the spec has.
func planFormer(s nodeapi.OpenStack, seen knownHosts) (former []string, closed []computeservices.Service) {
	all := slices.Clone(seen.chassis)
	for _, a := range seen.agents {
		all = append(all, a.Host)
	}
	for _, svc := range seen.services {
		all = append(all, svc.Host)
		if svc.DisabledReason == nodeapi.RemovalReason && stays(s, svc.Host) {
			closed = append(closed, svc)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "" || stays(s, name) }), closed
}

// stays reports whether the cloud has a node. A cloud of one node has no list of them.
func stays(s nodeapi.OpenStack, name string) bool {
	return name == s.Node || slices.ContainsFunc(s.Nodes, func(p nodeapi.Peer) bool { return p.Name == name })
}

// knowsItself returns an error if Nova knows other nodes only, and not this one, whose conductor reports to it.
// The host name of a node may have been changed by hand: then nothing is known of the others either.
func knowsItself(s nodeapi.OpenStack, seen knownHosts, former []string) error {
	ours := slices.ContainsFunc(seen.services, func(svc computeservices.Service) bool { return svc.Host == s.Node })
	if ours || len(former) == 0 {
		return nil
	}
	return hint.With(fmt.Errorf("the cloud's services know %s, and not this node by its name %s",
		strings.Join(former, ", "), s.Node), "hostname shows this node's; nothing was removed")
}

// forgetFormer removes nodes that the cloud no longer has from its services. It goes on with the others if one
// cannot be removed.
func (n *node) forgetFormer(c *client) func(context.Context) error {
	return func(ctx context.Context) error {
		seen, err := n.seeKnown(ctx, c)
		if err != nil {
			return err
		}
		former, closed := planFormer(n.spec, seen)
		if len(former)+len(closed) == 0 {
			return errNothingToDo
		}
		if err := knowsItself(n.spec, seen, former); err != nil {
			return err
		}
		errs := []error{reopen(ctx, c, closed)}
		for _, name := range former {
			err := n.forgetOne(ctx, c, name)
			if err != nil {
				err = fmt.Errorf("node %s is not in the cloud file any more, and the cloud's services have it still: %w", name, err)
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
}

func (n *node) forgetOne(ctx context.Context, c *client, name string) error {
	if !nodeapi.ValidName(name) { // it becomes part of an SQL statement
		return fmt.Errorf("%q is no name of a node that macaw has made", name)
	}
	return n.forget(ctx, c, name, false, func(what string) {
		if n.note != nil {
			n.note(stepFormer, name+": removed "+what)
		}
	})
}

// reopen lets nodes take guests.
func reopen(ctx context.Context, c *client, closed []computeservices.Service) error {
	if len(closed) == 0 {
		return nil
	}
	api, err := c.open(ctx, neutron.Compute)
	if err != nil {
		return err
	}
	api.Microversion = servicesVersion
	for _, s := range closed {
		o := computeservices.UpdateOpts{Status: computeservices.ServiceEnabled}
		if _, err := computeservices.Update(ctx, api, s.ID, o).Extract(); err != nil {
			return fmt.Errorf("letting node %s take guests again, which the cloud file has again: %w", s.Host, err)
		}
	}
	return nil
}

func (n *node) seeKnown(ctx context.Context, c *client) (seen knownHosts, err error) {
	api, err := c.open(ctx, neutron.Compute)
	if err != nil {
		return seen, err
	}
	api.Microversion = servicesVersion
	pages, err := computeservices.List(api, nil).AllPages(ctx)
	if err != nil {
		return seen, fmt.Errorf("listing Nova's services: %w", err)
	}
	if seen.services, err = computeservices.ExtractServices(pages); err != nil {
		return seen, fmt.Errorf("listing Nova's services: %w", err)
	}
	if seen.agents, err = listAgents(ctx, c, agents.ListOpts{}); err != nil {
		return seen, err
	}
	out, err := n.run(ctx, command{Args: []string{
		"ovn-sbctl", "--timeout=30", "--bare", "--columns=name", "list", "Chassis",
	}})
	if err != nil {
		return seen, fmt.Errorf("listing OVN's chassis: %w", err)
	}
	seen.chassis = strings.Fields(out)
	return seen, nil
}
