// SPDX-License-Identifier: Apache-2.0

// Package agentcmd has the commands for a gateway node's agent: status, on, off and release.
//
// macaw uses them for the agents of a cloud, over SSH, and macaw-node for the agent of its own
// machine; the two find their [Agent] differently. The commands decide nothing by themselves: the
// agent does.
package agentcmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

// Agent is a client of a gateway node's agent.
type Agent interface {
	// Status returns the agent's last report and the current translation.
	Status(context.Context) (nodeapi.Status, error)
	// SetMode turns the translation on or off.
	SetMode(ctx context.Context, mode string) error
	// Agree tells the agent that these Elastic IPs may be released.
	Agree(context.Context, []model.Held) error
	// Reload makes the agent query Neutron now.
	Reload(context.Context) error
}

// Commands builds the commands, on a terminal.
type Commands struct {
	*terminal.Terminal
	// Find returns the agent for a command's arguments.
	Find func(args []string) (Agent, error)
	// Args are the arguments that each command takes: "" or " FILE [NODE]".
	Args string
	// Name is the command line up to the command: "macaw agent".
	Name string
	// Complete completes arguments.
	Complete cobra.CompletionFunc
}

// All returns the commands.
func (c *Commands) All() []*cobra.Command {
	all := []*cobra.Command{
		c.switchCommand("on", "Translate frames: the normal state", nodeapi.ModeTranslate),
		c.switchCommand("off", "Let frames pass untouched, so that AWS drops them: to see that it does", nodeapi.ModeOff),
		terminal.ReadOnly(c.statusCommand()),
		c.releaseCommand(),
	}
	for _, cmd := range all {
		cmd.Use += c.Args
		cmd.Args = cobra.NoArgs
		if c.Args != "" {
			cmd.Args = cobra.RangeArgs(1, 2)
		}
		cmd.ValidArgsFunction = c.Complete
	}
	return all
}

// example is an example command line, with a cloud file if the command takes one.
func (c *Commands) example(command, more string) string {
	line := "  " + c.Name + " " + command
	if c.Args != "" {
		line += " cloud.yaml"
	}
	return line + more
}

var switchHelp = map[string]string{
	nodeapi.ModeTranslate: `Switch the translation on, the normal state: frames between Neutron and AWS are
translated.`,
	nodeapi.ModeOff: `Switch the translation off: frames pass untouched, and AWS drops them. No guest is
reachable then. It stays off until it is switched on or the node reboots; "macaw up"
reports that and leaves it off.`,
}

// switched is the result of on and off.
type switched struct {
	Mode string `json:"mode"` // nodeapi.ModeTranslate or nodeapi.ModeOff
}

func (c *Commands) switchCommand(name, short, mode string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: switchHelp[mode], Example: c.example(name, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			agent, err := c.Find(args)
			if err != nil {
				return err
			}
			if err := agent.SetMode(cmd.Context(), mode); err != nil {
				return err
			}
			return c.Print(switched{mode}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Translation: %s\n", describeMode(mode))
				return err
			})
		},
	}
}

func (c *Commands) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the translation: mode, addresses, frames passed and dropped",
		Example: c.example("status", "") + "\n" + c.example("status", " --output json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			agent, err := c.Find(args)
			if err != nil {
				return err
			}
			st, err := agent.Status(cmd.Context())
			if err != nil {
				return err
			}
			return c.Print(st, func(w io.Writer) error { return PrintStatus(w, st) })
		},
	}
}
