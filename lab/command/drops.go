// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/lab/internal/control"
)

func (c *commands) dropsCommand() *cobra.Command {
	var last int
	var follow bool
	cmd := &cobra.Command{
		Use:   "drops",
		Short: "Show the frames that the fabric dropped, and why",
		Long: `Show the frames that the lab's fabric dropped, counted by network interface and
reason, and the most recent ones; with --follow, show each new one. AWS drops the
same frames silently.`,
		Example: "  macaw lab drops\n  macaw lab drops --last 50\n  macaw lab drops --follow\n  macaw lab drops --output " +
			"json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if follow {
				return c.hintIfDown(c.followDrops(cmd.Context()))
			}
			var drops control.Drops
			err := c.ask(func() (err error) {
				drops, err = control.ReadDrops(cmd.Context())
				return err
			})
			if err != nil {
				return c.hintIfDown(err)
			}
			return c.Print(drops, func(w io.Writer) error { return printDrops(w, drops, last) })
		},
	}
	cmd.Flags().IntVar(&last, "last", 10, "how many recent drops to show")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false,
		"show each drop as it happens, until interrupted; one JSON document per line with --output json")
	return cmd
}

func (c *commands) followDrops(ctx context.Context) error {
	out := json.NewEncoder(c.Stdout)
	return control.FollowDrops(ctx, func(d control.Drop, lost uint64) error {
		if c.JSON() {
			return out.Encode(struct {
				control.Drop
				Lost uint64 `json:"lost,omitempty"`
			}{d, lost})
		}
		if lost > 0 {
			if _, err := fmt.Fprintf(c.Stdout, "… %d more, too many at once to show\n", lost); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(c.Stdout, "%s  %-21s  %-7s  %-22s  %s\n", d.Time.Format("15:04:05.000"), d.Port, d.Direction,
			d.Reason, d.Summary)
		return err
	})
}

func printDrops(w io.Writer, d control.Drops, last int) error {
	if len(d.Counts) == 0 {
		_, err := fmt.Fprintln(w, "The fabric has dropped nothing.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PORT\tDIRECTION\tREASON\tFRAMES\t")
	for _, c := range d.Counts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", c.Port, c.Direction, c.Reason, c.Frames, c.Explain)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	recent := d.Recent[max(0, len(d.Recent)-last):]
	if len(recent) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nThe last of them:")
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range recent {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.Time.Format(time.TimeOnly), r.Port, r.Direction, r.Reason, r.Summary)
	}
	return t.Flush()
}
