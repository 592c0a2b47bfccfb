// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/node"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

// secretsCommand is what macaw runs on the controller for each other node.
func secretsCommand(t *terminal.Terminal) *cobra.Command {
	var roles []string
	cmd := &cobra.Command{
		Use: "secrets", Hidden: true, Args: cobra.NoArgs,
		Short: "Print the part of the cloud's secrets that another node needs; make them if there are none",
		RunE: func(*cobra.Command, []string) error {
			// There is no spec before the controller is made.
			s, err := readSpec(nodeapi.SpecPath)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err == nil && !s.OpenStack.Has(model.Controller) {
				return fmt.Errorf("choosing secrets for another node: this node, %s, is not the controller", s.OpenStack.Node)
			}
			var of []model.Role
			for _, r := range roles {
				of = append(of, model.Role(r))
			}
			part, err := node.SecretsFor(of)
			if err != nil {
				return err
			}
			_, err = t.Stdout.Write(part)
			return err
		},
	}
	cmd.Flags().StringSliceVar(&roles, "roles", nil, "the node's `roles`, such as compute,gateway")
	return terminal.Service(cmd)
}

// forgetCommand is what macaw runs on the controller when it removes a node.
func forgetCommand(t *terminal.Terminal) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use: "forget NODE", Hidden: true, Args: cobra.ExactArgs(1),
		Short: "Remove a node, whose services do not run any more, from Nova, Neutron and OVN",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := readSpec(nodeapi.SpecPath)
			if err != nil {
				return err
			}
			return node.Forget(cmd.Context(), s.OpenStack, args[0], check, func(what string) {
				fmt.Fprintln(t.Stdout, "removed", what)
			})
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "only see whether guests are on it")
	return terminal.Service(cmd)
}

// natCommand is what the unit macaw-nat runs.
func natCommand() *cobra.Command {
	var stop bool
	cmd := &cobra.Command{
		Use: "nat", Hidden: true, Args: cobra.NoArgs,
		Short: "Masquerade for the nodes without a public address",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSpec(nodeapi.SpecPath)
			if err != nil {
				return err
			}
			return node.SetNAT(cmd.Context(), s.OpenStack, !stop)
		},
	}
	cmd.Flags().BoolVar(&stop, "stop", false, "end it")
	return terminal.Service(cmd)
}

// disksCommand is what the server for disks runs instead of what it is asked to.
func disksCommand() *cobra.Command {
	return terminal.Service(&cobra.Command{
		Use: "disks", Hidden: true, Args: cobra.NoArgs,
		Short: "Run a command of another node's Nova for the disks of a guest",
		RunE: func(*cobra.Command, []string) error {
			args, err := node.DiskCommand(os.Getenv("SSH_ORIGINAL_COMMAND"))
			if err != nil {
				return err
			}
			if err := unix.Exec(args[0], args, os.Environ()); err != nil {
				return fmt.Errorf("running %s: %w", strings.Join(args, " "), err)
			}
			return nil
		},
	})
}
