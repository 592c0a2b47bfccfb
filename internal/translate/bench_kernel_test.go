package translate

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
)

func BenchmarkHit(b *testing.B) {
	for _, n := range []int{1, 100, 5000, 50000} {
		objects, tr := programs(b)
		entries := make([]Entry, n)
		addr := netip.MustParseAddr("10.100.0.0")
		for i := range entries {
			entries[i] = Entry{addr, routerMAC}
			addr = addr.Next()
		}
		if _, err := tr.Sync(entries); err != nil {
			b.Fatal(err)
		}
		hit := entries[n/2].Addr
		for _, c := range []struct {
			name    string
			program *ebpf.Program
			frame   []byte
		}{
			{"out", objects.FromBridge, ipv4Frame(routerMAC, gatewayMAC, hit, gateway4)},
			{"in", objects.FromWire, ipv4Frame(gatewayMAC, eniMAC, gateway4, hit)},
		} {
			b.Run(fmt.Sprintf("%s/entries=%d", c.name, n), func(b *testing.B) {
				_, each, err := c.program.Benchmark(c.frame, b.N, nil)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(each.Nanoseconds()), "ns/frame")
			})
		}
	}
}

// BenchmarkWire sends 64-octet datagrams one way, through a bridge and to the
// other end: once with the NIC as the bridge's port, untranslated, and once
// translated. The sender's system call carries the frame all the way. Compare
// medians of many interleaved runs: -count 10, benchstat.
func BenchmarkWire(b *testing.B) {
	for _, translated := range []bool{false, true} {
		for _, out := range []bool{true, false} {
			b.Run(fmt.Sprintf("translated=%t/out=%t", translated, out), func(b *testing.B) {
				w := newUnjudgedWorld(b, 1500)
				w.cfg.Primary = netip.Addr{}
				if translated {
					w.attach(registered...)
				} else {
					w.plug("eth1")
				}
				from, to, at := w.vm, gateway4, router4
				if !out {
					from, to, at = w.fabric, router4, gateway4
				}
				w.mustPing("before", from, at, to, 56)
				var sink, conn *net.UDPConn
				other := map[bool]*space{true: w.fabric, false: w.vm}[out]
				other.do(func() (err error) {
					sink, err = net.ListenUDP("udp4", &net.UDPAddr{IP: to.AsSlice(), Port: 9000})
					return err
				})
				defer sink.Close()
				from.do(func() (err error) {
					conn, err = net.DialUDP("udp4", nil, &net.UDPAddr{IP: to.AsSlice(), Port: 9000})
					return err
				})
				defer conn.Close()
				payload := make([]byte, 22)
				for b.Loop() {
					if _, err := conn.Write(payload); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
