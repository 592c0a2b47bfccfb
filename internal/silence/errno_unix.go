// SPDX-License-Identifier: Apache-2.0

//go:build unix

package silence

import "golang.org/x/sys/unix"

var (
	refused = []error{unix.ECONNREFUSED}
	noRoute = []error{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EADDRNOTAVAIL}
)
