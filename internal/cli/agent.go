package cli

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/agent"
	"macaw.example/internal/model"
)

// agentCommand is the agent of a gateway node.
func (a *App) agentCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "agent",
		GroupID: "cloud",
		Short:   "Be the agent of a gateway node; systemd runs it there",
		Long: `Keep the addresses that Neutron gives out registered with AWS, their Elastic IPs
associated, and the translation on the provider NIC attached and up to date. It
runs on each gateway node as the unit ` + agent.UnitName + `; "macaw gateway status"
shows what it has come to. Packets go on when it is stopped.`,
		Example: "  macaw agent --config " + agent.DefaultConfigFile,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := agent.LoadConfig(file)
			if err != nil {
				return err
			}
			return agent.Run(cmd.Context(), cfg, slog.New(slog.NewTextHandler(a.Stderr, &slog.HandlerOptions{ReplaceAttr: journalAttr})))
		},
	}
	cmd.Flags().StringVar(&file, "config", agent.DefaultConfigFile, "the agent's configuration")
	return cmd
}

// journalAttr leaves out what the journal says itself.
func journalAttr(groups []string, at slog.Attr) slog.Attr {
	if len(groups) == 0 && at.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return at
}

// printAgent shows what the agent of a node knows.
func printAgent(w io.Writer, r *agent.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nPROVIDER ENI\tMAC\tPRIMARY\tADDRESSES")
	for _, e := range r.ENIs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d of %d\n", e.ID, e.MAC, e.Primary, e.Addresses, e.Limit)
	}
	fmt.Fprintln(t, "\t\t\t\nADDRESS\tPUBLIC\tENI\tOF")
	for _, at := range r.Addresses {
		eni := cmp.Or(at.ENI, "not registered")
		if !at.Here {
			eni = "on " + cmp.Or(at.Host, "no node")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", at.Addr, orDash(at.Public), eni, at.Owner())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Held) > 0 {
		fmt.Fprintln(w)
		if err := printHeld(w, r.Held); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		who string
		agent.Contact
	}{{"Neutron", r.Neutron}, {"AWS", r.AWS}} {
		if c.Error != "" {
			fmt.Fprintf(w, "\n%s does not answer (last at %s): %s\n", c.who, c.Answered.Format(time.TimeOnly), c.Error)
		}
	}
	return printFindings(w, r.Findings)
}

// printFindings shows what cannot be had, and what to do.
func printFindings(w io.Writer, findings []model.Finding) error {
	for _, f := range findings {
		fmt.Fprintf(w, "\nproblem: %s (%s)\n", f.Text, f.Code)
		if f.Hint != "" {
			fmt.Fprintf(w, "hint: %s\n", f.Hint)
		}
	}
	return nil
}

func orDash(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}
