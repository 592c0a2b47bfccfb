// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// Agent is a client of a gateway node's agent. Each method opens new connections, because the
// operator may take long to answer a question in between.
type Agent struct {
	d    *Deployment
	node string
}

// Agents returns the clients of the agents of all gateway nodes, or that of one, in the order of the cloud file.
func (d *Deployment) Agents(node string) (all []Agent, err error) {
	gateways := gatewaysOf(d.Cloud)
	if node != "" && !slices.Contains(gateways, node) {
		return nil, hint.With(fmt.Errorf("the cloud has no gateway node %s", node), "its gateway nodes: %s",
			strings.Join(gateways, ", "))
	}
	for _, name := range gateways {
		if node == "" || name == node {
			all = append(all, Agent{d, name})
		}
	}
	return all, nil
}

// Node is the name of the agent's node.
func (a Agent) Node() string { return a.node }

func (a Agent) on(ctx context.Context, fn func(context.Context, infra.NodeOutput, Node) error) error {
	w, err := a.d.connectNodes(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	return w.onGateways(ctx, a.node, func(ctx context.Context, n infra.NodeOutput, h Node) error {
		return a.d.await(phaseHost, "ask "+n.Name+" about its translation", func() error { return fn(ctx, n, h) })
	})
}

// Status returns the agent's last report and the current translation.
func (a Agent) Status(ctx context.Context) (st nodeapi.Status, err error) {
	err = a.on(ctx, func(ctx context.Context, n infra.NodeOutput, h Node) error {
		st, err = a.d.readStatus(ctx, n, h)
		return err
	})
	return st, err
}

// SetMode turns the translation on (nodeapi.ModeTranslate) or off.
func (a Agent) SetMode(ctx context.Context, mode string) error {
	command := "on"
	if mode == nodeapi.ModeOff {
		command = "off"
	}
	return a.on(ctx, func(ctx context.Context, n infra.NodeOutput, h Node) error {
		if _, err := h.Output(ctx, onGateway(command)); err != nil {
			return fmt.Errorf("switching the translation %s: %w", command, a.d.gatewayError(n, err))
		}
		return nil
	})
}

// Agree tells the agent that these Elastic IPs may be released.
func (a Agent) Agree(ctx context.Context, held []model.Held) error {
	raw, err := json.Marshal(held)
	if err != nil {
		return err
	}
	return a.on(ctx, func(ctx context.Context, n infra.NodeOutput, h Node) error {
		return a.d.gatewayError(n, h.Run(ctx, onGateway("agree"), bytes.NewReader(raw), nil))
	})
}

// Reload makes the agent query Neutron now.
func (a Agent) Reload(ctx context.Context) error {
	return a.on(ctx, func(ctx context.Context, _ infra.NodeOutput, h Node) error { return reloadAgent(ctx, h) })
}

// reloadAgent makes a node's agent query Neutron now.
func reloadAgent(ctx context.Context, h Node) error {
	_, err := h.Output(ctx, "systemctl reload "+nodeapi.AgentUnit)
	return err
}
