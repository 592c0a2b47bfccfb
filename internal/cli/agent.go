// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"macaw.example/internal/agentcmd"
)

func (a *App) agentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "agent",
		Aliases: []string{"gateway"},
		GroupID: "cloud",
		Short:   "The agent of a cloud's gateway node, and its translation",
		Long: `Show or switch the translation between the provider NIC and the bridge of a cloud's
gateway node, and release Elastic IPs that its agent holds. On the node itself,
macaw-node has the same commands.`,
		Args: cobra.NoArgs,
	}
	about := &agentcmd.Commands{
		Terminal: a.Terminal, Name: "macaw agent", Args: " FILE", Complete: completeCloudFile,
		Find: func(args []string) (agentcmd.Agent, error) {
			d, err := a.deployment("agent", args[0])
			if err != nil {
				return nil, err
			}
			return d.Agent(), nil
		},
	}
	cmd.AddCommand(about.All()...)
	return cmd
}
