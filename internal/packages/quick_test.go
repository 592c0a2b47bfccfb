// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"context"
	"strings"
	"testing"

	"macaw.example/internal/execute"
)

// Templates are no valid Python, and need no byte code. Everything else that keeps Python from compiling
// is an error, though compileall's exit status is often the same. The messages are those of Python 3.13.
func TestCompilePython(t *testing.T) {
	template := "*** Error compiling '/usr/share/x.py'...\n  File \"x\", line 1\nSyntaxError: invalid syntax\n"
	for _, c := range []struct {
		name, script string
		want         bool
	}{
		{"compiled", "exit 0", true},
		{"a template", "printf '%s' '" + strings.ReplaceAll(template, "'", "") + "'; exit 1", true},
		{"full disk", "echo 'OSError: [Errno 28] No space left on device'; exit 1", false},
		{"full disk, then many templates", "echo 'OSError: [Errno 28] No space left on device'; " +
			"for i in 1 2 3 4 5 6 7 8 9; do echo SyntaxError; done; exit 1", false},
		{"a process was killed", "echo 'concurrent.futures.process.BrokenProcessPool: A process in the process " +
			"pool was terminated abruptly' >&2; exit 1", false},
		{"killed", "kill -9 $$", false},
		{"wrong usage", "exit 2", false},
		{"no python3", "", false},
	} {
		n := &Machine{Run: func(ctx context.Context, cmd execute.Command) (string, error) {
			if c.script == "" {
				return execute.On(nil)(ctx, execute.Command{Args: []string{"/nonexistent/python3"}})
			}
			return execute.On(nil)(ctx, execute.Command{Args: []string{"sh", "-c", c.script}})
		}}
		if err := n.compilePython(t.Context()); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
