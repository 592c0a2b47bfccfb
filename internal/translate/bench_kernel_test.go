// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
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
			// The program is run on one frame again and again, which has the ENI's MAC
			// after the first time.
			entries[i] = Entry{Addr: addr, MAC: eniMAC}
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
			{"out", objects.FromBridge, ipv4Frame(eniMAC, gatewayMAC, hit, gateway4)},
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
