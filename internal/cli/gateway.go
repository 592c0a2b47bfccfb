package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"macaw.example/internal/agent"
	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/terminal"
	"macaw.example/internal/translate"
)

func (a *App) gatewayCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "gateway",
		GroupID: "cloud",
		Short:   "The translation on a cloud's gateway node",
		Long: `Show or switch the translation between the provider NIC and the bridge, and release
Elastic IPs that are kept. On a node the commands work on the node itself; elsewhere
they take the cloud file and work on the cloud's gateway node.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(
		a.gatewaySwitch("on", "Translate frames: the normal state", agent.On),
		a.gatewaySwitch("off", "Let frames pass untouched, so that AWS drops them: to see that it does", agent.Off),
		terminal.ReadOnly(a.gatewayStatusCommand()),
		a.gatewayReleaseCommand(),
		a.gatewayAgreeCommand(),
	)
	return cmd
}

// gatewaySwitch is "gateway on" or "gateway off".
func (a *App) gatewaySwitch(name, short string, set func(context.Context, agent.Config) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " [FILE]", Short: short, Args: cobra.MaximumNArgs(1),
		Example:           "  macaw gateway " + name + " cloud.yaml",
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.onGateway(cmd.Context(), args[0], func(ctx context.Context, h *host.Host) error {
					if _, err := h.Output(ctx, nodeBinary+" gateway "+name); err != nil {
						return fmt.Errorf("switching the translation %s on the node: %w", name, err)
					}
					return nil
				})
			}
			cfg, err := nodeGateway()
			if err != nil {
				return err
			}
			return set(cmd.Context(), cfg)
		},
	}
}

func (a *App) gatewayStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status [FILE]", Short: "Show the translation: mode, addresses, frames passed and dropped", Args: cobra.MaximumNArgs(1),
		Example:           "  macaw gateway status cloud.yaml",
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			var st agent.Status
			var err error
			if len(args) == 1 {
				err = a.onGateway(cmd.Context(), args[0], func(ctx context.Context, h *host.Host) error {
					st, err = readGateway(ctx, h)
					return err
				})
			} else {
				var cfg agent.Config
				if cfg, err = nodeGateway(); err == nil {
					st, err = agent.ReadStatus(cmd.Context(), cfg)
				}
			}
			if err != nil {
				return err
			}
			return a.Print(st, func(w io.Writer) error { return printGateway(w, st) })
		},
	}
}

// nodeGateway is the configuration of the node that this runs on.
func nodeGateway() (agent.Config, error) {
	cfg, err := agent.LoadConfig(agent.DefaultConfigFile)
	return cfg, hint.With(err, "this is not a gateway node; give the cloud file: macaw gateway status cloud.yaml")
}

// onGateway calls fn with a connection to the cloud's gateway node.
func (a *App) onGateway(ctx context.Context, file string, fn func(context.Context, *host.Host) error) error {
	steps := a.Steps()
	return a.onNode(ctx, file, steps, func(ctx context.Context, _ *site, n infra.NodeOutput, h *host.Host) error {
		return steps.Await("host", "ask "+n.Name+" about its translation", func() error { return fn(ctx, h) })
	})
}

// readGateway asks a node for its translation.
func readGateway(ctx context.Context, h *host.Host) (agent.Status, error) {
	var st agent.Status
	out, err := h.Output(ctx, nodeBinary+" gateway status --output json")
	if err != nil {
		return st, fmt.Errorf("asking the node for its translation: %w", err)
	}
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		return st, fmt.Errorf("reading the translation's status: %w", err)
	}
	return st, nil
}

func printGateway(w io.Writer, st agent.Status) error {
	fmt.Fprintf(w, "Translation: %s\n\n", st.Mode)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ADDRESS\tMAC")
	for _, e := range st.Entries {
		fmt.Fprintf(t, "%s\t%s\n", e.Addr, e.MAC)
	}
	fmt.Fprintln(t, "\t\nCOUNTER\tFRAMES\tBYTES")
	var reasons []translate.Reason
	for r, c := range st.Counters {
		if c.Packets > 0 {
			reasons = append(reasons, r)
		}
	}
	slices.SortFunc(reasons, func(a, b translate.Reason) int { return strings.Compare(a.String(), b.String()) })
	for _, r := range reasons {
		c := st.Counters[r]
		fmt.Fprintf(t, "%s\t%d\t%d\n", r, c.Packets, c.Bytes)
	}
	if err := t.Flush(); err != nil || st.Agent == nil {
		return err
	}
	return printAgent(w, st.Agent)
}
