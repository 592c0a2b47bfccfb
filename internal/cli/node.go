package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"macaw.example/internal/node"
	"macaw.example/internal/smallfile"
	"macaw.example/internal/terminal"
)

// nodeEvent is a line of the log of a command that runs on a node: a step that
// began or ended, or how the command as a whole came out.
type nodeEvent struct {
	Step   string     `json:"step,omitempty"`
	State  node.State `json:"state,omitempty"`
	Error  string     `json:"error,omitempty"`
	Result string     `json:"result,omitempty"` // resultOK or resultFailed, in the last line
}

const (
	resultOK     = "ok"
	resultFailed = "failed"
)

func (a *App) nodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "node", Hidden: true, Args: cobra.NoArgs,
		Short: "What macaw runs on a node",
	}
	var spec string
	apply := &cobra.Command{
		Use: "apply", Args: cobra.NoArgs,
		Short: "Make this machine the node that a spec describes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return nodeRun(cmd.Context(), a.Stdout, func(ctx context.Context, progress node.Progress) error {
				b, err := smallfile.Read(spec)
				if err != nil {
					return err
				}
				var s nodeSpec
				if err := json.Unmarshal(b, &s); err != nil {
					return fmt.Errorf("reading %s: %w", spec, err)
				}
				return applyNode(ctx, s, progress)
			})
		},
	}
	apply.Flags().StringVar(&spec, "spec", nodeSpecPath, "the spec")
	install := &cobra.Command{
		Use: "install", Args: cobra.NoArgs,
		Short: "Do the package step: all that an image can have",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return nodeRun(cmd.Context(), a.Stdout, node.Install)
		},
	}
	generalize := &cobra.Command{
		Use: "generalize", Args: cobra.NoArgs,
		Short: "Take from this machine what is its own, for an image of it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return nodeRun(cmd.Context(), a.Stdout, node.Generalize)
		},
	}
	cmd.AddCommand(terminal.Service(apply), terminal.Service(install), terminal.Service(generalize))
	return cmd
}

// nodeRun runs a command of a node and logs its steps, a JSON document a line.
// The last line says how it came out, for systemd forgets it.
func nodeRun(ctx context.Context, w io.Writer, fn func(context.Context, node.Progress) error) error {
	var mu sync.Mutex
	log := json.NewEncoder(w)
	err := fn(ctx, func(e node.Event) {
		line := nodeEvent{Step: e.Step, State: e.State}
		if e.Err != nil {
			line.Error = e.Err.Error()
		}
		mu.Lock()
		defer mu.Unlock()
		_ = log.Encode(line)
	})
	last := nodeEvent{Result: resultOK}
	if err != nil {
		last = nodeEvent{Result: resultFailed, Error: err.Error()}
	}
	if logged := log.Encode(last); logged != nil {
		return errors.Join(err, logged)
	}
	if err != nil {
		return terminal.ExitCode(terminal.ExitFailure)
	}
	return nil
}
