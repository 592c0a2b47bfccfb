// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/terminal"
)

func (a *App) planCommand() *cobra.Command {
	var exitCode, prices bool
	cmd := &cobra.Command{
		Use:     "plan FILE",
		GroupID: "cloud",
		Short:   "Show what up would change on AWS, and change nothing",
		Long: `Show the difference between the cloud file and AWS, and change nothing. The plan does
not cover what runs on the nodes: up compares that on the node.

Then come the costs on AWS, by the hour and by the month of 730 hours: of each
instance (On-Demand, Linux), volume and public IPv4 address, of all, and of what the
plan adds. Not included are traffic, taxes and discounts. The prices are those of a
table in macaw; --prices asks AWS, and later plans use its answer.`,
		Example:           "  macaw plan cloud.yaml\n  macaw plan cloud.yaml --exit-code && echo as wanted",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("plan", args[0])
			if err != nil {
				return err
			}
			d.Prices = prices
			plan, err := d.Plan(cmd.Context())
			if err != nil {
				return err
			}
			err = a.Print(plan.Plan, func(w io.Writer) error {
				fmt.Fprintf(w, "Cloud %s in %v\n", d.Cloud.Name, plan.Identity)
				if plan.LabUp {
					fmt.Fprintln(w, "+ bring the lab up")
				}
				if plan.Empty() && len(plan.Drift) == 0 {
					fmt.Fprintln(w, "AWS matches the cloud file.")
				}
				_, err := fmt.Fprint(w, plan.Plan)
				if !plan.Empty() {
					_, err = fmt.Fprintf(w, "Plan: %s.\n", plan.Summary())
				}
				for _, node := range plan.Leaving {
					_, err = fmt.Fprintf(w, "  node %s: its guests move to other nodes first\n", node)
				}
				for _, g := range plan.Guests {
					_, err = fmt.Fprintf(w, "  %s: %s\n", g.Node, g.Text)
				}
				if err != nil {
					return err
				}
				return printCost(w, d, plan.Cost)
			})
			if err == nil && exitCode && !plan.Empty() {
				return terminal.ExitCode(terminal.ExitChanges)
			}
			return err
		},
	}
	usage := fmt.Sprintf("exit with %d if there is something to do", terminal.ExitChanges)
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, usage)
	addPrices(cmd, &prices)
	return cmd
}
