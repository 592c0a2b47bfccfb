// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"macaw.example/internal/deploy"
	"macaw.example/internal/host"
	"macaw.example/internal/model"
	"macaw.example/internal/terminal"
)

func (a *App) sshCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ssh FILE [NODE] [-- COMMAND...]",
		GroupID: "cloud",
		Short:   "Log in to a node, or run a command on it",
		Long: `Log in to a node, or run a command on it: by ssh(1), which follows your ~/.ssh/config,
or by Macaw itself where there is no ssh, or where the key is on a file system without
permissions, which ssh refuses.`,
		Example:           "  macaw ssh cloud.yaml\n  macaw ssh cloud.yaml cloud-1 -- sudo ovs-vsctl show",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeNodes(model.Controller, model.Gateway, model.Compute),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, command := args[1:], []string(nil)
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				target, command = args[1:at], args[at:]
			}
			if len(target) > 1 {
				return terminal.Usage(fmt.Errorf("unexpected argument %q: a command comes after --", target[1]))
			}
			d, err := a.deployment("ssh", args[0])
			if err != nil {
				return err
			}
			node := strings.Join(target, "")
			ssh, err := exec.LookPath("ssh")
			if err != nil {
				return a.interact(cmd.Context(), d, node, command)
			}
			at, err := d.Login(cmd.Context(), node)
			if err != nil {
				return err
			}
			if !at.Usable() {
				return a.interact(cmd.Context(), d, node, command)
			}
			argv := slices.Concat([]string{"ssh"}, at.Options(), []string{"--", at.Destination()}, command)
			return become(ssh, argv)
		},
	}
}

// interact does what ssh(1) does, without it.
func (a *App) interact(ctx context.Context, d *deploy.Deployment, node string, command []string) error {
	err := d.Interact(ctx, node, func() (host.Session, func()) {
		s := host.Session{Command: strings.Join(command, " "), Stdin: os.Stdin, Stdout: a.Stdout, Stderr: a.Stderr}
		end := func() {}
		if len(command) == 0 {
			if restore, ok := terminal.Raw(); ok {
				s.Terminal = &host.Terminal{Type: cmp.Or(os.Getenv("TERM"), "xterm-256color"), Size: terminal.Size}
				end = restore
			}
		}
		return s, end
	})
	if exit, ok := errors.AsType[*host.ExitError](err); ok {
		return terminal.ExitCode(exit.Status)
	}
	return err
}
