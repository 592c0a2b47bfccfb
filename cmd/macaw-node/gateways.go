// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"log/slog"

	"github.com/spf13/cobra"

	"macaw.example/internal/gateways"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

// gatewaysCommand has what the unit macaw-gateways and "macaw gateway" run on the controller.
func gatewaysCommand(t *terminal.Terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "gateways", Hidden: true, Args: cobra.NoArgs,
		Short: "Decide which gateway node has which router",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := gateways.LoadConfig(nodeapi.GatewaysConfig)
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(t.Stderr, &slog.HandlerOptions{ReplaceAttr: journalAttr}))
			return gateways.Run(cmd.Context(), cfg, log)
		},
	}
	list := &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "Print where routers are, as JSON",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := gateways.List(cmd.Context())
			if err != nil {
				return err
			}
			return json.NewEncoder(t.Stdout).Encode(all)
		},
	}
	on := func(use, short string, run func(*cobra.Command, string) error) *cobra.Command {
		return &cobra.Command{Use: use + " NODE", Short: short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return run(cmd, args[0]) }}
	}
	prefer := on("prefer", "Move all routers to a node", func(cmd *cobra.Command, node string) error {
		return gateways.Move(cmd.Context(), node)
	})
	spread := &cobra.Command{
		Use: "spread", Args: cobra.NoArgs, Short: "Spread routers over all gateways",
		RunE: func(cmd *cobra.Command, _ []string) error { return gateways.Move(cmd.Context(), "") },
	}
	drain := on("drain", "Move all routers from a node, until enable", func(cmd *cobra.Command, node string) error {
		return gateways.SetDrained(cmd.Context(), node, true)
	})
	enable := on("enable", "Let a node have routers again", func(cmd *cobra.Command, node string) error {
		return gateways.SetDrained(cmd.Context(), node, false)
	})
	cmd.AddCommand(list, prefer, spread, drain, enable)
	return terminal.Service(cmd)
}
