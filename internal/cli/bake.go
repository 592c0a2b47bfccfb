// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/terminal"
)

func (a *App) bakeCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "bake FILE",
		GroupID: "cloud",
		Short:   "Make an image with OpenStack's packages installed, so that up is faster",
		Long: `Start an instance from a plain Debian, install OpenStack's packages on it as up
would, remove its identity (host keys, authorized keys, machine ID, logs), and make
an image (AMI) of it. From then on, up uses that image for all clouds in the region,
until the list of packages changes.

It takes as long as the packages in up, and then the copy of the disk: minutes.
Meanwhile it uses a VPC and an instance with a public address that is not an Elastic IP.
The image has a snapshot, for which AWS charges by size (0.05 USD per GB and month in
us-east-1) until you deregister the image and delete the snapshot. In the lab the image takes 2 GB of disk.`,
		Example:           "  macaw bake cloud.yaml",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("bake", args[0])
			if err != nil {
				return err
			}
			res, err := d.Bake(cmd.Context(), force)
			if err != nil {
				return err
			}
			return a.Print(res, func(w io.Writer) error {
				if !res.Made {
					_, err := fmt.Fprintf(w, "Image %s has these packages already.\n", res.Image)
					return err
				}
				_, err := fmt.Fprintf(w, "Image %s is made; macaw up uses it from now on.\n", res.Image)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "make an image even if there is one")
	return terminal.AfterSignal(cmd,
		"the instance that the image is made from may still be there, and costs; "+
			"run the same command again: it goes on, and removes it")
}
