// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/internal/daemon"
	"macaw.example/lab/internal/machine"
)

func (c *commands) upCommand() *cobra.Command {
	var quota int
	var announce bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring the lab up: its stock image, EC2 API, metadata and fabric",
		Long: `Bring the lab up. The first run builds the machines' image. If the lab is up
already, only the settings given by flags change: machines and their connections
stay.`,
		Example: "  macaw lab up\n  macaw lab up --elastic-ip-quota 50\n  macaw lab up --announce-moves",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quota < 0 {
				return terminal.Usage(fmt.Errorf("--elastic-ip-quota %d: must not be negative", quota))
			}
			o := c.options
			o.ElasticIPQuota = quota
			if cmd.Flags().Changed("announce-moves") {
				o.AnnounceMoves = &announce
			}
			l, err := lab.Up(cmd.Context(), o, func(step string) func(error) { return c.Steps().Start("lab", step) })
			if err != nil {
				return err
			}
			up := map[string]string{"endpoint": lab.Endpoint, "region": lab.Region, "accessKey": l.AccessKey()}
			return c.Print(up, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "The lab is up at %s.\nTo use it in this shell:  eval \"$(%s env)\"\n", lab.Endpoint,
					c.name)
				return err
			})
		},
	}
	cmd.Flags().IntVar(&quota, "elastic-ip-quota", 0,
		"Elastic IP quota of the account; initially 5, as on AWS, and kept until changed")
	cmd.Flags().BoolVar(&announce, "announce-moves", false,
		"announce an address that moved to another network interface to the subnet's machines; reports on AWS conflict, "+
			"off is the stricter setting")
	return cmd
}

// down is the result of down.
type down struct {
	Purged bool `json:"purged"` // images too
}

// rebooted is the result of reboot.
type rebooted struct {
	Instance string `json:"instance"` // ID
}

func (c *commands) downCommand() *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Remove the lab: daemon, machines, namespaces, mounts, routes",
		Long: `Remove the lab with everything in it: its daemon, machines, network namespaces,
mounts and routes. Images stay, so that the next lab starts quickly; --purge
removes them too.`,
		Example: "  macaw lab down\n  macaw lab down --purge",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := c.Steps().Do("lab", "remove machines, namespaces, mounts and routes", func() error {
				return lab.Down(cmd.Context(), purge)
			})
			if err != nil {
				return err
			}
			return c.Print(down{purge}, func(w io.Writer) error {
				text := "The lab is down; its images stay."
				if purge {
					text = "The lab is down, and its images are removed."
				}
				_, err := fmt.Fprintln(w, text)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "remove images too")
	return cmd
}

func (c *commands) rebootCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reboot INSTANCE",
		Short:   "Reboot a machine, given by instance ID or by name",
		Example: "  macaw lab reboot cloud-1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.instance(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			err = c.Steps().Do("lab", "reboot "+id, func() error { return reboot(cmd.Context(), api, id) })
			if err != nil {
				return err
			}
			return c.Print(rebooted{id}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Machine %s is rebooting.\n", id)
				return err
			})
		},
	}
}

func (c *commands) envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the environment variables with which AWS tools use the lab",
		Long: `Print shell commands that point AWS tools at the lab: its endpoint, its region and the
account's credentials.

AWS CLI reads AWS_ENDPOINT_URL from version 2.13.0 on, or 1.29.0; Debian 12 has an
older one, which needs --endpoint-url "$AWS_ENDPOINT_URL" in each command. The lab
serves EC2, IAM, STS, IAM Identity Center (SSO), Systems Manager's public parameters,
Service Quotas, and parts of KMS and of the price list.`,
		Example: `  eval "$(macaw lab env)"
  aws ec2 describe-instances
  aws --endpoint-url "$AWS_ENDPOINT_URL" ec2 describe-instances   # with an old AWS CLI`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			l, err := lab.Saved()
			if err != nil {
				return c.hintIfDown(err)
			}
			env := l.Env()
			return c.Print(env, func(w io.Writer) error {
				var names []string
				for name := range env {
					names = append(names, name)
				}
				slices.Sort(names)
				for _, name := range names {
					if _, err := fmt.Fprintf(w, "export %s=%s\n", name, env[name]); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// daemonCommand runs the lab's daemon.
func (c *commands) daemonCommand() *cobra.Command {
	return &cobra.Command{
		Use: "daemon", Hidden: true, Short: "Run the lab's daemon", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return daemon.Serve(cmd.Context(), append(slices.Clone(c.options.Command), "machine"))
		},
	}
}

// machineCommand runs the supervisor of a machine.
func (c *commands) machineCommand() *cobra.Command {
	return &cobra.Command{
		Use: "machine FOLDER", Hidden: true, Short: "Run a machine of the lab", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return machine.Supervise(cmd.Context(), args[0])
		},
	}
}
