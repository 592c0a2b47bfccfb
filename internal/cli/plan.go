// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/terminal"
)

func (a *App) planCommand() *cobra.Command {
	var exitCode bool
	cmd := &cobra.Command{
		Use:     "plan FILE",
		GroupID: "cloud",
		Short:   "Show what up would change on AWS, and change nothing",
		Long: `Show the difference between the cloud file and AWS, and change nothing. The plan does
not cover what runs on the nodes: up compares that on the node.`,
		Example:           "  macaw plan cloud.yaml\n  macaw plan cloud.yaml --exit-code && echo as wanted",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("plan", args[0])
			if err != nil {
				return err
			}
			plan, err := d.Plan(cmd.Context())
			if err != nil {
				return err
			}
			err = a.Print(plan.Plan, func(w io.Writer) error {
				if plan.LabUp {
					fmt.Fprintln(w, "+ bring the lab up")
				}
				if plan.Empty() && len(plan.Drift) == 0 {
					fmt.Fprintln(w, "AWS matches the cloud file.")
				}
				_, err := fmt.Fprint(w, plan.Plan)
				for _, g := range plan.Guests {
					_, err = fmt.Fprintf(w, "  %s: %s\n", g.Node, g.Text)
				}
				return err
			})
			if err == nil && exitCode && !plan.Empty() {
				return terminal.ExitCode(terminal.ExitChanges)
			}
			return err
		},
	}
	usage := fmt.Sprintf("exit with %d if there is something to do", terminal.ExitChanges)
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, usage)
	return cmd
}
