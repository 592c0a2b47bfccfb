// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/deploy"
	"macaw.example/internal/prices"
)

func addPrices(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "prices", false, "ask AWS for today's prices (needs the right pricing:GetProducts)")
}

// printCost prints an estimate. A lab's cloud costs nothing, and is shown at AWS's prices.
func printCost(w io.Writer, d *deploy.Deployment, e *prices.Estimate) error {
	if e == nil {
		return nil
	}
	if d.Cloud.InLab() {
		fmt.Fprint(w, "The lab costs nothing. The same cloud on AWS:\n")
	}
	_, err := fmt.Fprint(w, e)
	return err
}
