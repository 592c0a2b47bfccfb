// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/terminal"
)

func (a *App) verifyCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:     "verify FILE",
		GroupID: "cloud",
		Short:   "Show that a cloud works: a guest, reached from outside",
		Long: `Make a project with a router and a guest, reach the Internet from the guest and
the guest from here, and remove everything again.`,
		Example:           "  macaw verify cloud.yaml\n  macaw verify cloud.yaml --keep",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("verify", args[0])
			if err != nil {
				return err
			}
			res, err := d.Verify(cmd.Context(), keep)
			if err != nil {
				return err
			}
			return a.Print(res, func(w io.Writer) error {
				fmt.Fprintf(w, "The cloud works: guest %s was reached at %s, which is floating IP %s.\n",
					res.Guest, res.ReachedAt(), res.FloatingIP)
				if res.Kept {
					fmt.Fprintf(w, "It was kept:  ssh -i %s %s@%s\n", res.KeyFile, res.Login, res.ReachedAt())
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the project and its guest in place")
	return terminal.AfterSignal(cmd, "the next macaw verify removes what this one has left in the cloud")
}
