// SPDX-License-Identifier: Apache-2.0

// Command macaw-node runs on a cloud's nodes: a gateway's agent, the commands for it, and the jobs
// that make a machine a node. macaw embeds it, copies it to each node and runs it there.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"macaw.example/internal/agentcmd"
	"macaw.example/internal/terminal"
	"macaw.example/internal/version"
)

func main() {
	t := terminal.New(os.Stdout, os.Stderr)
	os.Exit(t.Main(root(t), os.Args[1:]))
}

func root(t *terminal.Terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "macaw-node",
		Short: "A node of a cloud that macaw has made",
		Long: `Show or switch the translation between the provider NIC and the bridge of this
gateway node, and release held Elastic IPs. The other commands are run by macaw and
systemd.`,
		Version: version.String(),
	}
	about := &agentcmd.Commands{
		Terminal: t, Name: "macaw-node",
		Find: func([]string) ([]agentcmd.Gateway, error) { return []agentcmd.Gateway{{Agent: local{}}}, nil },
	}
	root.AddCommand(about.All()...)
	root.AddCommand(terminal.Service(agentCommand(t)), agreeCommand(), certificatesCommand(t),
		tunnelCommand(t), virtualizationCommand(t), natCommand(), disksCommand(), secretsCommand(t), forgetCommand(t),
		gatewaysCommand(t), overviewCommand(t), computesCommand(t), spotCommand(t))
	root.AddCommand(jobs(t)...)
	t.Flags(root)
	return root
}
