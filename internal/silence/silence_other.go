// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package silence

import "syscall"

// watchSent is nil: other systems have no such limit for one connection, and resend unacknowledged
// data for their default time.
var watchSent func(network, address string, c syscall.RawConn) error
