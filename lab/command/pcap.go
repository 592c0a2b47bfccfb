// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/terminal"
	"macaw.example/lab/internal/control"
)

func (c *commands) pcapCommand() *cobra.Command {
	var eni, file string
	var drops bool
	var long time.Duration
	cmd := &cobra.Command{
		Use:   "pcap",
		Short: "Capture frames at a network interface, with the reason of each drop",
		Long: `Capture the frames that a network interface passes or drops, in pcapng, for
Wireshark; a dropped packet's comment gives the reason. Outbound means sent by the
instance. Without --eni all interfaces are captured, including those of the
Internet gateways ("internet") and of the link-local services ("services"). The
capture goes to stdout until it is interrupted.`,
		Example: `  macaw lab pcap --eni eni-0123456789abcdef0 | wireshark -k -i -
  macaw lab pcap --drops --write drops.pcapng --for 1m
  macaw lab pcap --eni internet | tshark -r - -T fields -e frame.comment -e ip.dst`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			if long > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, long)
				defer cancel()
			}
			out := c.Stdout
			if file != "" {
				f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, f.Close()) }()
				out = f
			} else if terminal.IsTerminal(out) {
				return hint.With(terminal.Usage(errors.New("refusing to write a capture to a terminal")),
					"--write FILE, or | wireshark -k -i -")
			}
			if err := c.ask(func() error { return c.knownPort(ctx, eni) }); err != nil {
				return err
			}
			return c.hintIfDown(control.Capture(ctx, eni, drops, out))
		},
	}
	cmd.Flags().StringVar(&eni, "eni", "", `the network interface's ID, "internet" or "services"; default: all`)
	cmd.Flags().StringVarP(&file, "write", "w", "", "write to this file instead of stdout")
	cmd.Flags().BoolVar(&drops, "drops", false, "only dropped frames")
	cmd.Flags().DurationVar(&long, "for", 0, "stop after this time, such as 30s")
	_ = cmd.RegisterFlagCompletionFunc("eni", c.completePorts)
	return cmd
}

// knownPort refuses a network interface that does not exist: its capture would stay empty.
func (c *commands) knownPort(ctx context.Context, name string) error {
	if name == "" || name == "internet" || name == "services" {
		return nil
	}
	api, err := c.client(ctx)
	if err != nil {
		return err
	}
	if _, err := api.DescribeNetworkInterfaces(ctx,
		&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{name}}); err != nil {
		return hint.With(fmt.Errorf("finding network interface %s: %w", name, err), "macaw lab status")
	}
	return nil
}

func (c *commands) completePorts(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ports := []string{"internet\tthe Internet gateways", "services\tmetadata, DNS and time"}
	ctx, cancel := completing(cmd)
	defer cancel()
	if api, err := c.client(ctx); err == nil {
		pages := ec2.NewDescribeNetworkInterfacesPaginator(api, &ec2.DescribeNetworkInterfacesInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				break
			}
			for _, n := range page.NetworkInterfaces {
				about := aws.ToString(n.PrivateIpAddress) + " " + aws.ToString(n.Description)
				ports = append(ports, aws.ToString(n.NetworkInterfaceId)+"\t"+about)
			}
		}
	}
	return ports, cobra.ShellCompDirectiveNoFileComp
}
