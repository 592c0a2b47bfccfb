package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"macaw/internal/guest"
	"macaw/internal/lab"
	"macaw/internal/lab/image"
	"macaw/internal/lab/machine"
	"macaw/internal/openstack"
)

func (a *App) labCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "lab",
		GroupID: "lab",
		Short:   "The lab: a local AWS with machines and a network that drops what AWS drops",
		Args:    cobra.NoArgs,
	}
	cmd.AddCommand(
		a.labUpCommand(), a.labDownCommand(), looksOnly(a.labStatusCommand()), looksOnly(a.labEnvCommand()),
		a.labSSHCommand(), a.labRebootCommand(),
		looksOnly(a.labDropsCommand()), a.labFaultCommand(), looksOnly(a.labPcapCommand()),
		looksOnly(a.labFlowsCommand()), a.labConformCommand(),
		asService(a.labDaemonCommand()), asService(a.labMachineCommand()),
	)
	return cmd
}

// askLab runs what waits for the lab's daemon, and says so if that lasts.
func (a *App) askLab(fn func() error) error { return a.steps().Await("lab", "ask the lab", fn) }

// labOptions are what this program brings a lab up with: the packages of its
// OpenStack and of its guest lie in the lab's images.
func labOptions() (lab.Options, error) {
	self, err := os.Executable()
	if err != nil {
		return lab.Options{}, err
	}
	return lab.Options{
		Recipe: image.Recipe{Suite: "trixie", Archive: openstack.Packages(), Apart: guest.Packages},
		Daemon: []string{self, "lab", "daemon"},
	}, nil
}

func (a *App) labUpCommand() *cobra.Command {
	var quota int
	var announce bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring the lab up: its stock image, EC2 API, metadata and fabric",
		Long: `Bring the lab up. The first time it makes the machines' image. A lab that is up
stays as it is but for what the flags say: machines and their connections go on.`,
		Example: "  macaw lab up\n  macaw lab up --elastic-ip-quota 50\n  macaw lab up --announce-moves",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quota < 0 {
				return usageError{fmt.Errorf("--elastic-ip-quota %d: want a number of Elastic IPs", quota)}
			}
			cfg, err := a.labUp(cmd.Context(), a.steps(), func(o *lab.Options) {
				o.ElasticIPQuota = quota
				if cmd.Flags().Changed("announce-moves") {
					o.AnnounceMoves = &announce
				}
			})
			if err != nil {
				return err
			}
			return a.print(map[string]string{"endpoint": lab.Endpoint, "region": lab.Region, "accessKey": cfg.AccessKey}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "The lab is up at %s.\nFor a shell that talks to it:  eval \"$(macaw lab env)\"\n", lab.Endpoint)
				return err
			})
		},
	}
	cmd.Flags().IntVar(&quota, "elastic-ip-quota", 0, "how many Elastic IPs the account may hold; 5, as on AWS, unless given once")
	cmd.Flags().BoolVar(&announce, "announce-moves", false, "tell a subnet's machines of an address that moved to another network interface; reports on AWS conflict, off is the harsher")
	return cmd
}

func (a *App) labUp(ctx context.Context, steps *Steps, set func(*lab.Options)) (lab.Config, error) {
	opts, err := labOptions()
	if err != nil {
		return lab.Config{}, err
	}
	set(&opts)
	return lab.Up(ctx, opts, func(what string) func(error) { return steps.Start("lab", what) })
}

func (a *App) labDownCommand() *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Remove the lab: daemon, machines, namespaces, mounts, routes",
		Long: `Remove the lab with everything in it: its daemon, machines, network namespaces,
mounts and routes. Images stay, so that the next lab is up in a moment; --purge
removes them too.`,
		Example: "  macaw lab down\n  macaw lab down --purge",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			steps := a.steps()
			return steps.Do("lab", "remove machines, namespaces, mounts and routes", func() error {
				return lab.Down(cmd.Context(), purge)
			})
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "remove images too")
	return cmd
}

func (a *App) labRebootCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reboot INSTANCE",
		Short:   "Reboot a machine, given by instance ID or by name",
		Example: "  macaw lab reboot cloud-1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := a.labInstance(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.steps().Do("lab", "reboot "+id, func() error { return reboot(cmd.Context(), api, id) })
		},
	}
}

func (a *App) labEnvCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "env",
		Short:   "Print the environment in which AWS's tools talk to the lab",
		Example: "  eval \"$(macaw lab env)\"\n  aws ec2 describe-instances",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := lab.ReadConfig()
			if err != nil {
				return hint(fmt.Errorf("there is no lab: %w", err), "macaw lab up")
			}
			env := map[string]string{
				"AWS_ENDPOINT_URL": lab.Endpoint, "AWS_REGION": lab.Region, "AWS_DEFAULT_REGION": lab.Region,
				"AWS_ACCESS_KEY_ID": cfg.AccessKey, "AWS_SECRET_ACCESS_KEY": cfg.SecretKey,
			}
			return a.print(env, func(w io.Writer) error {
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

// labDaemonCommand is the process that the lab is.
func (a *App) labDaemonCommand() *cobra.Command {
	return &cobra.Command{
		Use: "daemon", Hidden: true, Short: "Be the lab's daemon", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			return lab.Serve(cmd.Context(), []string{self, "lab", "machine"})
		},
	}
}

// labMachineCommand is the process that a machine runs under.
func (a *App) labMachineCommand() *cobra.Command {
	return &cobra.Command{
		Use: "machine FOLDER", Hidden: true, Short: "Run a machine of the lab", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return machine.Supervise(cmd.Context(), args[0])
		},
	}
}
