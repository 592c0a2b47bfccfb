// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"macaw.example/internal/preflight"
	"macaw.example/internal/terminal"
)

func (a *App) preflightCommand() *cobra.Command {
	var prices bool
	cmd := &cobra.Command{
		Use:     "preflight FILE",
		GroupID: "cloud",
		Short:   "Check that the AWS account can carry a cloud, and make nothing",
		Long: fmt.Sprintf(`Check the AWS account before anything is made: region and zones, instance types,
quotas, the image, encryption, VPC Block Public Access, and the rights of the caller
by calls in dry run. up and plan make the same checks. Then it shows what the cloud
costs, as plan does.

  ✓  will work
  ✗  would fail: the hint says what can be done
  ?  unknown: AWS does not reveal it in advance, or not to this caller

The exit status is 0 if no check fails, and %d if one does.`, terminal.ExitChecks),
		Example:           "  macaw preflight cloud.yaml\n  macaw preflight cloud.yaml --output json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("preflight", args[0])
			if err != nil {
				return err
			}
			d.Prices = prices
			res, err := d.Preflight(cmd.Context())
			if err != nil {
				return err
			}
			failed := slices.ContainsFunc(res.Checks, func(c preflight.Check) bool { return c.State == preflight.Failed })
			err = a.Print(map[string]any{"ok": !failed, "identity": res.Identity, "checks": res.Checks,
				"cost": res.Cost}, func(w io.Writer) error {
				fmt.Fprintf(w, "Cloud %s in %v\n", d.Cloud.Name, res.Identity)
				for _, c := range res.Checks {
					fmt.Fprintln(w, c)
					if c.Hint != "" {
						fmt.Fprintf(w, "    hint: %s\n", c.Hint)
					}
				}
				return printCost(w, d, res.Cost)
			})
			if err == nil && failed {
				return terminal.ExitCode(terminal.ExitChecks)
			}
			return err
		},
	}
	addPrices(cmd, &prices)
	return cmd
}
