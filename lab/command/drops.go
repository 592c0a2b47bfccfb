// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/terminal"
	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/vpc"
)

func (c *commands) dropsCommand() *cobra.Command {
	var last int
	var follow bool
	var only dropFilter
	cmd := &cobra.Command{
		Use:   "drops",
		Short: "Show the frames that the fabric dropped, and why",
		Long: `Show the frames that the lab's fabric dropped, counted by network interface and
reason, and the most recent ones; with --follow, show each new one. AWS drops the
same frames silently. --eni and --reason select some.`,
		Example: `  macaw lab drops
  macaw lab drops --last 50 --eni eni-0123456789abcdef0
  macaw lab drops --follow --reason source-mac
  macaw lab drops --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := only.check(); err != nil {
				return err
			}
			if err := c.ask(func() error { return c.knownPort(cmd.Context(), only.port) }); err != nil {
				return err
			}
			if follow {
				return c.hintIfDown(c.followDrops(cmd.Context(), only))
			}
			var drops control.Drops
			err := c.ask(func() (err error) {
				drops, err = control.ReadDrops(cmd.Context())
				return err
			})
			if err != nil {
				return c.hintIfDown(err)
			}
			drops = only.of(drops)
			return c.Print(drops, func(w io.Writer) error { return printDrops(w, drops, last) })
		},
	}
	cmd.Flags().IntVar(&last, "last", 10, "how many recent drops to show")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false,
		"show each drop as it happens, until interrupted; one JSON document per line with --output json")
	cmd.Flags().StringVar(&only.port, "eni", "", `the network interface's ID, "internet" or "services"; default: all`)
	cmd.Flags().StringVar(&only.reason, "reason", "", "the reason, such as source-mac; default: all")
	_ = cmd.RegisterFlagCompletionFunc("eni", c.completePorts)
	complete(cmd, "reason", dropReasons()...)
	return cmd
}

// dropFilter selects drops; an empty field selects all.
type dropFilter struct{ port, reason string }

// check refuses a reason that does not exist: nothing would ever be shown.
func (f dropFilter) check() error {
	if f.reason == "" || slices.Contains(dropReasons(), f.reason) {
		return nil
	}
	return hint.With(terminal.Usage(fmt.Errorf("--reason %q: there is no such reason", f.reason)), "one of %s",
		strings.Join(dropReasons(), ", "))
}

func dropReasons() (names []string) {
	for _, r := range vpc.Reasons() {
		names = append(names, r.String())
	}
	return names
}

func (f dropFilter) selects(port, reason string) bool {
	return (f.port == "" || f.port == port) && (f.reason == "" || f.reason == reason)
}

func (f dropFilter) of(d control.Drops) control.Drops {
	d.Counts = slices.DeleteFunc(d.Counts, func(c control.DropCount) bool { return !f.selects(c.Port, c.Reason) })
	d.Recent = slices.DeleteFunc(d.Recent, func(r control.Drop) bool { return !f.selects(r.Port, r.Reason) })
	return d
}

// dropLine formats a drop, and the header of such lines.
const dropLine = "%-12s  %-21s  %-9s  %-22s  %s\n"

// dropsIdle is after how long without a drop to say that there is none.
const dropsIdle = 10 * time.Second

func (c *commands) followDrops(ctx context.Context, only dropFilter) error {
	out := json.NewEncoder(c.Stdout)
	if !c.JSON() {
		fmt.Fprintf(c.Stdout, dropLine, "TIME", "PORT", "DIRECTION", "REASON", "FRAME")
	}
	idle := time.AfterFunc(dropsIdle, func() {
		if !c.JSON() {
			fmt.Fprintf(c.Stderr, "nothing dropped for %s; waiting\n", dropsIdle)
		}
	})
	defer idle.Stop()
	return control.FollowDrops(ctx, func(d control.Drop, lost uint64) error {
		if !only.selects(d.Port, d.Reason) {
			return nil
		}
		idle.Reset(dropsIdle)
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
		_, err := fmt.Fprintf(c.Stdout, dropLine, d.Time.Format("15:04:05.000"), d.Port, d.Direction, d.Reason, d.Summary)
		return err
	})
}

func printDrops(w io.Writer, d control.Drops, last int) error {
	if len(d.Counts) == 0 {
		_, err := fmt.Fprintln(w, "No drops.")
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
