package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	awsapi "macaw/internal/aws"
	"macaw/internal/lab"
)

// The exit codes of macaw.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitChanges = 3   // plan: there is something to do
	exitSignal  = 128 // and the signal's number, as shells have it: 130 is SIGINT
)

// hintError is an error with a way out.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
func (e *hintError) Hint() string  { return e.hint }

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
		line = strings.TrimRight(line, "\n")
		// Of several mistakes in a file each has its hint below it.
		if h := strings.TrimLeft(line, " "); h != line && strings.HasPrefix(h, "hint: ") {
			fmt.Fprintln(w, h)
			continue
		}
		fmt.Fprintf(w, "error: %s\n", line)
	}
	for _, h := range hintsOf(err) {
		fmt.Fprintf(w, "hint: %s\n", h)
	}
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// hintsOf returns the hints of an error and of all that it wraps: each is of
// use, and the innermost knows most.
func hintsOf(err error) (hints []string) {
	add := func(h string) {
		if h != "" && !slices.Contains(hints, h) {
			hints = append(hints, h)
		}
	}
	var walk func(error)
	walk = func(err error) {
		if h, ok := err.(interface{ Hint() string }); ok {
			add(h.Hint())
		}
		if u, ok := err.(*awsapi.Unreachable); ok {
			add(hintOfUnreachable(u))
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, one := range e.Unwrap() {
				walk(one)
			}
		}
	}
	walk(err)
	return hints
}

func hintOfUnreachable(u *awsapi.Unreachable) string {
	if u.Endpoint == lab.Endpoint {
		return "macaw lab up"
	}
	return "look at the network, at the region in target, and at AWS_ENDPOINT_URL if that is set"
}
