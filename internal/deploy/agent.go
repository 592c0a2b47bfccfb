// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// Agent is the agent of the cloud's gateway node. Each of its methods connects anew:
// whoever is asked in between may take his time.
type Agent struct{ d *Deployment }

// Agent returns the agent of the cloud's gateway node.
func (d *Deployment) Agent() Agent { return Agent{d} }

func (a Agent) on(ctx context.Context, fn func(context.Context, Node) error) error {
	return a.d.onNode(ctx, func(ctx context.Context, n infra.NodeOutput, h Node) error {
		return a.d.await(phaseHost, "ask "+n.Name+" about its translation", func() error { return fn(ctx, h) })
	})
}

func (a Agent) run(ctx context.Context, command string, stdin io.Reader) error {
	return a.on(ctx, func(ctx context.Context, h Node) error { return h.Run(ctx, command, stdin, nil) })
}

// Status is what the agent has come to, and the translation as it is now.
func (a Agent) Status(ctx context.Context) (st nodeapi.Status, err error) {
	err = a.on(ctx, func(ctx context.Context, h Node) error {
		st, err = readStatus(ctx, h)
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
	return a.on(ctx, func(ctx context.Context, h Node) error {
		if _, err := h.Output(ctx, nodeapi.Program+" "+command); err != nil {
			return fmt.Errorf("switching the translation %s on the node: %w", command, err)
		}
		return nil
	})
}

// Agree leaves word for the agent that these Elastic IPs may be released.
func (a Agent) Agree(ctx context.Context, held []model.Held) error {
	raw, err := json.Marshal(held)
	if err != nil {
		return err
	}
	return a.run(ctx, nodeapi.Program+" agree", bytes.NewReader(raw))
}

// Reload has the agent take up at once what is new.
func (a Agent) Reload(ctx context.Context) error {
	return a.run(ctx, "systemctl reload "+nodeapi.AgentUnit, nil)
}
