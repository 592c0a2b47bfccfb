package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/agent"
	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/model"
	"macaw.example/internal/terminal"
)

// gatewayReleaseCommand is an operator's agreement to releases that wait.
func (a *App) gatewayReleaseCommand() *cobra.Command {
	var addrs []string
	var yes bool
	cmd := &cobra.Command{
		Use: "release [FILE]", Args: cobra.MaximumNArgs(1),
		Short: "Release Elastic IPs that are kept because Neutron let go of many at once",
		Long: `Show the Elastic IPs that are kept although Neutron has let go of their addresses,
and agree to their release. Many at once are kept for provider.releaseAfter of the
cloud file, because Neutron may have lost them: bring them back in Neutron with the
same addresses, and they have their Elastic IPs again. An Elastic IP that is released
does not come back.

It asks before; --address releases some, and --yes does not ask. The agreement is left on
the gateway node, where its agent takes it up, and holds for what was shown. To see
what is kept: macaw gateway status.`,
		Example: `  macaw gateway release cloud.yaml
  macaw gateway release cloud.yaml --address 10.0.1.70 --address 198.51.100.17
  macaw gateway release cloud.yaml --yes --output json`,
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			g := localGateway()
			if len(args) == 1 {
				g = a.remoteGateway(args[0])
			}
			return a.gatewayRelease(cmd.Context(), g, addrs, yes)
		},
	}
	cmd.Flags().StringArrayVar(&addrs, "address", nil, "only this one, by Elastic IP or private address (may be repeated)")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// gatewayAgreeCommand is what gatewayReleaseCommand runs on the node.
func (a *App) gatewayAgreeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "agree", Hidden: true, Args: cobra.NoArgs,
		Short: "Leave word for the agent that the Elastic IPs on stdin may be released",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var held []model.Held
			if err := json.NewDecoder(os.Stdin).Decode(&held); err != nil {
				return fmt.Errorf("reading what is agreed to: %w", err)
			}
			return localGateway().agree(cmd.Context(), held)
		},
	}
}

// heldGateway is a gateway node, this one or another.
type heldGateway struct {
	status func(context.Context) (agent.Status, error)
	agree  func(context.Context, []model.Held) error
	nudge  func(context.Context) error // has the agent take it up now
}

func localGateway() heldGateway {
	return heldGateway{
		status: func(ctx context.Context) (agent.Status, error) {
			cfg, err := nodeGateway()
			if err != nil {
				return agent.Status{}, err
			}
			return agent.ReadStatus(ctx, cfg)
		},
		agree: func(_ context.Context, held []model.Held) error {
			cfg, err := nodeGateway()
			if err != nil {
				return err
			}
			return agent.Agree(cfg, held)
		},
		nudge: func(ctx context.Context) error {
			out, err := exec.CommandContext(ctx, "systemctl", "reload", agent.UnitName).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
			}
			return nil
		},
	}
}

// remoteGateway connects anew each time: whoever is asked may take his time.
func (a *App) remoteGateway(file string) heldGateway {
	run := func(ctx context.Context, command string, stdin io.Reader) error {
		return a.onGateway(ctx, file, func(ctx context.Context, h *host.Host) error {
			return h.Run(ctx, command, stdin, nil)
		})
	}
	return heldGateway{
		status: func(ctx context.Context) (st agent.Status, err error) {
			err = a.onGateway(ctx, file, func(ctx context.Context, h *host.Host) error {
				st, err = readGateway(ctx, h)
				return err
			})
			return st, err
		},
		agree: func(ctx context.Context, held []model.Held) error {
			raw, err := json.Marshal(held)
			if err != nil {
				return err
			}
			return run(ctx, nodeBinary+" gateway agree", bytes.NewReader(raw))
		},
		nudge: func(ctx context.Context) error { return run(ctx, "systemctl reload "+agent.UnitName, nil) },
	}
}

// agreed is what an operator has agreed to.
type agreed struct {
	Agreed []model.Held `json:"agreed"`
}

func (a *App) gatewayRelease(ctx context.Context, g heldGateway, addrs []string, yes bool) error {
	st, err := g.status(ctx)
	if err != nil {
		return err
	}
	if st.Agent == nil {
		return hint.With(errors.New("the gateway's agent has not told yet what it keeps"),
			"journalctl -u %s on the node", agent.UnitName)
	}
	waiting, err := heldOf(st.Agent.Held, addrs, time.Now())
	if err != nil {
		return err
	}
	if len(waiting) == 0 {
		return a.Print(agreed{[]model.Held{}}, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, "No Elastic IP waits for its release.")
			return err
		})
	}
	if !yes {
		fmt.Fprintln(a.Stderr, "Neutron let go of the addresses of these Elastic IPs, many at once:")
		if err := printHeld(a.Stderr, waiting); err != nil {
			return err
		}
	}
	if err := a.Confirm(ctx, "Release them? They do not come back.", yes); err != nil {
		return err
	}
	if err := g.agree(ctx, waiting); err != nil {
		return err
	}
	if err := g.nudge(ctx); err != nil {
		fmt.Fprintf(a.Stderr, "The agent was not told, and takes it up with its next turn: %v\n", err)
	}
	for i := range waiting {
		waiting[i].Agreed = true
	}
	return a.Print(agreed{waiting}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Agreed to the release of %d. The agent does it when AWS and Neutron answer; "+
			"macaw gateway status shows what is left.\n", len(waiting))
		return err
	})
}

// heldOf returns what waits of what is held: all of it, or those with one of these
// addresses.
func heldOf(held []model.Held, addrs []string, now time.Time) ([]model.Held, error) {
	waiting := slices.DeleteFunc(slices.Clone(held), func(h model.Held) bool { return !h.Waits(now) })
	if len(addrs) == 0 {
		return waiting, nil
	}
	is := func(h model.Held, addr string) bool { return h.Addr.String() == addr || h.Public.String() == addr }
	for _, addr := range addrs {
		if !slices.ContainsFunc(waiting, func(h model.Held) bool { return is(h, addr) }) {
			return nil, hint.With(terminal.Usage(fmt.Errorf("no Elastic IP of %s waits for its release", addr)),
				"macaw gateway status shows those that do")
		}
	}
	return slices.DeleteFunc(waiting, func(h model.Held) bool {
		return !slices.ContainsFunc(addrs, func(addr string) bool { return is(h, addr) })
	}), nil
}

// printHeld shows Elastic IPs whose release waits, or was agreed to.
func printHeld(w io.Writer, held []model.Held) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ELASTIC IP\tOF\tSINCE\tKEPT UNTIL")
	for _, h := range held {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", h.Public, h.Addr, minute(h.Since), keptUntil(h))
	}
	return t.Flush()
}

// keptUntil is when an Elastic IP is released, for people.
func keptUntil(h model.Held) string {
	switch {
	case h.Agreed:
		return "the agent's next turn: agreed to"
	case h.Until.IsZero():
		return "an operator agrees"
	}
	return minute(h.Until)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
