// SPDX-License-Identifier: Apache-2.0

// Package agentcmd has the commands for a gateway node's agent: status, on, off and release.
//
// macaw uses them for the agents of a cloud, over SSH, and macaw-node for the agent of its own
// machine; the two find their [Agent] differently. The commands decide nothing by themselves: the
// agent does.
package agentcmd

import (
	"cmp"
	"context"
	"errors"
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

// Gateway is a gateway node's agent. Node is its name if the command is about several; empty if it is about one.
type Gateway struct {
	Node string
	Agent
}

// Commands builds the commands, on a terminal.
type Commands struct {
	*terminal.Terminal
	// Find returns the agents for a command's arguments, at least one.
	Find func(args []string) ([]Gateway, error)
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
		c.switchCommand("off", "Let frames pass untranslated, to see AWS drop them", nodeapi.ModeOff),
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

// switched is the result of on and off on one node.
type switched struct {
	Node string `json:"node,omitempty"` // empty if the command is about one
	Mode string `json:"mode"`           // nodeapi.ModeTranslate or nodeapi.ModeOff
}

func (c *Commands) switchCommand(name, short, mode string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: switchHelp[mode], Example: c.example(name, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			gateways, err := c.Find(args)
			if err != nil {
				return err
			}
			done := []switched{}
			err = each(cmd.Context(), gateways, func(g Gateway) error {
				err := g.SetMode(cmd.Context(), mode)
				if err == nil {
					done = append(done, switched{g.Node, mode})
				}
				return err
			})
			if len(done) == 0 {
				return err
			}
			printed := c.Print(oneOrAll(gateways, done), func(w io.Writer) error {
				for _, s := range done {
					of := ""
					if s.Node != "" {
						of = " of " + s.Node
					}
					fmt.Fprintf(w, "Translation%s: %s\n", of, describeMode(mode))
				}
				return nil
			})
			return cmp.Or(err, printed)
		},
	}
}

// each calls fn for each gateway, also after an error, which names the node if there are several.
func each(ctx context.Context, gateways []Gateway, fn func(Gateway) error) error {
	var errs []error
	for _, g := range gateways {
		err := fn(g)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil && g.Node != "" {
			err = fmt.Errorf("node %s: %w", g.Node, err)
		}
		errs = append(errs, err)
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// oneOrAll is a command's JSON: an object if it is about one gateway, else a list.
func oneOrAll[T any](gateways []Gateway, all []T) any {
	if len(gateways) == 1 && gateways[0].Node == "" {
		return all[0]
	}
	return all
}

// nodeStatus is the status of one of several gateways.
type nodeStatus struct {
	Node            string `json:"node"`
	*nodeapi.Status        // nil if the node does not answer
	Error           string `json:"error,omitempty"` // why it does not
}

func (c *Commands) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Show the translation: mode, addresses, frames passed and dropped",
		Example: c.example("status", "") + "\n" + c.example("status", " --output json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gateways, err := c.Find(args)
			if err != nil {
				return err
			}
			if len(gateways) == 1 && gateways[0].Node == "" {
				st, err := gateways[0].Status(cmd.Context())
				if err != nil {
					return err
				}
				return c.Print(st, func(w io.Writer) error { return PrintStatus(w, st) })
			}
			all := []nodeStatus{}
			err = each(cmd.Context(), gateways, func(g Gateway) error {
				st, err := g.Status(cmd.Context())
				n := nodeStatus{Node: g.Node, Status: &st}
				if err != nil {
					n.Status, n.Error = nil, err.Error()
				}
				all = append(all, n)
				return err
			})
			if cmd.Context().Err() != nil {
				return err
			}
			printed := c.Print(all, func(w io.Writer) error { return printAll(w, all) })
			return cmp.Or(err, printed)
		},
	}
	if c.Args != "" {
		cmd.Long = `Show the translation of a cloud's gateway nodes: mode, addresses, frames passed and dropped.

With --output json, a cloud with one gateway, or a NODE, gives an object; several give a list
of such objects, each with "node", and with "error" if the node does not answer.`
	}
	return cmd
}
