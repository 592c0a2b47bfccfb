// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// The codes of findings about nodes.
const (
	nodeMissing   model.Code = "node-missing"    // AWS has no such instance
	nodeNotSetUp  model.Code = "node-not-set-up" // up is under way, or was interrupted
	nodeNoReply   model.Code = "node-no-reply"
	exitNotSetUp             = 69 // EX_UNAVAILABLE of sysexits.h
	commandStatus            = "status --output json"
)

// errNotSetUp means that a machine runs, and is no gateway node yet.
var errNotSetUp = errors.New("not set up yet")

// onGateway is the shell command for a command of macaw-node, on a machine that may be no gateway node
// yet.
func onGateway(command string) string { return onceThere(nodeapi.AgentConfig, command) }

// onOtherNode is that of a machine that may not be a node yet, and will not be a gateway.
func onOtherNode(command string) string { return onceThere(nodeapi.SpecPath, command) }

// onceThere is the shell command for a command of macaw-node on a machine that has a file.
func onceThere(file, command string) string {
	return fmt.Sprintf("[ -x %[1]s ] && [ -e %[2]s ] || exit %[3]d; exec %[1]s %[4]s", nodeapi.Program, file, exitNotSetUp,
		command)
}

// gatewayError is the error of such a command, in one line. The hints of macaw-node are for users of the
// node itself, and are left out.
func (d *Deployment) gatewayError(n infra.NodeOutput, err error) error {
	var exit *host.ExitError
	switch {
	case !errors.As(err, &exit):
		return err
	case exit.Status == exitNotSetUp:
		return hint.With(fmt.Errorf("node %s is %w", n.Name, errNotSetUp), "macaw up %s", d.Cloud.FileName())
	}
	var lines []string
	for line := range strings.Lines(exit.Stderr) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "error: "); ok {
			lines = append(lines, text)
		}
	}
	if len(lines) == 0 {
		lines = append(lines, strings.Join(strings.Fields(exit.Error()), " "))
	}
	return hint.With(fmt.Errorf("node %s: %s", n.Name, strings.Join(lines, "; ")), "macaw up %s repairs it",
		d.Cloud.FileName())
}

// readStatus reads the status of a node.
func (d *Deployment) readStatus(ctx context.Context, n infra.NodeOutput, h Node) (nodeapi.Status, error) {
	var st nodeapi.Status
	command := onOtherNode(commandStatus)
	if slices.Contains(gatewaysOf(d.Cloud), n.Name) {
		command = onGateway(commandStatus)
	}
	out, err := h.Output(ctx, command)
	var exit *host.ExitError
	switch {
	case errors.As(err, &exit):
		return st, d.gatewayError(n, err)
	case err != nil:
		return st, fmt.Errorf("asking the node for its state: %w", err)
	}
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		return st, hint.With(fmt.Errorf("reading the status of node %s: %w", n.Name, err),
			"its macaw-node is of another version; macaw up %s replaces it", d.Cloud.FileName())
	}
	return st, nil
}

// missingNode is the finding that AWS does not have a node.
func (d *Deployment) missingNode(n infra.NodeOutput) model.Finding {
	text := "cloud " + d.Cloud.Name + " is not up: there is no node " + n.Name
	if d.down {
		text = "cloud " + d.Cloud.Name + " is not up: the lab is down"
	}
	return model.Finding{Code: nodeMissing, Text: text, Hint: "macaw up " + d.Cloud.FileName()}
}

// unansweredNode is the finding that a node does not tell its status.
func unansweredNode(n infra.NodeOutput, err error) model.Finding {
	f := model.Finding{Code: nodeNoReply, Text: strings.Join(strings.Fields(err.Error()), " "),
		Hint: strings.Join(hint.All(err), "; ")}
	if errors.Is(err, errNotSetUp) {
		f.Code = nodeNotSetUp
	}
	if !strings.HasPrefix(f.Text, "node "+n.Name) {
		f.Text = "node " + n.Name + " does not answer: " + f.Text
	}
	return f
}
