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

// ConnContext is for the server of a Handler, as http.Server.ConnContext: it
// lets LimitHops find a request's connection.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connection{}, c)
}

// LimitHops is a Handler's HopLimit: it sends the packets that follow on a
// request's connection with that time to live, so that they end where they are
// forwarded once too often. 0 stands for the system's own. A request whose
// connection is not known is left alone.
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
	// A connection that has just ended has no options left to set.
	_ = c.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, hops) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, hops)
		}
	})
}
