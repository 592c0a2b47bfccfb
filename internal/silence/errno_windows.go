// SPDX-License-Identifier: Apache-2.0

package silence

import "golang.org/x/sys/windows"

// The numbers are Winsock's. Package syscall has others of the same names, which no call returns.
var (
	refused = []error{windows.WSAECONNREFUSED}
	noRoute = []error{windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAEADDRNOTAVAIL}
)
