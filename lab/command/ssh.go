// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/terminal"
	"macaw.example/lab/internal/daemon"
)

func (c *commands) sshCommand() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "ssh INSTANCE [-- COMMAND...]",
		Short: "Open a shell in a machine, or run a command in it",
		Long: `Open a login shell in a machine of the lab, given by instance ID or by name, or
run a command in one. Like a serial console, it enters from the host: it needs no
key, no address and no security group, and works when the machine's network does
not. For SSH as on AWS, use ssh with the Elastic IP, which this host can reach.`,
		Example: "  macaw lab ssh cloud-1\n  macaw lab ssh i-0123456789abcdef0 -- ip address\n  macaw lab ssh " +
			"cloud-1 --user admin",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeInstances,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, id, err := c.instance(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			pid, err := daemon.MachineInit(id)
			if err != nil {
				return c.hint(err, "status")
			}
			nsenter, err := exec.LookPath("nsenter")
			if err != nil {
				return hint.With(err, "apt-get install util-linux")
			}
			argv := []string{"nsenter", "--target", strconv.Itoa(pid), "--all", "--", "su", "--login", user}
			if len(args) > 1 {
				argv = append(argv, "--command", shellJoin(args[1:]))
			}
			// A login shell starts with a clean environment.
			return syscall.Exec(nsenter, argv,
				[]string{"TERM=" + os.Getenv("TERM"), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
		},
	}
	cmd.Flags().StringVar(&user, "user", "root", "user to log in as")
	return cmd
}

// shellJoin quotes words into one command line. A single word is taken as a command line,
// as by ssh.
func shellJoin(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

// completing is the context of a completion. It is short: a shell shows no progress while
// it completes.
func completing(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return context.WithTimeout(cmd.Context(), terminal.Patience)
}

// completeInstances completes the names and IDs of the lab's instances.
func (c *commands) completeInstances(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	ctx, cancel := completing(cmd)
	defer cancel()
	if api, err := c.client(ctx); err == nil {
		pages := ec2.NewDescribeInstancesPaginator(api, &ec2.DescribeInstancesInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				break
			}
			for _, r := range page.Reservations {
				for _, i := range r.Instances {
					names = append(names, *i.InstanceId)
					if name := nameTag(i.Tags); name != "" {
						names = append(names, name+"\t"+*i.InstanceId)
					}
				}
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
