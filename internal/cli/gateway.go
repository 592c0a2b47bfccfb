// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

func (a *App) gatewayCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "gateway",
		GroupID: "cloud",
		Short:   "Show and choose which gateway node has which router",
		Long: `Show which gateway node has which router, and move routers between gateways.

When a gateway fails, its routers move to others with their addresses and Elastic IPs, and
stay there: nothing brings them back but these commands. To keep routers away from a
node, for instance before its instance is stopped: macaw node drain.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(terminal.ReadOnly(a.gatewayListCommand()), a.gatewayPreferCommand(), a.gatewaySpreadCommand())
	return cmd
}

func (a *App) gatewayListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list FILE", Short: "Show which gateway node has which router", Args: cobra.ExactArgs(1),
		Example:           "  macaw gateway list cloud.yaml\n  macaw gateway list cloud.yaml --output json",
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("gateway list", args[0])
			if err != nil {
				return err
			}
			all, err := d.Gateways(cmd.Context())
			if err != nil {
				return err
			}
			return a.printGateways(all)
		},
	}
}

func (a *App) gatewayPreferCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "prefer FILE NODE", Short: "Move all routers to a gateway node", Args: cobra.ExactArgs(2),
		Long: `Move all routers to a gateway node, once. They stay there until the node fails, or until they
are moved again. A packet or a few of each router are lost.`,
		Example:           "  macaw gateway prefer cloud.yaml gw-1",
		ValidArgsFunction: completeNodes(model.Gateway),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("gateway prefer", args[0])
			if err != nil {
				return err
			}
			all, err := d.PreferGateway(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			return a.printGateways(all)
		},
	}
	return terminal.AfterSignal(cmd, "routers may move all the same; macaw gateway list shows where they are")
}

func (a *App) gatewaySpreadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "spread FILE", Short: "Spread the routers over all gateway nodes", Args: cobra.ExactArgs(1),
		Long: `Spread the routers evenly over all gateway nodes that are fit, once. A packet or a few of
each router that moves are lost.`,
		Example:           "  macaw gateway spread cloud.yaml",
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("gateway spread", args[0])
			if err != nil {
				return err
			}
			all, err := d.SpreadGateways(cmd.Context())
			if err != nil {
				return err
			}
			return a.printGateways(all)
		},
	}
	return terminal.AfterSignal(cmd, "routers may move all the same; macaw gateway list shows where they are")
}

func (a *App) printGateways(all nodeapi.Gateways) error {
	return a.Print(all, func(w io.Writer) error {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "GATEWAY\tROUTERS\tSTATE")
		for _, n := range all.Gateways {
			fmt.Fprintf(t, "%s\t%d\t%s\n", n.Name, n.Routers, gatewayState(n))
		}
		if len(all.Routers) > 0 {
			fmt.Fprintln(t, "\nROUTER\tID\tON\tTHEN")
		}
		for _, r := range all.Routers {
			var then []string
			for _, n := range r.Order {
				if n != r.Node {
					then = append(then, n)
				}
			}
			on := r.Node
			if on == "" {
				on = "no node"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Name, r.ID, on, strings.Join(then, ", "))
		}
		return t.Flush()
	})
}

// gatewayState is a gateway's state in words.
func gatewayState(n nodeapi.GatewayNode) string {
	switch {
	case !n.Reachable:
		return "does not answer"
	case n.Unfit != "":
		return "unfit: " + n.Unfit
	case n.Drained:
		return "drained"
	}
	return "fit"
}
