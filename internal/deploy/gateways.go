// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"macaw.example/internal/hint"
	"macaw.example/internal/nodeapi"
)

// Gateways returns where routers are, and where they may be.
func (d *Deployment) Gateways(ctx context.Context) (all nodeapi.Gateways, err error) {
	err = d.onGatewayKeeper(ctx, "", func(ctx context.Context, h Node) error {
		all, err = d.listGateways(ctx, h)
		return err
	})
	return all, err
}

func (d *Deployment) listGateways(ctx context.Context, h Node) (all nodeapi.Gateways, err error) {
	return all, d.await(phaseHost, "ask where routers are", func() error {
		out, err := h.Output(ctx, gatewaysCommand("list"))
		if err != nil {
			return d.keeperError(err)
		}
		return d.decode(out, &all, "where routers are", "the controller's")
	})
}

// PreferGateway moves all routers to a gateway node, which gets routers again if it was drained, and returns where they
// are then.
func (d *Deployment) PreferGateway(ctx context.Context, node string) (nodeapi.Gateways, error) {
	return d.moveRouters(ctx, node, "move routers to "+node, "prefer "+node)
}

// SpreadGateways spreads the routers over all gateway nodes, and returns where they are then.
func (d *Deployment) SpreadGateways(ctx context.Context) (nodeapi.Gateways, error) {
	return d.moveRouters(ctx, "", "spread routers over all gateways", "spread")
}

func (d *Deployment) moveRouters(ctx context.Context, node, step, command string) (all nodeapi.Gateways, err error) {
	err = d.onGatewayKeeper(ctx, node, func(ctx context.Context, h Node) error {
		err := d.do(phaseHost, step, func() error {
			_, err := h.Output(ctx, gatewaysCommand(command))
			return d.keeperError(err)
		})
		if err != nil {
			return err
		}
		all, err = d.listGateways(ctx, h)
		return err
	})
	return all, err
}

// drainGateway moves a gateway's routers to others and keeps them away, or ends that. A cloud with a single
// gateway has nowhere to move them.
func (d *Deployment) drainGateway(ctx context.Context, h Node, node string, drained bool) error {
	if gateways := gatewaysOf(d.Cloud); len(gateways) < 2 || !slices.Contains(gateways, node) {
		return nil
	}
	command, step := "enable ", "let "+node+" have routers"
	if drained {
		command, step = "drain ", "move routers from "+node
	}
	return d.do(phaseDrain, step, func() error {
		_, err := h.Output(ctx, gatewaysCommand(command+node))
		return d.keeperError(err)
	})
}

// onGatewayKeeper calls fn with the controller of a cloud with several gateways, among them node unless that is empty.
func (d *Deployment) onGatewayKeeper(ctx context.Context, node string, fn func(context.Context, Node) error) error {
	gateways := gatewaysOf(d.Cloud)
	if len(gateways) < 2 {
		return hint.With(errors.New("the cloud has one gateway, "+gateways[0]+", and all routers are there"),
			"give another node the role gateway in %s, and run macaw up", d.Cloud.FileName())
	}
	if node != "" && !slices.Contains(gateways, node) {
		return hint.With(fmt.Errorf("the cloud has no gateway node %s", node), "its gateway nodes: %s",
			strings.Join(gateways, ", "))
	}
	return d.onController(ctx, func(ctx context.Context, _ *ways, h Node) error { return fn(ctx, h) })
}

func gatewaysCommand(command string) string { return onOtherNode("gateways " + command) }
