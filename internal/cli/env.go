// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/host"
)

func (a *App) envCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "env FILE",
		GroupID: "cloud",
		Short:   "Print the environment for OpenStack's clients",
		Long: `Print shell commands that point OpenStack's clients at the cloud: the official one,
Terraform's provider, and whatever reads clouds.yaml. Its entry there is renewed with
the administrator's password. OS_CACERT names the certificate of the cloud's own
authority; trust it in a browser for the dashboard. It can certify nothing but this
cloud.`,
		Example: `  eval "$(macaw env cloud.yaml)" && openstack server list
  eval "$(macaw env cloud.yaml)" && curl --cacert "$OS_CACERT" https://198.51.100.10/identity
  macaw env cloud.yaml --output json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("env", args[0])
			if err != nil {
				return err
			}
			env, err := d.Env(cmd.Context())
			if err != nil {
				return err
			}
			return a.Print(env, func(w io.Writer) error {
				for _, v := range []struct{ name, value string }{
					{"OS_CLOUD", env.Cloud}, {"OS_CLIENT_CONFIG_FILE", env.Clouds}, {"OS_CACERT", env.CACert},
				} {
					if v.value == "" {
						continue
					}
					if _, err := fmt.Fprintf(w, "export %s=%s\n", v.name, host.Quote(v.value)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}
