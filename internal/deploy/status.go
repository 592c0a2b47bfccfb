// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"sync"
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
	if err := d.connect(ctx, look); err != nil {
		return Status{}, err
	}
	seen, err := d.lookForNodes(ctx)
	if err != nil {
		return Status{}, err
	}
	st := Status{Cloud: d.Cloud.Name, Nodes: []NodeStatus{}, Findings: []model.Finding{}}
	nodes := infra.OutputsOf(d.Cloud, seen).Nodes
	const limit = 10 * time.Second
	reach, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer in %s", limit))
	defer cancel()
	w := d.waysTo(nodes)
	defer w.Close()
	asked := make([]struct {
		NodeStatus
		findings []model.Finding
	}, len(nodes))
	var all sync.WaitGroup
	var cloudwide nodeapi.Overview
	var unasked error
	all.Go(func() { cloudwide, unasked = d.overview(reach, w) })
	for i, n := range nodes {
		all.Go(func() {
			a := &asked[i]
			a.NodeOutput = n
			if n.InstanceID == "" {
				a.findings = []model.Finding{d.missingNode(n)}
				return
			}
			agent, err := d.nodeStatus(reach, w, n)
			if err != nil {
				a.Error, a.findings = err.Error(), []model.Finding{unansweredNode(n, err)}
				return
			}
			a.Agent, a.findings = &agent, d.findingsOf(n, agent)
		})
	}
	all.Wait()
	for _, a := range asked {
		st.Nodes, st.Findings = append(st.Nodes, a.NodeStatus), append(st.Findings, a.findings...)
	}
	st.use(cloudwide)
	st.Findings = append(st.Findings, d.overviewFindings(cloudwide, unasked)...)
	st.Findings = append(st.Findings, d.domainFindings(ctx, nodes[d.controller()])...)
	return st, nil
}

// nodeStatus reads a node's status.
func (d *Deployment) nodeStatus(ctx context.Context, w *ways, n infra.NodeOutput) (st nodeapi.Status, err error) {
	h, err := w.to(ctx, n)
	if err != nil {
		return st, err
	}
	err = d.await(phaseHost, "ask "+n.Name+" for its state", func() error {
		st, err = d.readStatus(ctx, n, h)
		return err
	})
	return st, err
}
