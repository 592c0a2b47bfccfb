// SPDX-License-Identifier: Apache-2.0

package terminal

// terminalDevice is the process's terminal.
const terminalDevice = "CONIN$"
