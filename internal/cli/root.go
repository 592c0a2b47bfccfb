// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"macaw.example/internal/cloud"
	"macaw.example/internal/deploy"
	"macaw.example/internal/terminal"
	"macaw.example/internal/version"
)

// App has macaw's commands, on a terminal.
type App struct {
	*terminal.Terminal
	// Deployment has the settings that all clouds share: how the lab is brought up, and the time
	// limits.
	Deployment deploy.Deployment

	profile string // of AWS's configuration
}

// Root returns the root command, with more below it.
func (a *App) Root(more ...*cobra.Command) *cobra.Command {
	root := a.root()
	root.AddCommand(more...)
	a.Flags(root)
	return root
}

// deployment returns the Deployment of a cloud file, for this command.
func (a *App) deployment(command, file string) (*deploy.Deployment, error) {
	c, err := cloud.Load(file)
	if err != nil {
		return nil, err
	}
	home, err := operatorHome()
	if err != nil {
		return nil, err
	}
	if c.InLab() && a.profile != "" {
		return nil, terminal.Usage(errors.New("--profile is for clouds on AWS, and the target of " + file + " is the lab"))
	}
	d := a.Deployment
	d.Profile, d.Ask = a.profile, a.Asker()
	d.Cloud, d.Home, d.Progress, d.Command = c, home, a.Steps(), command+" "+file
	return &d, nil
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "macaw",
		Short: "OpenStack on AWS, with a network that works",
		Long: `Macaw makes an OpenStack cloud on AWS EC2 instances, or on a local AWS (the lab),
and makes Neutron's external network a true part of the VPC: any number of
routers and floating IPs behind one ENI, each with its own Elastic IP.

The exit status is 0 after success, 1 after an error, 2 if the command line is
invalid, 3 if "plan --exit-code" finds something to do, 4 if a check of "preflight"
fails, 130 after SIGINT (Ctrl-C) and 143 after SIGTERM. Any command may be interrupted
at any point; one that runs until it is interrupted, such as "lab pcap", then ends
with 0.

With --output json, the result on stdout is JSON. Errors and progress are text on stderr all the
same: lines "error: ..." and "hint: ...".`,
		Example: `  macaw up examples/lab.yaml       # a cloud on the lab: no AWS account needed
  macaw preflight cloud.yaml       # whether the AWS account can carry it
  macaw plan cloud.yaml            # what up would do
  macaw verify cloud.yaml          # a guest, reached from outside
  macaw down cloud.yaml            # remove all of it`,
		Version: version.String(),
	}
	root.AddGroup(
		&cobra.Group{ID: "cloud", Title: "A cloud:"},
		&cobra.Group{ID: "lab", Title: "The lab, a local AWS:"},
	)
	clouds := []*cobra.Command{
		a.upCommand(), terminal.ReadOnly(a.planCommand()), terminal.ReadOnly(a.preflightCommand()), a.downCommand(),
		terminal.ReadOnly(a.statusCommand()),
		a.verifyCommand(),
		a.bakeCommand(), a.envCommand(), terminal.TextOnly(a.sshCommand()), a.agentCommand(), a.forwardCommand(),
		a.nodeCommand(), a.gatewayCommand(),
	}
	for _, cmd := range clouds {
		cmd.PersistentFlags().StringVar(&a.profile, "profile", "",
			"profile of AWS's configuration (default: AWS_PROFILE, or the environment's keys)")
	}
	root.AddCommand(clouds...)
	return root
}
