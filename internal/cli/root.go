// Package cli is macaw's command line, one file a command.
package cli

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"macaw.example/internal/terminal"
	"macaw.example/lab"
)

// App is macaw's commands on a terminal.
type App struct {
	*terminal.Terminal
	// Lab is what a cloud's lab is brought up with.
	Lab lab.Options
}

// New returns the commands, with more below the root.
func New(t *terminal.Terminal, o lab.Options, more ...*cobra.Command) *cobra.Command {
	app := &App{Terminal: t, Lab: o}
	root := app.root()
	root.AddCommand(more...)
	t.Flags(root)
	return root
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "macaw",
		Short: "OpenStack on AWS, with a network that works",
		Long: `Macaw makes an OpenStack cloud on AWS EC2 instances, or on a local AWS (the lab),
and makes Neutron's external network a true part of the VPC: any number of
routers and floating IPs behind one ENI, each with an Elastic IP of its own.

The exit status is 0 if all went well, 1 after an error, 2 if the command line
can't be right, 3 if "plan --exit-code" finds something to do, 130 after SIGINT
(Ctrl-C) and 143 after SIGTERM. Any command may be interrupted anywhere; what shows
something until it is interrupted, such as "lab pcap", ends with 0 then.`,
		Example: `  macaw up examples/lab.yaml       # a cloud on the lab: no AWS account needed
  macaw plan cloud.yaml            # what up would do
  macaw verify cloud.yaml          # a guest, reached from outside
  macaw down cloud.yaml            # remove all of it`,
		Version: version(),
	}
	root.AddGroup(
		&cobra.Group{ID: "cloud", Title: "A cloud:"},
		&cobra.Group{ID: "lab", Title: "The lab, a local AWS:"},
	)
	root.AddCommand(
		a.upCommand(), terminal.ReadOnly(a.planCommand()), a.downCommand(), terminal.ReadOnly(a.statusCommand()), a.verifyCommand(),
		a.bakeCommand(), a.sshCommand(), a.gatewayCommand(), a.forwardCommand(), terminal.Service(a.agentCommand()),
		a.nodeCommand(),
	)
	return root
}

// version is the module's version or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}
