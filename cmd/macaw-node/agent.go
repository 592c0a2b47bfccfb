// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"macaw.example/internal/agent"
	"macaw.example/internal/hint"
	"macaw.example/internal/model"
	"macaw.example/internal/node"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

// agentCommand runs the agent of a gateway node.
func agentCommand(t *terminal.Terminal) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run the agent of a gateway node; systemd does",
		Long: `Keep Neutron's addresses registered with AWS, their Elastic IPs associated, and the
translation on the provider NIC attached and up to date. It runs
on each gateway node as the unit ` + nodeapi.AgentUnit + `; "macaw-node status" shows
its state. Packets still flow while it is stopped.`,
		Example: "  macaw-node agent --config " + nodeapi.AgentConfig,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := agent.LoadConfig(file)
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(t.Stderr, &slog.HandlerOptions{ReplaceAttr: journalAttr}))
			return agent.Run(cmd.Context(), cfg, log)
		},
	}
	cmd.Flags().StringVar(&file, "config", nodeapi.AgentConfig, "the agent's configuration")
	return cmd
}

// journalAttr removes the attributes that the journal adds itself.
func journalAttr(groups []string, at slog.Attr) slog.Attr {
	if len(groups) == 0 && at.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return at
}

// agreeCommand is what "macaw agent release" runs on the node.
func agreeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "agree", Hidden: true, Args: cobra.NoArgs,
		Short: "Tell the agent that the Elastic IPs on stdin may be released",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var held []model.Held
			if err := json.NewDecoder(os.Stdin).Decode(&held); err != nil {
				return fmt.Errorf("reading what is agreed to: %w", err)
			}
			return local{}.Agree(cmd.Context(), held)
		},
	}
}

// local is a client of this machine's agent.
type local struct{}

func (local) config() (agent.Config, error) {
	cfg, err := agent.LoadConfig(nodeapi.AgentConfig)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return cfg, hint.With(fmt.Errorf("macaw-node needs root: %w", err), "sudo %s", strings.Join(os.Args, " "))
	case errors.Is(err, fs.ErrNotExist):
		err = hint.With(err, "this is not a gateway node, or not yet; with a cloud file, from anywhere: macaw agent "+
			"status cloud.yaml")
	}
	return cfg, err
}

func (l local) Status(ctx context.Context) (nodeapi.Status, error) {
	spec, noSpec := readSpec(nodeapi.SpecPath)
	if noSpec == nil && !spec.OpenStack.Has(model.Gateway) {
		m := node.Inspect(ctx, spec.OpenStack)
		return nodeapi.Status{Machine: &m}, nil
	}
	cfg, err := l.config()
	if err != nil {
		return nodeapi.Status{}, err
	}
	st, err := agent.ReadStatus(ctx, cfg)
	if err != nil {
		return st, err
	}
	st.NamesUnknown = oneLine(nameOwners(ctx, cfg, spec.OpenStack, st.Report))
	st.Machine = machine(nodeapi.SpecPath, func(s nodeapi.OpenStack) nodeapi.Machine { return node.Inspect(ctx, s) })
	return st, nil
}

// nameOwners sets the names of what has a report's addresses: those that Neutron tells the agent, or on a controller
// all, which its administrator may know. Where they are not known the IDs remain.
func nameOwners(ctx context.Context, cfg agent.Config, s nodeapi.OpenStack, r *nodeapi.Report) error {
	if r == nil || len(r.Addresses) == 0 {
		return nil
	}
	if !s.Has(model.Controller) {
		return agent.NameOwners(ctx, cfg, r)
	}
	o, err := node.Overview(ctx, s, true)
	r.SetOwners(o.Owners)
	return err
}

// machine returns the state of the machine that was made with the spec at a path; nil if there is none.
// The status of the translation does not depend on it.
func machine(path string, inspect func(nodeapi.OpenStack) nodeapi.Machine) *nodeapi.Machine {
	spec, err := readSpec(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	m := nodeapi.Machine{Stopped: []string{}, Certificates: []nodeapi.Certificate{}}
	if err != nil {
		m.Unknown = err.Error()
	} else {
		m = inspect(spec.OpenStack)
	}
	return &m
}

func (l local) SetMode(ctx context.Context, mode string) error {
	cfg, err := l.config()
	if err != nil {
		return err
	}
	if mode == nodeapi.ModeOff {
		return agent.Off(ctx, cfg)
	}
	return agent.On(ctx, cfg)
}

func (l local) Agree(_ context.Context, held []model.Held) error {
	cfg, err := l.config()
	if err != nil {
		return err
	}
	return agent.Agree(cfg, held)
}

func (local) Reload(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "systemctl", "reload", nodeapi.AgentUnit).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
