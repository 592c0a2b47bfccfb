// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// flowTimeout bounds a flow of a few megabytes, on a slow machine, too.
const flowTimeout = time.Minute

// route is where a flow goes, from one namespace to another.
type route struct {
	name     string
	from, to *namespace
	a, b     netip.Addr
	reason   Reason // that of its data in the counters
}

// routes are those between router and fabric.
func (w *env) routes() []route {
	return []route{
		{"out, IPv4", w.vm, w.fabric, router4, gateway4, OutIPv4},
		{"in, IPv4", w.fabric, w.vm, gateway4, router4, InIPv4},
		{"out, IPv6", w.vm, w.fabric, router6, gateway6, OutIPv6},
		{"in, IPv6", w.fabric, w.vm, gateway6, router6, InIPv6},
	}
}

// stream sends octets over one TCP connection, and sees that they arrive as they were.
func (r route) stream(t *testing.T, octets int64) {
	t.Helper()
	var listener net.Listener
	r.to.Do(func() (err error) {
		listener, err = net.Listen("tcp", netip.AddrPortFrom(r.b, 0).String())
		return err
	})
	defer listener.Close()
	deadline := time.Now().Add(flowTimeout)
	received := make(chan []byte, 1)
	go func() {
		sum, err := receive(listener, deadline)
		if err != nil {
			t.Errorf("%s: receiving: %v", r.name, err)
		}
		received <- sum
	}()
	var near net.Conn
	r.from.Do(func() (err error) {
		dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(r.a, 0)), Deadline: deadline}
		near, err = dialer.Dial("tcp", listener.Addr().String())
		return err
	})
	defer near.Close()
	near.SetDeadline(deadline)
	sent := sha256.New()
	_, err := io.CopyBuffer(io.MultiWriter(near, sent), noise(octets), make([]byte, 1<<18))
	if err != nil {
		t.Fatalf("%s: sending: %v", r.name, err)
	}
	if err := near.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if sum := <-received; !bytes.Equal(sum, sent.Sum(nil)) {
		t.Errorf("%s: received other octets than were sent", r.name)
	}
}

// receive returns the sum of what comes over one connection.
func receive(listener net.Listener, deadline time.Time) ([]byte, error) {
	listener.(*net.TCPListener).SetDeadline(deadline)
	far, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	defer far.Close()
	far.SetDeadline(deadline)
	sum := sha256.New()
	_, err = io.Copy(sum, far)
	return sum.Sum(nil), err
}

// noise is so many octets that no compression, repetition or zeroed page resembles.
func noise(octets int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), octets)
}

// datagrams sends so many batches of UDP datagrams, each by one system call (UDP_SEGMENT),
// and sees that every datagram arrives as it was. The error of a kernel that cannot send
// them so is unix.EIO.
func (r route) datagrams(t *testing.T, size, batch, batches int) error {
	t.Helper()
	var in, out *net.UDPConn
	r.to.Do(func() (err error) {
		in, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.b, 0)))
		return err
	})
	defer in.Close()
	r.from.Do(func() (err error) {
		out, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.a, 0)), in.LocalAddr().(*net.UDPAddr))
		return err
	})
	defer out.Close()
	setUDP(t, in, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	setUDP(t, out, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20)
	setUDP(t, out, unix.IPPROTO_UDP, unix.UDP_SEGMENT, size)

	source := noise(int64(size * batch * batches))
	body, buf := make([]byte, size*batch), make([]byte, 1<<16)
	for range batches {
		if _, err := io.ReadFull(source, body); err != nil {
			t.Fatal(err)
		}
		expected := map[[sha256.Size]byte]bool{}
		for i := range batch {
			expected[sha256.Sum256(body[i*size:][:size])] = true
		}
		if _, err := out.Write(body); err != nil {
			return fmt.Errorf("%s: sending %d datagrams at once: %w", r.name, batch, err)
		}
		// One batch at a time: no queue on the way holds them all.
		in.SetReadDeadline(time.Now().Add(replyTimeout))
		for len(expected) > 0 {
			n, err := in.Read(buf)
			if err != nil {
				t.Errorf("%s: %d of %d datagrams are missing: %v", r.name, len(expected), batch, err)
				return nil
			}
			sum := sha256.Sum256(buf[:n])
			if !expected[sum] {
				t.Errorf("%s: a datagram of %d octets arrived that was not sent", r.name, n)
				return nil
			}
			delete(expected, sum)
		}
	}
	return nil
}

func setUDP(t *testing.T, conn *net.UDPConn, level, option, value int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var inner error
	err = raw.Control(func(fd uintptr) { inner = unix.SetsockoptInt(int(fd), level, option, value) })
	if err != nil || inner != nil {
		t.Fatalf("setting option %d of a UDP socket: %v, %v", option, err, inner)
	}
}

// sendPartial sends an ICMPv6 frame as a driver of a guest may: with the sum of the pseudo
// header in place of the checksum, which is left to the NIC.
func (s *namespace) sendPartial(name string, frame []byte) {
	s.T.Helper()
	fd := s.tap(name)
	defer unix.Close(fd)
	s.setOption(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1)
	header := make([]byte, vnetHeader)
	header[0] = unix.VIRTIO_NET_HDR_F_NEEDS_CSUM
	binary.NativeEndian.PutUint16(header[6:], ethernetHeader+ipv6Header) // where it begins
	binary.NativeEndian.PutUint16(header[8:], 2)                         // and the checksum in it
	frame = bytes.Clone(frame)
	pseudo := fold(58+uint32(len(frame)-ethernetHeader-ipv6Header), frame[22:ethernetHeader+ipv6Header])
	binary.BigEndian.PutUint16(frame[ethernetHeader+ipv6Header+2:], pseudo)
	if _, err := unix.Write(fd, append(header, frame...)); err != nil {
		s.T.Fatalf("sending on %s: %v", name, err)
	}
}
