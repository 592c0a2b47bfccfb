// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/deploy"
	"macaw.example/internal/terminal"
)

func (a *App) verifyCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:     "verify FILE",
		GroupID: "cloud",
		Short:   "Show that a cloud works: a guest, reached from outside",
		Long: `Make the project macaw-verify with a router and a guest, reach the Internet from the
guest and the guest from here, and remove everything again.

With --keep the project and its guest stay, for you to log in, until the next
verification removes them: of another "macaw verify", or of a "macaw up" that has
changed something. The administrator sees the guest with
"openstack server list --all-projects". To remove it: macaw verify FILE.`,
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
					return printKept(w, res, d.Cloud.Name, args[0])
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the project and its guest in place, until the next verification")
	return terminal.AfterSignal(cmd, "the next macaw verify removes what this one has left in the cloud")
}

// printKept describes a guest that stays, and for how long.
func printKept(w io.Writer, res deploy.VerifyResult, cloud, file string) error {
	_, err := fmt.Fprintf(w, `
It stays, in project %[1]s, until the next verification removes it: of another macaw verify, or of a
macaw up that has changed something.
  to log in:      %[2]s
  to see it:      openstack --os-cloud %[3]s server list --all-projects
  to remove it:   macaw verify %[4]s
`, res.Project, res.SSH, cloud, file)
	return err
}
