// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"time"

	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// Status is a cloud's current state.
type Status struct {
	Cloud string       `json:"cloud"`
	Nodes []NodeStatus `json:"nodes"`
	// Findings are the cloud's problems, with remedies; those of its agents included.
	Findings []model.Finding `json:"findings"`
}

// NodeStatus is a node's current state.
type NodeStatus struct {
	infra.NodeOutput
	// Agent is nil if the node did not answer; then Error has the reason.
	Agent *nodeapi.Status `json:"agent,omitempty"`
	Error string          `json:"error,omitempty"`
}

// Status reads the cloud's state. It reports nodes that do not answer soon, and does not wait for
// them.
func (d *Deployment) Status(ctx context.Context) (Status, error) {
	if err := d.connect(ctx, false); err != nil {
		return Status{}, err
	}
	seen, err := d.look(ctx)
	if err != nil {
		return Status{}, err
	}
	st := Status{Cloud: d.Cloud.Name, Nodes: []NodeStatus{}, Findings: []model.Finding{}}
	for _, n := range infra.OutputsOf(d.Cloud, seen).Nodes {
		node := NodeStatus{NodeOutput: n}
		if n.InstanceID == "" {
			st.Findings = append(st.Findings, d.missingNode(n))
		} else if agent, err := d.agentStatus(ctx, n); err != nil {
			node.Error = err.Error()
			st.Findings = append(st.Findings, unansweredNode(n, err))
		} else {
			node.Agent = &agent
			st.Findings = append(st.Findings, d.findingsOf(n, agent)...)
		}
		st.Nodes = append(st.Nodes, node)
	}
	if len(st.Nodes) > 0 { // the controller is the first one
		st.Findings = append(st.Findings, d.domainFindings(ctx, st.Nodes[0].NodeOutput)...)
	}
	return st, nil
}

// agentStatus reads a node's agent report.
func (d *Deployment) agentStatus(ctx context.Context, n infra.NodeOutput) (nodeapi.Status, error) {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer in %s", limit))
	defer cancel()
	h, err := d.reach(ctx, n)
	if err != nil {
		return nodeapi.Status{}, err
	}
	defer h.Close()
	var st nodeapi.Status
	err = d.await(phaseHost, "ask "+n.Name+" for its translation", func() error {
		st, err = d.readStatus(ctx, n, h)
		return err
	})
	return st, err
}
