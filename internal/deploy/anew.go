// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"

	"macaw.example/internal/drain"
	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// anew makes the controller forget nodes whose instances are gone before a plan makes others of the same names,
// as of a Spot Instance that AWS has taken. A nova-compute does not start on a new machine under a name that Nova
// knows ("No local node identity found, but this is not our first startup on this host", nova/compute/manager.py,
// _ensure_existing_node_identity). It refuses while guests are on one: they can be evacuated as long as there
// is no other machine of that name.
func (d *Deployment) anew(ctx context.Context, s survey) error {
	nodes := d.launched(s)
	if len(nodes) == 0 {
		return nil
	}
	h, err := d.reach(ctx, infra.OutputsOf(d.Cloud, s.seen).Nodes[d.controller()], nil)
	if err == nil {
		defer h.Close()
		if _, err := h.Output(ctx, "cat "+nodeapi.CloudsYAML); err != nil {
			return nil // an earlier run did not get so far that Nova could know anything
		}
		err = d.novaOn(ctx, h, func(ctx context.Context, n drain.Nova) error {
			for _, node := range nodes {
				if err := d.forgetOld(ctx, h, n, node); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if guests, ok := errors.AsType[*drain.GuestsError](err); ok {
		return hint.With(fmt.Errorf("making another instance of node %s, whose own is gone: %w; nothing was changed",
			guests.Node, err), "macaw node evacuate %s %s, or delete them", d.Cloud.FileName(), guests.Node)
	}
	if err != nil && ctx.Err() == nil {
		// The rest of up may repair the controller.
		d.note(phaseDrain, "whether guests are on nodes that are made anew is not known: %v", err)
		return nil
	}
	return err
}

// launched are the compute nodes whose instances a plan makes while the controller is there.
func (d *Deployment) launched(s survey) (names []string) {
	if d.bakery {
		return nil
	}
	controller := infra.OutputsOf(d.Cloud, s.seen).Nodes[d.controller()]
	if controller.InstanceID == "" || s.plan.Starts(controller.Name) {
		return nil
	}
	for _, n := range d.Cloud.Nodes {
		if n.Has(model.Compute) && n.Name != controller.Name && s.plan.Launches(n.Name) {
			names = append(names, n.Name)
		}
	}
	return names
}

func (d *Deployment) forgetOld(ctx context.Context, h Node, n drain.Nova, node string) error {
	known, err := drain.Knows(ctx, n, node)
	if err != nil || !known {
		return err
	}
	return d.do(phaseDrain, "forget the former "+node, func() error {
		if _, err := h.Output(ctx, forget(node)); err != nil {
			return fmt.Errorf("forgetting the former node %s: %w", node, err)
		}
		return nil
	})
}

// forget is the command that makes the controller forget a node.
func forget(node string) string { return nodeapi.Program + " forget " + node }
