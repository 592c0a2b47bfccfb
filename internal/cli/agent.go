// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"macaw.example/internal/agentcmd"
	"macaw.example/internal/model"
)

func (a *App) agentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "agent",
		GroupID: "cloud",
		Short:   "The agents of a cloud's gateway nodes, and their translation",
		Long: `Show or switch the translation between the provider NIC and the bridge of a cloud's
gateway nodes, and release Elastic IPs that their agents hold: of the node NODE, or of all.
On a node itself, macaw-node has the same commands.`,
		Args: cobra.NoArgs,
	}
	about := &agentcmd.Commands{
		Terminal: a.Terminal, Name: "macaw agent", Args: " FILE [NODE]", Complete: completeNodes(model.Gateway),
		Find: func(args []string) ([]agentcmd.Gateway, error) {
			d, err := a.deployment("agent", args[0])
			if err != nil {
				return nil, err
			}
			agents, err := d.Agents(strings.Join(args[1:], ""))
			if err != nil {
				return nil, err
			}
			var all []agentcmd.Gateway
			for _, agent := range agents {
				g := agentcmd.Gateway{Agent: agent}
				if len(agents) > 1 {
					g.Node = agent.Node()
				}
				all = append(all, g)
			}
			return all, nil
		},
	}
	cmd.AddCommand(about.All()...)
	return cmd
}
