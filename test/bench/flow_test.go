// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// flow is the traffic to measure.
type flow struct {
	name string
	// send carries n packets and returns when they have arrived.
	send func(n int) error
	// packets is how many packets a measurement sends.
	packets int
}

// measure returns the nanoseconds per packet.
func (f *flow) measure() (float64, error) {
	if err := f.send(f.packets / 10); err != nil { // warm caches
		return 0, err
	}
	began := time.Now()
	if err := f.send(f.packets); err != nil {
		return 0, err
	}
	return float64(time.Since(began).Nanoseconds()) / float64(f.packets), nil
}

const udpPort, tcpPort, streamPort = 9000, 9001, 9002

// A UDP frame of 64 octets: 14 of Ethernet, 20 of IP, 8 of UDP, this payload, and 4 for the
// frame check sequence.
const udpPayload, tcpPayload = 18, 10

// congestionControl is Linux's default. BBR, the default of some machines, sends at the rate
// that it has measured, which is not what the path could carry here.
const congestionControl = "cubic"

// newDatagrams sends UDP between address pairs in turns, to a socket that nobody reads.
// Once its buffer is full, the kernel counts and drops the packets, which costs less than
// reading, and the same for every way.
func newDatagrams(b *testing.B, name, client, server string, from, to []netip.Addr) *flow {
	var sink, out int
	must(b, inNamespace(server, func() (err error) {
		if sink, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(unix.SetsockoptInt(sink, unix.SOL_SOCKET, unix.SO_RCVBUF, 1),
			unix.Bind(sink, &unix.SockaddrInet4{Port: udpPort}))
	}))
	must(b, inNamespace(client, func() (err error) {
		out, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	b.Cleanup(func() { unix.Close(sink); unix.Close(out) })
	targets := make([]unix.SockaddrInet4, len(to))
	for i, a := range to {
		targets[i] = unix.SockaddrInet4{Port: udpPort, Addr: a.As4()}
	}
	sources := make([][]byte, len(from))
	for i, a := range from {
		sources[i] = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: a.As4()})
	}
	body := make([]byte, udpPayload)
	i := 0
	return &flow{name: name, packets: 4000, send: func(n int) error {
		before, err := arrived(server)
		if err != nil {
			return err
		}
		for range n {
			if err := unix.Sendmsg(out, body, sources[i%len(sources)], &targets[i%len(targets)], 0); err != nil {
				return err
			}
			i++
		}
		after, err := arrived(server)
		if err == nil && after-before < n*99/100 {
			err = fmt.Errorf("%d of %d packets arrived", after-before, n)
		}
		return err
	}}
}

// arrived counts the UDP packets that reached a socket in the namespace, whether received
// or dropped because of a full buffer.
func arrived(ns string) (n int, err error) {
	err = inNamespace(ns, func() error {
		snmp, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		var in, noPorts, errs int
		for line := range strings.Lines(string(snmp)) {
			if _, err := fmt.Sscanf(line, "Udp: %d %d %d", &in, &noPorts, &errs); err == nil {
				n = in + errs
				return nil
			}
		}
		return errors.New("no UDP counters in /proc/net/snmp")
	})
	return n, err
}

// newTransactions sends a few octets over a TCP connection and as many back, both on this
// thread: two packets, as each answer carries the acknowledgement.
func newTransactions(b *testing.B, name, client, server string, from, to netip.Addr) *flow {
	near, far := connect(b, name, client, server, from, to, tcpPort)
	body := make([]byte, tcpPayload)
	return &flow{name: name, packets: 3000, send: func(n int) error {
		for range n / 2 {
			if err := pass(near, far, body); err != nil {
				return err
			}
			if err := pass(far, near, body); err != nil {
				return err
			}
		}
		return nil
	}}
}

// connect returns the two ends of a TCP connection.
func connect(b *testing.B, name, client, server string, from, to netip.Addr, port int) (near, far int) {
	var listener int
	must(b, inNamespace(server, func() (err error) {
		if listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptString(listener, unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestionControl),
			unix.Bind(listener, &unix.SockaddrInet4{Port: port}), unix.Listen(listener, 1))
	}))
	defer unix.Close(listener)
	must(b, inNamespace(client, func() (err error) {
		if near, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		err = errors.Join(
			unix.SetsockoptString(near, unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestionControl),
			unix.SetsockoptTimeval(near, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 3}),
			unix.Bind(near, &unix.SockaddrInet4{Addr: from.As4()}),
			unix.Connect(near, &unix.SockaddrInet4{Port: port, Addr: to.As4()}))
		if err != nil {
			return fmt.Errorf("%s from %s to %s: %w", name, from, to, err)
		}
		return nil
	}))
	far, _, err := unix.Accept(listener)
	if err != nil {
		b.Fatalf("%s: accepting: %v", name, err)
	}
	b.Cleanup(func() { unix.Close(near); unix.Close(far) })
	for _, fd := range []int{near, far} {
		must(b, errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 3})))
	}
	return near, far
}

// pass writes to one end of a connection, and reads as much from the other.
func pass(from, to int, body []byte) error {
	if _, err := unix.Write(from, body); err != nil {
		return err
	}
	for got := 0; got < len(body); {
		n, err := unix.Read(to, body[got:])
		if err != nil {
			return err
		}
		got += n
	}
	return nil
}

func pin(core int) error {
	var set unix.CPUSet
	set.Set(core)
	return unix.SchedSetaffinity(0, &set)
}

func unpin(b *testing.B) {
	var set unix.CPUSet
	for core := range len(set) * 64 {
		set.Set(core)
	}
	must(b, unix.SchedSetaffinity(0, &set))
}
