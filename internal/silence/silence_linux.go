// SPDX-License-Identifier: Apache-2.0

package silence

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// watchSent ends a connection when sent data is not acknowledged for Limit (tcp(7),
// TCP_USER_TIMEOUT; it overrides the number of keep-alive probes).
func watchSent(_, _ string, c syscall.RawConn) error {
	var err error
	ctl := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(Limit.Milliseconds()))
	})
	if ctl != nil {
		return ctl
	}
	return err
}
