// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"

	"macaw.example/internal/drain"
	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/nodeapi"
)

// endRole refuses to end a node's role compute while guests are on it, before anything changes: without its
// security group the node could not hand them to others any more. The node refuses it too, by what libvirt has.
func (d *Deployment) endRole(ctx context.Context, s survey) error {
	if d.bakery { // which has no services
		return nil
	}
	nodes := infra.EndsCompute(d.Cloud, s.seen)
	controller := infra.OutputsOf(d.Cloud, s.seen).Nodes[d.controller()]
	if len(nodes) == 0 || controller.InstanceID == "" || s.plan.Starts(controller.Name) {
		return nil
	}
	h, err := d.reach(ctx, controller, nil)
	if err == nil {
		defer h.Close()
		if _, err := h.Output(ctx, "cat "+nodeapi.CloudsYAML); err != nil {
			return nil // an earlier run did not get so far that there could be guests
		}
		err = d.novaOn(ctx, h, func(ctx context.Context, n drain.Nova) error {
			for _, node := range nodes {
				if _, err := drain.Knows(ctx, n, node); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if guests, ok := errors.AsType[*drain.GuestsError](err); ok {
		return hint.With(fmt.Errorf("ending the role compute of node %s: %w; nothing was changed", guests.Node, err),
			"macaw node drain %s %s moves them, or delete them", d.Cloud.FileName(), guests.Node)
	}
	if err != nil && ctx.Err() == nil {
		d.note(phaseDrain, "whether guests are on nodes that compute no more is not known: %v", err)
		return nil // the rest of up may repair the controller
	}
	return err
}
