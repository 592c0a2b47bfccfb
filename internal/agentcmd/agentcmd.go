// SPDX-License-Identifier: Apache-2.0

// Package agentcmd is the commands about the agent of a gateway node: status, on,
// off and release.
//
// macaw has them for the agents of a cloud, over SSH, and macaw-node for the one of
// the machine that it runs on; what differs is how an [Agent] is found. They decide
// nothing by themselves: the agent does.
package agentcmd

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

// Agent is the agent of a gateway node.
type Agent interface {
	// Status is what it has come to, and the translation as it is now.
	Status(context.Context) (nodeapi.Status, error)
	// SetMode turns the translation on or off.
	SetMode(ctx context.Context, mode string) error
	// Agree leaves word that these Elastic IPs may be released.
	Agree(context.Context, []model.Held) error
	// Reload has it take up what is new at once.
	Reload(context.Context) error
}

// Commands are the commands on a terminal.
type Commands struct {
	*terminal.Terminal
	// Find returns the agent that the arguments of a command are about.
	Find func(args []string) (Agent, error)
	// Args are the arguments that a command takes: "" or " FILE".
	Args string
	// Name is what users write before a command: "macaw agent".
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
			cmd.Args = cobra.ExactArgs(1)
		}
		cmd.ValidArgsFunction = c.Complete
	}
	return all
}

// example is a command line with a cloud file where there is one.
func (c *Commands) example(command, more string) string {
	line := "  " + c.Name + " " + command
	if c.Args != "" {
		line += " cloud.yaml"
	}
	return line + more
}

func (c *Commands) switchCommand(name, short, mode string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Example: c.example(name, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			agent, err := c.Find(args)
			if err != nil {
				return err
			}
			return agent.SetMode(cmd.Context(), mode)
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
