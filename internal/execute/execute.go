// SPDX-License-Identifier: Apache-2.0

package execute

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"macaw.example/internal/systemd"
)

// Command is a program to run on the node. Secrets go into Stdin or Env, never into Args, which
// every user of the node can read.
type Command struct {
	Args  []string
	Env   []string
	Stdin string
	// Status, if not nil, is called now and then, while the command runs, with the last line that
	// it has written to file descriptor StatusFD.
	Status func(line string)
	// Grace is how long the command may go on after an interrupt (SIGINT) when its time is up or macaw
	// is told to end. Without it, it is killed at once.
	Grace time.Duration
}

// StatusFD is the file descriptor of a command that has a Status.
const StatusFD = 4

// Runner runs a command and returns its standard output.
type Runner func(context.Context, Command) (string, error)

// On returns the runner that runs real commands. They inherit held, if it is not nil: when macaw is killed, the
// apt or the migration that it leaves running keeps the lock until it ends.
func On(held *os.File) Runner {
	return func(ctx context.Context, c Command) (string, error) { return execute(ctx, held, c) }
}

// System is systemd, asked with these commands.
func (r Runner) System() systemd.System {
	return systemd.New(func(ctx context.Context, args ...string) (string, error) {
		return r(ctx, Command{Args: args})
	})
}

// Systemctl runs a verb of systemctl on units, of which there may be none.
func (r Runner) Systemctl(ctx context.Context, verb string, units []string) error {
	if len(units) == 0 {
		return nil
	}
	_, err := r(ctx, Command{Args: append([]string{"systemctl", verb, "--"}, units...)})
	return err
}

func execute(ctx context.Context, held *os.File, c Command) (string, error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	if c.Grace > 0 {
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = c.Grace
	}
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.Env = append(cmd.Env, c.Env...)
	if held != nil {
		cmd.ExtraFiles = []*os.File{held}
	}
	if c.Stdin != "" {
		cmd.Stdin = strings.NewReader(c.Stdin)
	}
	if c.Status != nil {
		stop, err := followStatus(cmd, c.Status, statusEvery)
		if err != nil {
			return "", err
		}
		defer stop()
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("running %s: %w: %s", c.Args[0], err,
			lastLines(cmp.Or(stderr.String(), stdout.String()), 8))
	}
	return stdout.String(), nil
}

// lastLines returns the end of a program's output, where the reason of its failure is.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
