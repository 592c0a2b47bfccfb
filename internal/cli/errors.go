package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit codes of macaw.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitChanges     = 3   // plan: there is something to do
	exitInterrupted = 130 // as shells have it for SIGINT
)

// hintError is an error with a way out.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// hint adds to an error what its reader can do about it.
func hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hintError{err, fmt.Sprintf(format, args...)}
}

// usageError is a command line that can't be right.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// codeError ends the command with a code and without a message: what there was
// to say is on stdout.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report prints an error as "error:" and "hint:" lines and returns the exit
// code that belongs to it.
func report(w io.Writer, err error) int {
	var code codeError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "error: %s\n", strings.TrimRight(line, "\n"))
	}
	// Every hint on the way is of use: the innermost knows most.
	for e := err; e != nil; e = errors.Unwrap(e) {
		if h, ok := e.(*hintError); ok {
			fmt.Fprintf(w, "hint: %s\n", h.hint)
		} else if h, ok := e.(interface{ Hint() string }); ok && h.Hint() != "" {
			fmt.Fprintf(w, "hint: %s\n", h.Hint())
		}
	}
	var usage usageError
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "hint: nothing is lost; run the same command again to go on where this one stopped")
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailure
}
