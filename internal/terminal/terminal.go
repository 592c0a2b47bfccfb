// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
)

// Terminal has the output of a program's commands, and their common flags.
type Terminal struct {
	Stdout, Stderr io.Writer

	// Output is the format of results, by --output: text or json.
	Output  string
	quiet   bool
	running atomic.Pointer[cobra.Command]

	stepsMu sync.Mutex
	shown   *Steps
}

// New returns the terminal of one run of a program.
func New(stdout, stderr io.Writer) *Terminal {
	return &Terminal{Stdout: stdout, Stderr: stderr, Output: "text"}
}

// Flags adds the common flags to a root command, and makes invalid command lines errors with hints.
// Call it when root has all of its commands.
func (t *Terminal) Flags(root *cobra.Command) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		t.running.Store(cmd)
		if t.Output != "text" && t.Output != "json" {
			return Usage(fmt.Errorf("--output %q: want text or json", t.Output))
		}
		if t.JSON() && cmd.Annotations[textOnly] != "" {
			return hint.With(Usage(fmt.Errorf("%s has no result to print as JSON", cmd.CommandPath())),
				"leave --output out")
		}
		return nil
	}
	root.PersistentFlags().StringVarP(&t.Output, "output", "o", "text", "format of the result: text or json")
	root.PersistentFlags().BoolVarP(&t.quiet, "quiet", "q", false, "show no progress")
	_ = root.RegisterFlagCompletionFunc("output",
		cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	root.SetFlagErrorFunc(flagError)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	strictUsage(root)
	showGroupsAsGroups(root)
}

// Main runs a program until it ends or SIGINT or SIGTERM ends it, and returns its exit code.
func (t *Terminal) Main(root *cobra.Command, args []string) int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	return t.Run(ctx, root, args)
}

// Run runs a root command with args and returns the exit code. When a signal ends ctx, it returns
// soon, even if the command does not.
func (t *Terminal) Run(ctx context.Context, root *cobra.Command, args []string) int {
	root.SetArgs(args)
	root.SetOut(t.Stdout)
	root.SetErr(t.Stderr)
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		if isService(t.running.Load()) {
			err = <-done
			break
		}
		select {
		case err = <-done:
		case <-time.After(endGrace):
			err = ctx.Err()
		}
	}
	// After a signal, any error is a consequence of it.
	var by interrupted
	if err != nil && errors.As(context.Cause(ctx), &by) &&
		(!isService(t.running.Load()) || errors.Is(err, context.Canceled)) {
		return t.reportInterrupted(t.Stderr, by)
	}
	return Report(t.Stderr, err)
}

// JSON reports whether the result is to be printed as JSON.
func (t *Terminal) JSON() bool { return t.Output == "json" }

// Print writes the result of a command: v as JSON, or text's output. In JSON a list without elements
// is [], never null.
func (t *Terminal) Print(v any, text func(io.Writer) error) error {
	if !t.JSON() {
		return text(t.Stdout)
	}
	e := json.NewEncoder(t.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(withLists(v))
}

// Steps returns the command's Steps.
func (t *Terminal) Steps() *Steps {
	t.stepsMu.Lock()
	defer t.stepsMu.Unlock()
	if t.shown == nil {
		t.shown = NewSteps(t.Stderr, t.quiet)
	}
	return t.shown
}
