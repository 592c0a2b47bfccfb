// SPDX-License-Identifier: Apache-2.0

// Package command is the lab's command line: up, status, drops, faults, captures,
// conformance and the rest, one file each, and the hidden commands that start the lab's own
// processes.
//
// [New] returns them as one cobra command, to be used as a program's root
// (lab/cmd/macaw-lab) or below it ("macaw lab"). They reach the lab through its API and its
// control socket, as any client does, and know nothing of clouds.
package command

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
)

type commands struct {
	*terminal.Terminal
	// name is what users write before a command: "macaw lab".
	name    string
	options lab.Options // of up
}

// New returns the lab's commands, which write to t. name is the command line up to them,
// such as "macaw lab"; its last word names the returned command. "up" uses the options.
func New(t *terminal.Terminal, name string, o lab.Options) *cobra.Command {
	c := &commands{Terminal: t, name: name, options: o}
	words := strings.Fields(name)
	cmd := &cobra.Command{
		Use:   words[len(words)-1],
		Short: "The lab: a local AWS with machines and a network that drops what AWS drops",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(
		c.upCommand(), c.downCommand(), terminal.ReadOnly(c.statusCommand()), terminal.ReadOnly(c.envCommand()),
		terminal.TextOnly(c.sshCommand()), c.rebootCommand(), c.accountCommand(),
		terminal.ReadOnly(c.dropsCommand()), c.faultCommand(), terminal.TextOnly(terminal.ReadOnly(c.pcapCommand())),
		terminal.ReadOnly(c.flowsCommand()), c.conformCommand(),
		terminal.Service(c.daemonCommand()), terminal.Service(c.machineCommand()),
	)
	c.rename(cmd)
	return cmd
}

// rename puts the commands' name into their help texts, which say "macaw lab".
func (c *commands) rename(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		c.rename(sub)
	}
	cmd.Long = strings.ReplaceAll(cmd.Long, "macaw lab ", c.name+" ")
	cmd.Example = strings.ReplaceAll(cmd.Example, "macaw lab ", c.name+" ")
}

// hint adds to an error which lab command to run.
func (c *commands) hint(err error, command string) error {
	return hint.With(err, "%s %s", c.name, command)
}

// hintIfDown adds to ErrDown and ErrNoDaemon how to bring the lab up.
func (c *commands) hintIfDown(err error) error {
	if errors.Is(err, lab.ErrDown) || errors.Is(err, lab.ErrNoDaemon) {
		return c.hint(err, "up")
	}
	return err
}

// ask runs fn, a request to the lab's daemon, and shows a step if it takes long.
func (c *commands) ask(fn func() error) error { return c.Steps().Await("lab", "ask the lab", fn) }
