// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/terminal"
	"macaw.example/lab/internal/control"
)

func (c *commands) flowsCommand() *cobra.Command {
	var eni string
	var every, long time.Duration
	cmd := &cobra.Command{
		Use:   "flows",
		Short: "Show the flow log: accepted and rejected flows, and the reasons",
		Long: `Show, after each interval, the flows at each network interface, and whether the
fabric accepted them. The fields are those of AWS's VPC flow logs (version 2,
without account and status), then the direction and, for a rejected flow, the
reason. Frames that are not IP have no addresses. It goes on until it is
interrupted, or for the time of --for; with --output json it writes one JSON
document per line.`,
		Example: "  macaw lab flows\n  macaw lab flows --eni eni-0123456789abcdef0 --interval 1s --for 30s\n  macaw lab " +
			"flows --output json | jq 'select(.action == \"REJECT\")'",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every <= 0 {
				return terminal.Usage(fmt.Errorf("--interval %s: want a positive duration such as 10s", every))
			}
			ctx := cmd.Context()
			if long > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, long)
				defer cancel()
			}
			if err := c.ask(func() error { return c.knownPort(ctx, eni) }); err != nil {
				return err
			}
			return c.hintIfDown(c.followFlows(ctx, eni, every))
		},
	}
	cmd.Flags().StringVar(&eni, "eni", "", `the network interface's ID, "internet" or "services"; default: all`)
	cmd.Flags().DurationVar(&every, "interval", 10*time.Second, "aggregation interval")
	cmd.Flags().DurationVar(&long, "for", 0, "stop after this time, such as 1m; default: when interrupted")
	_ = cmd.RegisterFlagCompletionFunc("eni", c.completePorts)
	return cmd
}

func (c *commands) followFlows(ctx context.Context, eni string, every time.Duration) error {
	if !c.JSON() {
		fmt.Fprintln(c.Stdout, "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "+
			"flow-direction reason")
	}
	out := json.NewEncoder(c.Stdout)
	var told uint64
	return control.FollowFlows(ctx, eni, every, func(flows []control.Flow, lost uint64) error {
		for _, f := range flows {
			if c.JSON() {
				if err := out.Encode(f); err != nil {
					return err
				}
				continue
			}
			_, err := fmt.Fprintln(c.Stdout, f.Port, address(f.Source), address(f.Dest), f.SPort, f.DPort, f.Protocol, f.Packets,
				f.Bytes,
				f.Start.Unix(), f.End.Unix(), f.Action, f.Direction, cmp.Or(f.Reason, "-"))
			if err != nil {
				return err
			}
		}
		if lost > told {
			fmt.Fprintf(c.Stderr, "%d frames came too fast to be looked at\n", lost-told)
			told = lost
		}
		return nil
	})
}

// address formats an address as flow logs do: - if there is none.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}
