// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/terminal"
)

func (a *App) sshCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ssh FILE [NODE] [-- COMMAND...]",
		GroupID: "cloud",
		Short:   "Log in to a node, or run a command on it",
		Example: "  macaw ssh cloud.yaml\n  macaw ssh cloud.yaml cloud-1 -- sudo ovs-vsctl show",
		Args:    cobra.MinimumNArgs(1),
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
			at, err := d.Login(cmd.Context(), strings.Join(target, ""))
			if err != nil {
				return err
			}
			ssh, err := exec.LookPath("ssh")
			if err != nil {
				return hint.With(err, "apt-get install openssh-client")
			}
			argv := slices.Concat([]string{"ssh"}, at.Options(), []string{"--", at.Destination()}, command)
			return become(ssh, argv)
		},
	}
}
