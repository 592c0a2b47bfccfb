// SPDX-License-Identifier: Apache-2.0

package terminal

import (
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
	answer, err := readLine(ctx, t.Stderr, os.Stdin)
	if err != nil {
		return err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}

// IsTerminal reports whether w writes to a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
