// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"macaw.example/internal/hint"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// The codes of findings from the controller's overview.
const (
	nodeDrained     model.Code = "node-drained"     // it takes no guests, or no routers
	overviewUnknown model.Code = "overview-unknown" // and so, or for names, nobody knows
)

// errNoController means that the controller does not answer, or is not set up yet, which has a finding of its own.
var errNoController = errors.New("the controller does not answer")

// overview asks the controller what only it knows: names of what has addresses, and which nodes are drained. The
// only node of a cloud tells the names with its state.
func (d *Deployment) overview(ctx context.Context, w *ways) (o nodeapi.Overview, err error) {
	n := w.controller()
	if n.InstanceID == "" {
		return o, errNoController
	}
	h, err := w.to(ctx, n)
	if err != nil {
		return o, errNoController
	}
	command := "overview"
	if len(w.nodes) == 1 {
		command += " --owners=false"
	}
	return o, d.await(phaseHost, "ask "+n.Name+" for names and drained nodes", func() error {
		out, err := h.Output(ctx, onOtherNode(command))
		err = d.keeperError(err)
		if errors.Is(err, errNotSetUp) {
			return errNoController
		}
		if err != nil {
			return err
		}
		return d.decode(out, &o, "the controller's answer", "its")
	})
}

// use puts what the controller knows into a status.
func (st *Status) use(o nodeapi.Overview) {
	for _, n := range st.Nodes {
		if n.Agent != nil && n.Agent.Report != nil {
			n.Agent.Report.SetOwners(o.Owners)
		}
	}
}

// overviewFindings are the problems in the controller's overview, or with it.
func (d *Deployment) overviewFindings(o nodeapi.Overview, err error) (all []model.Finding) {
	if errors.Is(err, errNoController) {
		return nil
	}
	if err != nil {
		o.Unknown = err.Error()
	}
	for _, n := range o.Drained {
		all = append(all, d.drainedFinding(n))
	}
	if o.Unknown != "" {
		all = append(all, model.Finding{
			Code: overviewUnknown,
			Text: "names of owners, or which nodes are drained, are not known: " + strings.Join(strings.Fields(o.Unknown), " "),
			Hint: strings.Join(hint.All(err), "; "),
		})
	}
	return all
}

func (d *Deployment) drainedFinding(n nodeapi.Drained) model.Finding {
	what, reason := "guests", n.Reason
	if n.Role == model.Gateway {
		what, reason = "routers", drained
	}
	f := model.Finding{Code: nodeDrained, Text: "node " + n.Node + " takes no " + what}
	if reason != "" {
		f.Text += ": " + reason
	}
	f.Hint = fmt.Sprintf("macaw node enable %s %s", d.Cloud.FileName(), n.Node)
	if n.Reason == nodeapi.RemovalReason {
		f.Hint = "macaw up " + d.Cloud.FileName() + " removes the node, or lets it take guests again if the file has it"
	}
	return f
}
