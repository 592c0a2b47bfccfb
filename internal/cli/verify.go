// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/deploy"
	"macaw.example/internal/terminal"
)

func (a *App) verifyCommand() *cobra.Command {
	var keep, clean bool
	cmd := &cobra.Command{
		Use:     "verify FILE",
		GroupID: "cloud",
		Short:   "Show that a cloud works: a guest, reached from outside",
		Long: `Make the project macaw-verify with a router and a guest, reach the Internet from the
guest and the guest from here, and remove everything again.

With --keep the project and its guest stay, for you to log in, until the next
verification removes them: of another "macaw verify", or of a "macaw up" that has
changed something. The administrator sees the guest with
"openstack server list --all-projects". To remove it: macaw verify FILE --clean.`,
		Example:           "  macaw verify cloud.yaml\n  macaw verify cloud.yaml --keep\n  macaw verify cloud.yaml --clean",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if keep && clean {
				return terminal.Usage(errors.New("--keep leaves a guest, and --clean removes it: only one of them"))
			}
			d, err := a.deployment("verify", args[0])
			if err != nil {
				return err
			}
			if clean {
				removed, err := d.CleanVerify(cmd.Context())
				if err != nil {
					return err
				}
				return a.Print(cleaned{removed}, func(w io.Writer) error { return printCleaned(w, removed) })
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
	cmd.Flags().BoolVar(&clean, "clean", false, "only remove what an earlier verification has left")
	return terminal.AfterSignal(cmd, "the next macaw verify removes what this one has left in the cloud")
}

// cleaned is the output of verify --clean.
type cleaned struct {
	Removed bool `json:"removed"` // whether there was anything
}

func printCleaned(w io.Writer, removed bool) error {
	text := "No verification has left anything.\n"
	if removed {
		text = "Removed what a verification has left.\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// printKept describes a guest that stays, and for how long.
func printKept(w io.Writer, res deploy.VerifyResult, cloud, file string) error {
	_, err := fmt.Fprintf(w, `
It stays, in project %[1]s, until the next verification removes it: of another macaw verify, or of a
macaw up that has changed something.
  to log in:      %[2]s
  to see it:      openstack --os-cloud %[3]s server list --all-projects
  to remove it:   macaw verify %[4]s --clean
`, res.Project, res.SSH, cloud, file)
	return err
}
