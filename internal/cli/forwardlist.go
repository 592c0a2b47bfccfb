// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"macaw.example/internal/neutron"
)

func (a *App) forwardListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list FILE", Short: "Show the ports that are forwarded, of all projects", Args: cobra.ExactArgs(1),
		Example:           "  macaw forward list cloud.yaml\n  macaw forward list cloud.yaml --output json",
		ValidArgsFunction: completeCloudFile,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.forwardList(cmd.Context(), args[0]) },
	}
}

func (a *App) forwardList(ctx context.Context, file string) error {
	return a.onForwards(ctx, file, func(ctx context.Context, p forwards) error {
		var all []neutron.Forward
		err := a.Steps().Await("neutron", "list forwards", func() (err error) {
			all, err = p.Forwards(ctx)
			return err
		})
		if err != nil {
			return err
		}
		for i := range all {
			p.outside.put(&all[i])
		}
		return a.Print(all, func(w io.Writer) error { return printForwards(w, all) })
	})
}

func printForwards(w io.Writer, all []neutron.Forward) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ELASTIC IP:PORT\tPROTOCOL\tGUEST:PORT\tFLOATING IP\tPROJECT")
	for _, f := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", elastic(f), f.Protocol, inner(f), f.Addr, f.Project)
	}
	return t.Flush()
}
