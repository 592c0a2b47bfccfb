// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/deploy"
)

func (a *App) downCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "down FILE",
		GroupID: "cloud",
		Short:   "Remove a cloud and all its AWS resources",
		Long: `Remove all resources with the cloud's tag, in the order that AWS requires, with all
guests, volumes and Elastic IPs. It lists what goes and asks first; --yes is for
scripts, which have no terminal to ask on. Resources
that others use (such as a subnet with somebody else's instance) stay; they are listed
with their users, and the exit code is 1. A lab that is empty afterwards is removed
too, except for its images.`,
		Example:           "  macaw down examples/lab.yaml\n  macaw down examples/lab.yaml --yes",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("down", args[0])
			if err != nil {
				return err
			}
			if !yes {
				d.Approve = a.approveRemoval
			}
			res, err := d.Down(cmd.Context())
			if err != nil && len(res.Kept) == 0 {
				return err
			}
			printed := a.Print(res, func(w io.Writer) error { return printRemoved(w, res) })
			return cmp.Or(err, printed)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// approveRemoval shows what goes with a cloud, and asks.
func (a *App) approveRemoval(ctx context.Context, r deploy.Removing) error {
	fmt.Fprint(a.Stderr, r)
	return a.Confirm(ctx, "Remove all of it, with its guests and their data?", false)
}

func printRemoved(w io.Writer, r deploy.DownResult) error {
	switch {
	case len(r.Kept) > 0:
		fmt.Fprintf(w, "Cloud %s: removed %s, left %s that others use.\n", r.Cloud,
			count(len(r.Removed), "resource"), count(len(r.Kept), "resource"))
	case len(r.Removed) == 0:
		fmt.Fprintf(w, "There was nothing of cloud %s.\n", r.Cloud)
	default:
		fmt.Fprintf(w, "Cloud %s is gone: %s removed.\n", r.Cloud, count(len(r.Removed), "resource"))
	}
	if r.LabDown {
		fmt.Fprintln(w, "The lab was empty and is down; its images stay (macaw lab down --purge removes them).")
	}
	return nil
}
