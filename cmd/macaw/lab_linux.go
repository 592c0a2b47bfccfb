// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/command"
)

func labCommand(t *terminal.Terminal, o lab.Options) *cobra.Command {
	cmd := command.New(t, "macaw lab", o)
	cmd.GroupID = "lab"
	return cmd
}
