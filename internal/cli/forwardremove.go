// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/neutron"
	"macaw.example/internal/terminal"
)

func (a *App) forwardRemoveCommand() *cobra.Command {
	var floating string
	cmd := &cobra.Command{
		Use:   "rm FILE PORT[/PROTOCOL]",
		Short: "Stop forwarding a port",
		Long: `Stop forwarding a port, or a range as it was added. A floating IP made by macaw
forward is removed with its last forward.`,
		Example: "  macaw forward rm cloud.yaml 522\n  macaw forward rm cloud.yaml 53/udp --floating-ip " +
			"198.51.100.7",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			ports, protocol, err := parseOutside(args[1])
			var on netip.Addr
			if err == nil {
				on, err = parseFloating(floating)
			}
			if err != nil {
				return hint.With(terminal.Usage(err), "%s --help", cmd.CommandPath())
			}
			return a.forwardRemove(cmd.Context(), args[0], ports, protocol, on)
		},
	}
	cmd.Flags().StringVar(&floating, "floating-ip", "", floatingUsage+", if several forward the port")
	return cmd
}

func (a *App) forwardRemove(ctx context.Context, file string, ports neutron.PortRange, protocol string,
	on netip.Addr) error {
	return a.onForwards(ctx, file, func(ctx context.Context, p forwards) error {
		if on.IsValid() {
			on = p.outside.private(on)
		}
		var removed neutron.RemovedForward
		err := a.Steps().Await("neutron", "remove the forward", func() (err error) {
			removed, err = p.RemoveForward(ctx, ports, protocol, on)
			return err
		})
		if err != nil {
			return err
		}
		if removed.Forward != nil {
			p.outside.put(removed.Forward)
		}
		return a.Print(removed, func(w io.Writer) error { return printRemovedForward(w, removed) })
	})
}

func printRemovedForward(w io.Writer, r neutron.RemovedForward) error {
	if f := r.Forward; f != nil {
		fmt.Fprintf(w, "%s is no longer forwarded to %s\n", outer(*f), inner(*f))
	}
	for _, a := range r.Released {
		fmt.Fprintf(w, "floating IP %s, made for forwards, has none left and is deleted\n", a)
	}
	return nil
}
