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
)

// Asker returns a function that asks the user for one line, such as a code; nil if there is no
// terminal. It reads from the terminal even if standard input is something else. What is typed is
// shown: it is no password, and a terminal whose echo is off stays so if the program is killed.
func (t *Terminal) Asker() func(ctx context.Context, question string) (string, error) {
	in, err := controlling()
	if err != nil {
		return nil
	}
	return func(ctx context.Context, question string) (string, error) {
		fmt.Fprint(t.Stderr, question)
		return readLine(ctx, t.Stderr, in)
	}
}

// controlling returns the terminal to read from.
func controlling() (*os.File, error) {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return os.Stdin, nil
	}
	f, err := os.OpenFile(terminalDevice, os.O_RDWR, 0)
	if err == nil && !term.IsTerminal(int(f.Fd())) {
		f.Close()
		err = errors.New("it is no terminal")
	}
	return f, err
}

// readLine reads a line until ctx ends.
func readLine(ctx context.Context, out io.Writer, in io.Reader) (string, error) {
	type line struct {
		text string
		err  error
	}
	lines := make(chan line, 1)
	go func() { // reading from a terminal cannot be interrupted
		text, err := bufio.NewReader(in).ReadString('\n')
		lines <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(out)
		return "", context.Cause(ctx)
	case l := <-lines:
		if l.err == io.EOF {
			l.err = nil
		}
		return strings.TrimSpace(l.text), l.err
	}
}
