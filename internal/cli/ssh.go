package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/terminal"
)

func (a *App) sshCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ssh FILE [NODE] [-- COMMAND...]",
		GroupID: "cloud",
		Short:   "Log in to a node, or run a command on it",
		Example: "  macaw ssh cloud.yaml\n  macaw ssh cloud.yaml cloud-1 -- sudo ovs-vsctl show",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context(), args[0], a.Steps(), false)
			if err != nil {
				return err
			}
			nodes, err := s.nodes(cmd.Context(), a.Steps())
			if err != nil {
				return err
			}
			target, command := args[1:], []string(nil)
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				target, command = args[1:at], args[at:]
			}
			node, err := pickNode(nodes, target)
			if err != nil {
				return err
			}
			// Connecting once leaves the node's host key where ssh finds it.
			h, err := s.reach(cmd.Context(), node, a.Steps())
			if err != nil {
				return err
			}
			h.Close()
			_, key, err := sshKey(s.cloud.Name, host.LoadKey)
			if err != nil {
				return err
			}
			ssh, err := exec.LookPath("ssh")
			if err != nil {
				return hint.With(err, "apt-get install openssh-client")
			}
			argv := append([]string{"ssh", "-i", key, "-o", "IdentitiesOnly=yes",
				"-o", "UserKnownHostsFile=" + filepath.Join(filepath.Dir(key), "known_hosts"), "-o", "HostKeyAlias=" + node.InstanceID,
				// A node that has gone silent is given up after 25 s: four questions unanswered.
				"-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4",
				"--", nodeUser + "@" + node.ManagementPublic}, command...)
			return syscall.Exec(ssh, argv, os.Environ())
		},
	}
}

// pickNode is the node that was named, or the first.
func pickNode(nodes []infra.NodeOutput, name []string) (infra.NodeOutput, error) {
	switch {
	case len(name) == 0:
		return nodes[0], nil
	case len(name) > 1:
		return infra.NodeOutput{}, terminal.Usage(fmt.Errorf("unexpected argument %q: a command comes after --", name[1]))
	}
	for _, n := range nodes {
		if n.Name == name[0] {
			return n, nil
		}
	}
	return infra.NodeOutput{}, fmt.Errorf("the cloud has no node %s", name[0])
}
