// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"

	"macaw.example/internal/hint"
	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// Nodes are made side by side, and each waits for the others' services for as long as their package steps
// may take; see installLimit for a small instance with a slow mirror.
const (
	peersLimit = 40 * time.Minute
	peersEvery = time.Second
	// serviceDown is Nova's service_down_time: after this long without a report a service is down.
	serviceDown = time.Minute
)

// others are the cloud's other nodes that run guests or routers.
func others(s nodeapi.OpenStack) []nodeapi.Peer {
	var with []nodeapi.Peer
	for _, p := range s.Peers(model.Compute, model.Gateway) {
		if p.Name != s.Node {
			with = append(with, p)
		}
	}
	return with
}

// awaiting is what a step waits for, and says so when that changes.
func (n *node) awaiting(
	ctx context.Context, step string, limit time.Duration, ask func(context.Context) []string,
) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %s", limit))
	defer cancel()
	tick := time.NewTicker(peersEvery)
	defer tick.Stop()
	missing := ""
	for {
		now := strings.Join(ask(ctx), "; ")
		switch {
		case now == "":
			return nil
		case missing != "" && ctx.Err() != nil: // it was interrupted, and says nothing new
		case now != missing:
			missing = now
			if n.note != nil {
				n.note(step, "waiting: "+missing)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for other nodes: %w: %s", context.Cause(ctx), missing)
		case <-tick.C:
		}
	}
}

// controllerService is a service of the controller that other nodes use.
type controllerService struct {
	name  string
	port  uint16
	http  bool
	roles []model.Role // of the nodes that use it
}

var controllerServices = []controllerService{
	{"Keystone", nodeapi.KeystonePort, true, []model.Role{model.Compute, model.Gateway}},
	{"OVN's southbound database", nodeapi.SouthboundPort, false, []model.Role{model.Compute, model.Gateway}},
	{"Neutron", nodeapi.NeutronPort, true, []model.Role{model.Compute, model.Gateway}},
	{"Placement", nodeapi.PlacementPort, true, []model.Role{model.Compute}},
	{"Glance", nodeapi.GlancePort, true, []model.Role{model.Compute}},
	{"RabbitMQ", nodeapi.RabbitMQPort, false, []model.Role{model.Compute}},
}

// awaitController waits until the controller's services that this node uses answer.
func (n *node) awaitController(ctx context.Context) error {
	err := n.awaiting(ctx, "controller", peersLimit, func(ctx context.Context) []string {
		for _, s := range controllerServices {
			at := netip.AddrPortFrom(n.spec.Controller, s.port)
			if !slices.ContainsFunc(s.roles, n.spec.Has) {
				continue
			}
			if err := s.answers(ctx, at); err != nil {
				return []string{fmt.Sprintf("%s of the controller does not answer at %s: %v", s.name, at, err)}
			}
		}
		return nil
	})
	if err != nil {
		return hint.With(err, "the rest of this node starts after the controller: look there first")
	}
	return errNothingToDo
}

func (s controllerService) answers(ctx context.Context, at netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if s.http {
		return reason(answers(ctx, at))
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.String())
	if err != nil {
		return reason(err)
	}
	return c.Close()
}

// reason is the cause of an error of a connection, without its addresses: source ports change at each try,
// and what is waited for does not.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// seenPeers are the cloud's other nodes as its services know them.
type seenPeers struct {
	computes  []string // whose nova-compute is up
	forced    []string // whose nova-compute reports, and Nova has it as forced down
	inventory []string // that have registered their inventory with Placement
	chassis   []string // in OVN
	agents    []agents.Agent
}

// awaitPeers waits until Nova, OVN and Neutron have the cloud's other nodes.
func (n *node) awaitPeers(c *client) func(context.Context) error {
	return func(ctx context.Context) error {
		var waiting, forced []string
		err := n.awaiting(ctx, stepPeers, peersLimit, func(ctx context.Context) []string {
			seen, err := n.seePeers(ctx, c)
			if err != nil {
				return []string{err.Error()}
			}
			var missing []string
			missing, waiting = missingPeers(others(n.spec), seen)
			forced = seen.forced
			return missing
		})
		for _, name := range waiting {
			err = hint.With(err, "macaw ssh FILE %s -- sudo journalctl -b -u nova-compute -u ovn-controller "+
				"-u neutron-ovn-metadata-agent", name)
		}
		if err != nil {
			return err
		}
		for _, name := range forced {
			if n.note != nil {
				n.note(stepPeers, name+" works, but Nova has its nova-compute as forced down, as after an evacuation: "+
					"macaw node enable FILE "+name+" gives it guests again")
			}
		}
		return errNothingToDo
	}
}

// stepPeers is the step that waits for the cloud's other nodes.
const stepPeers = "other nodes"

// missingPeers says what is missing of nodes, and which nodes these are.
func missingPeers(peers []nodeapi.Peer, seen seenPeers) (missing, waiting []string) {
	for _, p := range peers {
		var of []string
		if p.Has(model.Compute) {
			if !slices.Contains(seen.computes, p.Name) && !slices.Contains(seen.forced, p.Name) {
				of = append(of, "nova-compute is not up")
			} else if !slices.Contains(seen.inventory, p.Name) {
				of = append(of, "it has not registered its inventory with Placement")
			}
		}
		if !slices.Contains(seen.chassis, p.Name) {
			of = append(of, "it is not in OVN")
		} else {
			of = append(of, missingAgents(p, seen.agents)...)
		}
		if len(of) > 0 {
			missing = append(missing, p.Name+": "+strings.Join(of, ", "))
			waiting = append(waiting, p.Name)
		}
	}
	return missing, waiting
}

// missingAgents says which of Neutron's agents on a node are missing or dead. What Neutron lists as agents
// with OVN are its chassis, and the metadata agents that have registered with them
// (neutron/plugins/ml2/drivers/ovn/agent/neutron_agent.py).
func missingAgents(p nodeapi.Peer, seen []agents.Agent) (missing []string) {
	binaries := []string{"ovn-controller"}
	if p.Has(model.Compute) {
		binaries = append(binaries, "neutron-ovn-metadata-agent")
	}
	for _, binary := range binaries {
		at := slices.IndexFunc(seen, func(a agents.Agent) bool { return a.Host == p.Name && a.Binary == binary })
		switch {
		case at < 0:
			missing = append(missing, "Neutron does not list its "+binary)
		case !seen[at].Alive:
			missing = append(missing, "Neutron calls its "+binary+" dead")
		case binary == "ovn-controller" && p.Has(model.Gateway) && seen[at].AgentType != "OVN Controller Gateway agent":
			missing = append(missing, "Neutron does not know it as a gateway")
		}
	}
	return missing
}

func (n *node) seePeers(ctx context.Context, c *client) (seen seenPeers, err error) {
	compute, err := c.open(ctx, neutron.Compute)
	if err != nil {
		return seen, err
	}
	compute.Microversion = servicesVersion // with forced_down
	pages, err := computeservices.List(compute, computeservices.ListOpts{Binary: "nova-compute"}).AllPages(ctx)
	if err != nil {
		return seen, fmt.Errorf("listing Nova's services: %w", err)
	}
	services, err := computeservices.ExtractServices(pages)
	if err != nil {
		return seen, fmt.Errorf("listing Nova's services: %w", err)
	}
	for _, s := range services {
		switch {
		case s.State == "up":
			seen.computes = append(seen.computes, s.Host)
		case s.ForcedDown && time.Since(s.UpdatedAt) < serviceDown:
			// Nova calls it down until the operator lifts that (nova/servicegroup/drivers/db.py, is_up), though each of
			// its reports changes the record. The record's time is that of Nova's conductor, on this node.
			seen.forced = append(seen.forced, s.Host)
		}
	}
	providers, err := listProviders(ctx, c)
	if err != nil {
		return seen, err
	}
	for _, p := range providers {
		seen.inventory = append(seen.inventory, p.Name)
	}
	list := []string{"ovn-sbctl", "--timeout=10", "--bare", "--columns=name", "list", "Chassis"}
	out, err := n.run(ctx, command{Args: list})
	if err != nil {
		return seen, fmt.Errorf("listing OVN's chassis: %w", err)
	}
	seen.chassis = strings.Fields(out)
	seen.agents, err = listAgents(ctx, c, agents.ListOpts{})
	return seen, err
}

func listProviders(ctx context.Context, c *client) ([]resourceproviders.ResourceProvider, error) {
	placement, err := c.open(ctx, neutron.Placement)
	if err != nil {
		return nil, err
	}
	pages, err := resourceproviders.List(placement, nil).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing Placement's providers: %w", err)
	}
	return resourceproviders.ExtractResourceProviders(pages)
}

func listAgents(ctx context.Context, c *client, which agents.ListOpts) ([]agents.Agent, error) {
	network, err := c.open(ctx, neutron.Network)
	if err != nil {
		return nil, err
	}
	pages, err := agents.List(network, which).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing Neutron's agents: %w", err)
	}
	return agents.ExtractAgents(pages)
}
