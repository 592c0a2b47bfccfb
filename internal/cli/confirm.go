package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// confirm asks whoever is at the terminal, unless yes says that he need not be.
func (a *App) confirm(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	if _, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err != nil {
		return hint(usageError{errors.New("there is no terminal to ask on")}, "--yes, if that is what you want")
	}
	fmt.Fprintf(a.Stderr, "%s [y/N] ", question)
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
		fmt.Fprintln(a.Stderr)
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
