// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/node"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/smallfile"
	"macaw.example/internal/terminal"
)

// jobs are the commands that make a machine a node. macaw runs them as transient units and follows
// their logs.
func jobs(t *terminal.Terminal) []*cobra.Command {
	var spec string
	apply := &cobra.Command{
		Use: "apply", Short: "Make this machine the node that a spec describes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runJob(cmd.Context(), t.Stdout, func(ctx context.Context, progress node.Progress) error {
				s, err := readSpec(spec)
				if err != nil {
					return err
				}
				return node.Make(ctx, s, progress)
			})
		},
	}
	apply.Flags().StringVar(&spec, "spec", nodeapi.SpecPath, "the spec")
	install := &cobra.Command{
		Use: "install", Short: "Run the package step, whose result fits any node's image",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runJob(cmd.Context(), t.Stdout, node.Install)
		},
	}
	generalize := &cobra.Command{
		Use: "generalize", Short: "Remove this machine's identity, for an image of it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runJob(cmd.Context(), t.Stdout, node.Generalize)
		},
	}
	all := []*cobra.Command{apply, install, generalize}
	for _, cmd := range all {
		cmd.Hidden, cmd.Args = true, cobra.NoArgs
		terminal.Service(cmd)
	}
	return all
}

// certificatesCommand is what a timer runs every day.
func certificatesCommand(t *terminal.Terminal) *cobra.Command {
	return terminal.Service(&cobra.Command{
		Use: "certificates", Hidden: true, Args: cobra.NoArgs,
		Short: "Issue this node's certificates anew if they expire soon",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSpec(nodeapi.SpecPath)
			if err != nil {
				return err
			}
			renewed, err := node.RenewCertificates(cmd.Context(), s.OpenStack)
			for _, path := range renewed {
				fmt.Fprintln(t.Stdout, "issued", path)
			}
			return err
		},
	})
}

// tunnelCommand is what systemd runs at boot and after each start of ovs-vswitchd.
func tunnelCommand(t *terminal.Terminal) *cobra.Command {
	return terminal.Service(&cobra.Command{
		Use: "tunnel", Hidden: true, Args: cobra.NoArgs,
		Short: "Have Open vSwitch's userspace datapath send and receive the tunnels to other nodes",
		RunE:  func(cmd *cobra.Command, _ []string) error { return node.EnsureTunnels(cmd.Context()) },
	})
}

// virtualizationCommand is what systemd runs before nova-compute.
func virtualizationCommand(t *terminal.Terminal) *cobra.Command {
	return terminal.Service(&cobra.Command{
		Use: "virtualization", Hidden: true, Args: cobra.NoArgs,
		Short: "Have Nova run guests under KVM if this machine has it, else under QEMU's emulation",
		RunE: func(*cobra.Command, []string) error {
			changed, err := node.DecideVirtualization()
			if changed {
				fmt.Fprintln(t.Stdout, "guests now run otherwise: see /etc/nova/nova-compute.conf")
			}
			return err
		},
	})
}

func readSpec(path string) (nodeapi.Spec, error) {
	var s nodeapi.Spec
	b, err := smallfile.Read(path)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

// runJob runs a job and logs its steps, one JSON document per line. The last line has the result,
// because systemd forgets it.
func runJob(ctx context.Context, w io.Writer, job func(context.Context, node.Progress) error) error {
	var mu sync.Mutex
	log := json.NewEncoder(w)
	err := job(ctx, func(e node.Event) {
		line := nodeapi.Line{Step: e.Step, State: nodeapi.State(e.State)}
		if e.Err != nil {
			line.Error = e.Err.Error()
		}
		if e.State == node.Noted {
			line = nodeapi.Line{Note: e.Step + ": " + e.Note}
		}
		mu.Lock()
		defer mu.Unlock()
		_ = log.Encode(line)
	})
	last := nodeapi.Line{Result: nodeapi.ResultOK}
	if err != nil {
		last = nodeapi.Line{Result: nodeapi.ResultFailed, Error: err.Error(), Hints: hint.All(err)}
	}
	if logged := log.Encode(last); logged != nil {
		return errors.Join(err, logged)
	}
	if err != nil {
		return terminal.ExitCode(terminal.ExitFailure)
	}
	return nil
}
