// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

// rawOutput makes the console follow escape sequences, and leave line breaks alone (Windows Console,
// "Console Virtual Terminal Sequences").
func rawOutput() (undo func()) {
	console := windows.Handle(os.Stdout.Fd())
	var before uint32
	if windows.GetConsoleMode(console, &before) != nil {
		return func() {}
	}
	const sequences = windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING | windows.DISABLE_NEWLINE_AUTO_RETURN
	_ = windows.SetConsoleMode(console, before|sequences)
	return func() { _ = windows.SetConsoleMode(console, before) }
}
