// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"macaw.example/internal/hint"
)

// The exit codes of commands.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
	ExitChanges = 3   // plan: there is something to do
	ExitChecks  = 4   // preflight: a check failed
	exitSignal  = 128 // plus the signal's number, as in shells: 130 is SIGINT
)

type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Usage makes err the error of an invalid command line: the command ends with ExitUsage.
func Usage(err error) error { return usageError{err} }

// ExitCode is an error that ends the command with a code and without a message, because stdout has
// it.
type ExitCode int

func (e ExitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Report prints an error as "error:" and "hint:" lines and returns its exit code.
func Report(w io.Writer, err error) int {
	var code ExitCode
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &code):
		return int(code)
	}
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimRight(line, "\n")
		// Each of several mistakes in a file has its hint below it.
		if h := strings.TrimLeft(line, " "); h != line && strings.HasPrefix(h, "hint: ") {
			fmt.Fprintln(w, h)
			continue
		}
		fmt.Fprintf(w, "error: %s\n", line)
	}
	for _, h := range hint.All(err) {
		fmt.Fprintf(w, "hint: %s\n", h)
	}
	var usage usageError
	if errors.As(err, &usage) {
		return ExitUsage
	}
	return ExitFailure
}
