// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import (
	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
)

func labCommand(*terminal.Terminal, lab.Options) *cobra.Command {
	return &cobra.Command{
		Use: "lab", GroupID: "lab",
		Short:              "The lab, a local AWS: needs Linux",
		Args:               cobra.ArbitraryArgs,
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return hint.With(lab.ErrNotLinux, "run macaw on Debian 12 or 13, or in a virtual machine of it")
		},
	}
}
