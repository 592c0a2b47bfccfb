// SPDX-License-Identifier: Apache-2.0

package agentcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

// releaseCommand is an operator's consent to pending releases.
func (c *Commands) releaseCommand() *cobra.Command {
	var addrs []string
	var yes bool
	cmd := &cobra.Command{
		Use:   "release",
		Short: "Release Elastic IPs that are kept because Neutron released many at once",
		Long: `Show the Elastic IPs that are held although Neutron has released their addresses, and
agree to their release. Many at once are held for provider.releaseAfter of the cloud
file, because Neutron may have lost them: recreate them in Neutron with the same
addresses, and they have their Elastic IPs again. A released Elastic IP cannot be
recovered.

The command asks for confirmation; --yes skips that, and --address selects some. The
agreement covers the Elastic IPs shown. It is stored on the gateway nodes that hold them,
where their agents read it. To list the held ones: ` + c.Name + ` status.`,
		Example: c.example("release", "") + "\n" +
			c.example("release", " --address 10.0.1.70 --address 198.51.100.17") + "\n" +
			c.example("release", " --yes --output json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gateways, err := c.Find(args)
			if err != nil {
				return err
			}
			return c.release(cmd.Context(), gateways, addrs, yes)
		},
	}
	cmd.Flags().StringArrayVar(&addrs, "address", nil, "only this one, by Elastic IP or private address (may be repeated)")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// agreed is the command's result: the releases that an operator has agreed to.
type agreed struct {
	Agreed []waiting `json:"agreed"`
}

// waiting is an Elastic IP that waits for its release, and the node whose agent holds it; empty if the command is
// about one.
type waiting struct {
	Node string `json:"node,omitempty"`
	model.Held
}

// release asks about what all gateways hold, once. A gateway that does not answer is an error, after the others.
func (c *Commands) release(ctx context.Context, gateways []Gateway, addrs []string, yes bool) error {
	var held []waiting
	unasked := each(ctx, gateways, func(g Gateway) error {
		st, err := g.Status(ctx)
		if err != nil {
			return err
		}
		if st.Report == nil {
			return hint.With(errors.New("the gateway's agent has not reported its held Elastic IPs yet"),
				"journalctl -u %s on the node", nodeapi.AgentUnit)
		}
		for _, h := range st.Report.Held {
			held = append(held, waiting{g.Node, h})
		}
		return nil
	})
	if unasked != nil && (len(gateways) == 1 || ctx.Err() != nil) {
		return unasked
	}
	held, err := heldOf(held, addrs, time.Now())
	if err != nil {
		return errors.Join(err, unasked)
	}
	if len(held) == 0 {
		if unasked != nil {
			return unasked
		}
		return c.Print(agreed{[]waiting{}}, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, "No Elastic IP is waiting for release.")
			return err
		})
	}
	if !yes {
		fmt.Fprintln(c.Stderr, "Neutron released the addresses of these Elastic IPs, many at once:")
		if err := PrintHeld(c.Stderr, plain(held)); err != nil {
			return err
		}
	}
	if err := c.Confirm(ctx, "Release them? They cannot be recovered.", yes); err != nil {
		return err
	}
	done := []waiting{}
	failed := each(ctx, gateways, func(g Gateway) error {
		own := slices.DeleteFunc(slices.Clone(held), func(h waiting) bool { return h.Node != g.Node })
		if len(own) == 0 {
			return nil
		}
		if err := g.Agree(ctx, plain(own)); err != nil {
			return err
		}
		if err := g.Reload(ctx); err != nil {
			fmt.Fprintf(c.Stderr, "Could not notify the agent, which reads it in its next pass: %v\n", err)
		}
		for _, h := range own {
			h.Agreed = true
			done = append(done, h)
		}
		return nil
	})
	err = failed
	if unasked != nil {
		err = errors.Join(unasked, failed)
	}
	if len(done) == 0 {
		return err
	}
	printed := c.Print(agreed{done}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Agreed to the release of %d. The agent releases them when AWS and Neutron answer; "+
			"%s status shows what is left.\n", len(done), c.Name)
		return err
	})
	return cmp.Or(err, printed)
}

func plain(all []waiting) (held []model.Held) {
	for _, h := range all {
		held = append(held, h.Held)
	}
	return held
}

// heldOf returns the held Elastic IPs that are still waiting: all, or those with one of these
// addresses.
func heldOf(held []waiting, addrs []string, now time.Time) ([]waiting, error) {
	held = slices.DeleteFunc(slices.Clone(held), func(h waiting) bool { return !h.Waits(now) })
	if len(addrs) == 0 {
		return held, nil
	}
	is := func(h waiting, addr string) bool { return h.Addr.String() == addr || h.Public.String() == addr }
	for _, addr := range addrs {
		if !slices.ContainsFunc(held, func(h waiting) bool { return is(h, addr) }) {
			return nil, hint.With(terminal.Usage(fmt.Errorf("no Elastic IP of %s is waiting for release", addr)),
				"the agent's status lists those that are")
		}
	}
	return slices.DeleteFunc(held, func(h waiting) bool {
		return !slices.ContainsFunc(addrs, func(addr string) bool { return is(h, addr) })
	}), nil
}

// PrintHeld prints Elastic IPs whose release is pending or agreed to.
func PrintHeld(w io.Writer, held []model.Held) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ELASTIC IP\tOF\tSINCE\tKEPT UNTIL")
	for _, h := range held {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", h.Public, h.Addr, minute(h.Since), KeptUntil(h))
	}
	return t.Flush()
}

// KeptUntil is an Elastic IP's release time, for display.
func KeptUntil(h model.Held) string {
	switch {
	case h.Agreed:
		return "the agent's next pass (agreed)"
	case h.Until.IsZero():
		return "an operator agrees"
	}
	return minute(h.Until)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
