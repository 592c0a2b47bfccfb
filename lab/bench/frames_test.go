// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/netdev"
	"macaw.example/lab/internal/namespace"
)

// BenchmarkFrames sends datagrams between two machines of a subnet, for which offloads do nothing: as many as possible
// of one size, and one at a time there and back, also beside a TCP stream. The fabric's process has one core, as in
// BenchmarkStream, and the machines only the others. It reports the datagrams received, the fabric's CPU time for
// each, and the time there and back.
func BenchmarkFrames(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("needs root to make network namespaces and interfaces")
	}
	if runtime.NumCPU() < 2 {
		b.Skip("needs two cores: one is the fabric's")
	}
	fabric, paths := fabricPaths(b)
	subnet := paths[0]
	leaveCore(b, runtime.NumCPU()-1)
	must(b, namespace.Do(subnet.client, func() error { return netdev.SetFeature("eth0", "tx-udp-segmentation", false) }))
	sizes := []int{64, 1500} // of the frames, without and with Ethernet's header: as each is usually given
	payload := map[int]int{64: 64 - 14 - 28, 1500: 1500 - 28}
	rates, costs := map[int][]float64{}, map[int][]float64{}
	var trips, besides []float64
	for range b.N {
		for _, size := range sizes {
			used := processorTime(b, fabric)
			began := time.Now()
			n, err := subnet.flood(payload[size], time.Second)
			if err != nil {
				b.Fatal(err)
			}
			took := time.Since(began)
			rates[size] = append(rates[size], float64(n)/took.Seconds())
			costs[size] = append(costs[size], float64((processorTime(b, fabric)-used).Nanoseconds())/float64(n))
		}
		trip, err := subnet.roundTrip(2000, time.Second)
		if err != nil {
			b.Fatal(err)
		}
		trips = append(trips, float64(trip.Nanoseconds())/1000)
		ended := make(chan error)
		go func() {
			_, err := subnet.stream(time.Second)
			ended <- err
		}()
		beside, err := subnet.roundTrip(2000, 900*time.Millisecond)
		if err := errors.Join(err, <-ended); err != nil {
			b.Fatal(err)
		}
		besides = append(besides, float64(beside.Nanoseconds())/1000)
	}
	b.ReportMetric(0, "ns/op") // the time of a round is meaningless
	for _, size := range sizes {
		b.ReportMetric(median(rates[size]), fmt.Sprintf("%dB-frames/s", size))
		b.ReportMetric(median(costs[size]), fmt.Sprintf("%dB-ns/frame", size))
	}
	b.ReportMetric(median(trips), "round-trip-µs")
	b.ReportMetric(median(besides), "round-trip-beside-a-stream-µs")
}

// leaveCore keeps this process from a core until the benchmark ends.
func leaveCore(b *testing.B, core int) {
	var all, others unix.CPUSet
	must(b, unix.SchedGetaffinity(0, &all))
	others = all
	others.Clear(core)
	limit := func(set *unix.CPUSet) {
		threads, err := os.ReadDir("/proc/self/task") // those to come have the affinity of the thread that makes them
		must(b, err)
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			must(b, err)
			if err := unix.SchedSetaffinity(id, set); !errors.Is(err, unix.ESRCH) { // else it has ended
				must(b, err)
			}
		}
	}
	limit(&others)
	b.Cleanup(func() { limit(&all) })
}

// datagrams opens a socket in the server's namespace, and one in the client's that is connected to it.
func (p *path) datagrams() (client, server *net.UDPConn, err error) {
	if err := namespace.Do(p.server, func() (err error) {
		server, err = net.ListenUDP("udp4", &net.UDPAddr{})
		return err
	}); err != nil {
		return nil, nil, err
	}
	port := server.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	err = namespace.Do(p.client, func() (err error) {
		to := netip.AddrPortFrom(netip.MustParseAddr(p.address), port)
		client, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
		return err
	})
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return client, server, nil
}

// flood sends datagrams for a duration, and returns how many reached the server's kernel: a receiver that reads them
// would take the sender's core.
func (p *path) flood(payload int, how time.Duration) (n uint64, err error) {
	client, server, err := p.datagrams()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	defer server.Close()
	before, err := received(p.server)
	if err != nil {
		return 0, err
	}
	// The kernel cuts what it gets into many datagrams, as the interface is not to: so the sender takes less time than
	// the fabric.
	if err := segmented(client, payload); err != nil {
		return 0, err
	}
	data := make([]byte, 40*payload)
	for end := time.Now().Add(how); time.Now().Before(end); {
		for range 8 {
			if _, err := client.Write(data); err != nil && !errors.Is(err, unix.ENOBUFS) { // its queue is full
				return 0, err
			}
		}
	}
	after, err := received(p.server)
	return after - before, err
}

// segmented makes the kernel cut what is sent into datagrams of a size (udp(7), UDP_SEGMENT).
func segmented(c *net.UDPConn, size int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, size) })
	return errors.Join(err, failed)
}

// received returns how many frames a machine's kernel has received.
func received(ns string) (n uint64, err error) {
	err = namespace.Links(ns, func(h *netlink.Handle) error {
		l, err := h.LinkByName("eth0")
		if err != nil {
			return err
		}
		n = l.Attrs().Statistics.RxPackets
		return nil
	})
	return n, err
}

// roundTrip returns the median time of datagrams there and back: of so many, or those in the time limit.
func (p *path) roundTrip(count int, limit time.Duration) (time.Duration, error) {
	client, server, err := p.datagrams()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	defer server.Close()
	go func() {
		for b := make([]byte, 64); ; {
			n, from, err := server.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDPAddrPort(b[:n], from)
		}
	}()
	all := make([]time.Duration, 0, count)
	b := make([]byte, 16)
	for end := time.Now().Add(limit); len(all) < count && time.Now().Before(end); {
		began := time.Now()
		client.SetReadDeadline(began.Add(100 * time.Millisecond)) // the first may find a full queue
		if _, err := client.Write(b); err != nil {
			return 0, err
		}
		_, err := client.Read(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	if len(all) == 0 {
		return 0, fmt.Errorf("no datagram came back within %s", limit)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}
