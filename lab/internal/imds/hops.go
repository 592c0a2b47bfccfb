// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"context"
	"net"
	"net/http"
	"syscall"

	"golang.org/x/sys/unix"
)

type connection struct{}

// ConnContext is the http.Server.ConnContext of a Handler's server. LimitHops needs it to
// find a request's connection.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connection{}, c)
}

// LimitHops is a Handler's HopLimit. It sets the time to live of the following packets on a
// request's connection, so that they expire if forwarded too often; 0 means the system's
// default. It ignores a request with an unknown connection.
func LimitHops(r *http.Request, hops int) {
	raw, ok := r.Context().Value(connection{}).(syscall.Conn)
	if !ok {
		return
	}
	c, err := raw.SyscallConn()
	if err != nil {
		return
	}
	if hops == 0 {
		hops = -1 // ip(7): the default
	}
	// A closed connection has no options to set.
	_ = c.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, hops) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, hops)
		}
	})
}
