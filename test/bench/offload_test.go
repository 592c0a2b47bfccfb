// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"macaw.example/internal/translate"
)

// BenchmarkOffloads sends TCP streams between a router behind a bridge and the fabric, in
// frames of up to 64 KiB, through the translation and without it, in turns. As in
// BenchmarkTranslation, one core does everything, so the time is CPU time.
//
//	nice -n -19 go test -run '^$' -bench Offloads -benchtime 401x ./test/bench
func BenchmarkOffloads(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("needs root: network namespaces and eBPF programs")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(b, pin(runtime.NumCPU()-1))
	defer unpin(b)

	type side struct {
		*crossing
		streams []*stream
	}
	var none, translated side
	for way, s := range map[string]*side{wayNone: &none, wayTranslate: &translated} {
		s.crossing = newCrossing(b, way, 1)
		merged := newCrossing(b, way, 1)
		// What GRO is to merge must come in pieces, with their checksums.
		must(b, ethtool(merged.fabric, "vpc0", unix.ETHTOOL_STXCSUM, 0))
		must(b, ethtool(merged.host, "eth1", unix.ETHTOOL_SGRO, 1))
		s.streams = []*stream{
			newStream(b, "out, TSO", s.crossing, s.router, s.fabric, firstAddr, fabricAddr),
			newStream(b, "in, whole", s.crossing, s.fabric, s.router, fabricAddr, firstAddr),
			newStream(b, "in, GRO", merged, merged.fabric, merged.router, fabricAddr, firstAddr),
		}
	}
	rates := make([][2][]float64, len(none.streams))
	ratios := make([][]float64, len(none.streams))
	for round := range b.N {
		for i := range none.streams {
			pair := [2]*stream{none.streams[i], translated.streams[i]}
			var rate [2]float64
			for turn := range pair {
				which := (turn + round) % 2 // each goes first as often
				var err error
				rate[which], err = pair[which].measure()
				if err != nil {
					b.Fatalf("%s: %v", pair[which].name, err)
				}
				rates[i][which] = append(rates[i][which], rate[which])
			}
			ratios[i] = append(ratios[i], rate[1]/rate[0])
		}
	}
	b.ReportMetric(0, "ns/op") // the time of a round is meaningless
	fmt.Printf("\nmedians of %d rounds\n%-12s %12s %12s %8s %16s\n", b.N, "stream", "none Gbit/s", "translated", "ratio",
		"octets a frame")
	for i, s := range translated.streams {
		size, err := s.frameSize()
		must(b, err)
		if size < 3000 {
			b.Errorf("%s: frames of %d octets passed the translation: the offloads were off", s.name, size)
		}
		fmt.Printf("%-12s %12.1f %12.1f %8.3f %16d\n", s.name, median(rates[i][0]), median(rates[i][1]),
			median(ratios[i]), size)
	}
}

const (
	// burst is written, and then read: less than what a socket and a window hold.
	burst   = 256 << 10
	bursts  = 40 // in a measurement: a millisecond, which few other tasks interrupt
	buffers = 4 << 20
)

// stream is one TCP connection, whose ends are both used by this thread.
type stream struct {
	name      string
	crossing  *crossing
	near, far int // sockets
	body      []byte
	inward    bool
}

func newStream(b *testing.B, name string, c *crossing, client, server string, from, to netip.Addr) *stream {
	near, far := connect(b, name, client, server, from, to, streamPort)
	for _, fd := range []int{near, far} {
		must(b, errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, buffers),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffers)))
	}
	return &stream{name: name, crossing: c, near: near, far: far, body: make([]byte, burst), inward: client == c.fabric}
}

// measure returns the rate in Gbit/s.
func (s *stream) measure() (float64, error) {
	if err := s.send(bursts / 10); err != nil { // warm caches
		return 0, err
	}
	began := time.Now()
	if err := s.send(bursts); err != nil {
		return 0, err
	}
	return bursts * burst * 8 / 1e9 / time.Since(began).Seconds(), nil
}

func (s *stream) send(n int) error {
	for range n {
		if err := pass(s.near, s.far, s.body); err != nil {
			return err
		}
	}
	return nil
}

// frameSize is the mean size of the stream's frames in the translation.
func (s *stream) frameSize() (octets uint64, err error) {
	err = inNamespace(s.crossing.host, func() error {
		t, err := translate.Open(s.crossing.pins)
		if err != nil {
			return err
		}
		defer t.Close()
		counters, err := t.Counters()
		if err != nil {
			return err
		}
		c := counters[translate.OutIPv4]
		if s.inward {
			c = counters[translate.InIPv4]
		}
		octets = c.Bytes / max(c.Packets, 1)
		return nil
	})
	return octets, err
}

// ethtool sets a value of an interface: struct ethtool_value of linux/ethtool.h, by
// SIOCETHTOOL.
func ethtool(ns, name string, command, value uint32) error {
	return inNamespace(ns, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		wanted := [2]uint32{command, value}
		var request struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}
		copy(request.name[:], name)
		request.data = unsafe.Pointer(&wanted)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		runtime.KeepAlive(&wanted)
		if errno != 0 {
			return fmt.Errorf("setting ethtool value %#x of %s to %d: %w", command, name, value, errno)
		}
		return nil
	})
}
