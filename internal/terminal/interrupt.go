// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// endGrace is how long a command may take to end after a signal. A file system or a library may
// block it for longer. Every command can be killed at any point, so then the process exits.
const endGrace = 1500 * time.Millisecond

// interrupted is a signal by which a user, or a supervisor, ends the command.
type interrupted struct{ syscall.Signal }

func (i interrupted) Error() string {
	if i.Signal == syscall.SIGINT {
		return "interrupted"
	}
	return "terminated"
}

// Is makes errors.Is treat it as context.Canceled: it is the cause of a context that it has
// canceled.
func (interrupted) Is(err error) bool { return err == context.Canceled }

// untilSignal returns a context that ends with SIGINT or SIGTERM, with interrupted as its cause. A
// second signal ends the process at once.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(interrupted{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// Annotations of commands for their end.
const (
	// A service runs under a supervisor, which gives it the time that it needs.
	service = "service"
	// afterSignal is what to do after an interruption, if not to run the same command again.
	afterSignal = "afterSignal"
	// textOnly is a command without a result that could be JSON.
	textOnly = "textOnly"
)

// Service marks a command that runs under a supervisor.
func Service(cmd *cobra.Command) *cobra.Command { return annotate(cmd, service, "yes") }

// ReadOnly marks a command that changes nothing.
func ReadOnly(cmd *cobra.Command) *cobra.Command {
	return annotate(cmd, afterSignal, "nothing was changed")
}

// AfterSignal marks a command with what to do after an interruption, if not to run the same command
// again.
func AfterSignal(cmd *cobra.Command, text string) *cobra.Command {
	return annotate(cmd, afterSignal, text)
}

// TextOnly marks a command that has no result to print as JSON: it becomes another program, or its
// output has a format of its own. --output json is an error then.
func TextOnly(cmd *cobra.Command) *cobra.Command { return annotate(cmd, textOnly, "yes") }

func annotate(cmd *cobra.Command, key, value string) *cobra.Command {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[key] = value
	return cmd
}

func isService(cmd *cobra.Command) bool { return cmd != nil && cmd.Annotations[service] != "" }

// reportInterrupted reports what a signal has interrupted, and returns the exit code that shells
// use for it.
func (t *Terminal) reportInterrupted(w io.Writer, by interrupted) int {
	text := by.Error()
	if steps := t.unfinished(); len(steps) > 0 {
		text += " during: " + strings.Join(steps, "; ")
	}
	fmt.Fprintf(w, "error: %s\n", text)
	if cmd := t.running.Load(); cmd != nil && !isService(cmd) {
		fmt.Fprintf(w, "hint: %s\n", cmp.Or(cmd.Annotations[afterSignal],
			"nothing is lost; run the same command again, and it goes on where this one stopped"))
	}
	return exitSignal + int(by.Signal)
}

// unfinished returns the steps that are under way or have just failed.
func (t *Terminal) unfinished() []string {
	t.stepsMu.Lock()
	defer t.stepsMu.Unlock()
	if t.shown == nil {
		return nil
	}
	return t.shown.Unfinished()
}
