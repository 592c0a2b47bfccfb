// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"macaw.example/internal/hint"
)

// Confirm asks the user for confirmation, unless yes is set.
func (t *Terminal) Confirm(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return hint.With(Usage(errors.New("there is no terminal to ask on")), "--yes, if that is what you want")
	}
	fmt.Fprintf(t.Stderr, "%s [y/N] ", question)
	type line struct {
		text string
		err  error
	}
	lines := make(chan line, 1)
	go func() { // reading from a terminal cannot be interrupted
		text, err := bufio.NewReader(os.Stdin).ReadString('\n')
		lines <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(t.Stderr)
		return context.Cause(ctx)
	case l := <-lines:
		if l.err != nil && l.err != io.EOF {
			return l.err
		}
		if answer := strings.ToLower(strings.TrimSpace(l.text)); answer != "y" && answer != "yes" {
			return errors.New("nothing was done")
		}
		return nil
	}
}

// IsTerminal reports whether w writes to a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
