// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"net/netip"
	"path"
	"slices"
	"testing"
)

// TestPartPatterns holds the calls for Elastic IPs to finding each once.
func TestPartPatterns(t *testing.T) {
	for many, want := range map[int]int{0: 1, 1000: 1, 1001: 2, 3500: 4, 5000: 5, 9000: 9, 1 << 20: 10} {
		calls := partPatterns(many)
		if len(calls) != want {
			t.Errorf("%d Elastic IPs: %d calls, want %d", many, len(calls), want)
		}
		found := make([]int, len(calls))
		addr := netip.MustParseAddr("10.0.14.250")
		for range 1000 {
			part, times := addressPart(addr), 0
			for i, patterns := range calls {
				// The pattern's * may match a slash for AWS, and has none to match here.
				matches := func(p string) bool { ok, err := path.Match(p, part); return ok && err == nil }
				if slices.ContainsFunc(patterns, matches) {
					found[i]++
					times++
				}
			}
			if times != 1 {
				t.Fatalf("%s is found %d times by %q", part, times, calls)
			}
			addr = addr.Next()
		}
		// Of ten digits a call has one more than another.
		if slices.Max(found) > 1000*((10+want-1)/want)/10+10 {
			t.Errorf("%d calls find %v", want, found)
		}
	}
}
