// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// socket is a raw socket on one device, packet(7).
type socket struct {
	fd   int
	link net.Interface
	buf  []byte
}

func openSocket(link net.Interface) (*socket, error) {
	all := uint16(unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8) // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return nil, err
	}
	wait := unix.NsecToTimeval(int64(50_000_000))
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index}),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
			&unix.PacketMreq{Ifindex: int32(link.Index), Type: unix.PACKET_MR_PROMISC}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
	)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &socket{fd, link, make([]byte, 64<<10)}, nil
}

func (s *socket) close() { _ = unix.Close(s.fd) }

func (s *socket) send(frame []byte) error {
	return unix.Sendto(s.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: s.link.Index, Halen: 6})
}

// receive returns the next incoming frame, or nil if none arrives for a moment.
func (s *socket) receive() ([]byte, error) {
	n, from, err := unix.Recvfrom(s.fd, s.buf, 0)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if l, ok := from.(*unix.SockaddrLinklayer); ok && l.Pkttype == unix.PACKET_OUTGOING {
		return nil, nil
	}
	return append([]byte(nil), s.buf[:n]...), nil
}
