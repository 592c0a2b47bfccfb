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

// commandError is the error of such a command, in one line. hinted adds hints, of which macaw-node has given some.
func (d *Deployment) commandError(node string, err error, hinted func(err error, given []string) error) error {
	var exit *host.ExitError
	switch {
	case !errors.As(err, &exit):
		return err
	case exit.Status == exitNotSetUp:
		return hint.With(fmt.Errorf("node %s is %w", node, errNotSetUp), "macaw up %s", d.Cloud.FileName())
	}
	var lines, given []string
	for line := range strings.Lines(exit.Stderr) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "error: "); ok {
			lines = append(lines, text)
		}
		if text, ok := strings.CutPrefix(line, "hint: "); ok {
			given = append(given, text)
		}
	}
	if len(lines) == 0 {
		lines = append(lines, strings.Join(strings.Fields(exit.Error()), " "))
	}
	return hinted(fmt.Errorf("node %s: %s", node, strings.Join(lines, "; ")), given)
}

// gatewayError is the error of such a command. The hints of macaw-node are for users of the node itself, and are
// left out.
func (d *Deployment) gatewayError(n infra.NodeOutput, err error) error {
	return d.commandError(n.Name, err, func(err error, _ []string) error {
		return hint.With(err, "macaw up %s repairs it", d.Cloud.FileName())
	})
}

// keeperError is the error of such a command on the controller, with the hints of macaw-node, which does not know
// the cloud file.
func (d *Deployment) keeperError(err error) error {
	return d.commandError(d.Cloud.Nodes[d.controller()].Name, err, func(err error, given []string) error {
		for _, h := range given {
			err = hint.With(err, "%s", strings.ReplaceAll(h, "FILE", d.Cloud.FileName()))
		}
		return err
	})
}

// decode reads what a macaw-node has answered. what names the answer, and whose the program's owner.
func (d *Deployment) decode(answer string, into any, what, whose string) error {
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		return hint.With(fmt.Errorf("reading %s: %w", what, err),
			"%s macaw-node is of another version; macaw up %s replaces it", whose, d.Cloud.FileName())
	}
	return nil
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
	return st, d.decode(out, &st, "the status of node "+n.Name, "its")
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
