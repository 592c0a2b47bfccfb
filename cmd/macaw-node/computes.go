// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/spf13/cobra"

	"macaw.example/internal/computes"
	"macaw.example/internal/node"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/spot"
	"macaw.example/internal/terminal"
)

// computesCommand is what the unit macaw-computes runs on the controller.
func computesCommand(t *terminal.Terminal) *cobra.Command {
	return terminal.Service(&cobra.Command{
		Use: "computes", Hidden: true, Args: cobra.NoArgs,
		Short: "Empty compute nodes that AWS takes away",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSpec(nodeapi.SpecPath)
			if err != nil {
				return err
			}
			cfg, err := computes.LoadConfig(nodeapi.ComputesConfig)
			if err != nil {
				return err
			}
			auth, err := node.AdminAuth(s.OpenStack)
			if err != nil {
				return fmt.Errorf("reading the administrator's password: %w", err)
			}
			log := slog.New(slog.NewTextHandler(t.Stderr, &slog.HandlerOptions{ReplaceAttr: journalAttr}))
			return computes.Run(cmd.Context(), cfg, auth, log)
		},
	})
}

// spotCommand is what the unit macaw-spot runs on a Spot Instance.
func spotCommand(t *terminal.Terminal) *cobra.Command {
	return terminal.Service(&cobra.Command{
		Use: "spot", Hidden: true, Args: cobra.NoArgs,
		Short: "Tell the controller which notices AWS gives to this Spot Instance",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSpec(nodeapi.SpecPath)
			if err != nil {
				return err
			}
			at := netip.AddrPortFrom(s.OpenStack.Management.Address, nodeapi.AgentPort)
			log := slog.New(slog.NewTextHandler(t.Stderr, &slog.HandlerOptions{ReplaceAttr: journalAttr}))
			return spot.Serve(cmd.Context(), at, log)
		},
	})
}
