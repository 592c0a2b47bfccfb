// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"os"

	"golang.org/x/term"
)

// Raw puts the terminal into raw mode, in which each key goes to the program as it is, and returns
// the function that ends it. ok is false if standard input or output is no terminal.
func Raw() (restore func(), ok bool) {
	in, out := int(os.Stdin.Fd()), int(os.Stdout.Fd())
	if !term.IsTerminal(in) || !term.IsTerminal(out) {
		return nil, false
	}
	before, err := term.MakeRaw(in)
	if err != nil {
		return nil, false
	}
	undo := rawOutput()
	return func() {
		undo()
		_ = term.Restore(in, before)
	}, true
}

// Size returns the terminal's columns and rows, or 80 and 24 if it does not tell.
func Size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || columns == 0 || rows == 0 {
		return 80, 24
	}
	return columns, rows
}
