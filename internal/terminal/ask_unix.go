// SPDX-License-Identifier: Apache-2.0

//go:build unix

package terminal

// terminalDevice is the process's terminal.
const terminalDevice = "/dev/tty"
