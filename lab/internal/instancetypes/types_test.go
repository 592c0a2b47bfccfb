// SPDX-License-Identifier: Apache-2.0

package instancetypes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLimits compares the data with numbers of the EC2 User Guide, "Maximum IP
// addresses per network interface".
func TestLimits(t *testing.T) {
	for name, want := range map[string][2]int{
		"t3.micro": {2, 2}, "t3.large": {3, 12}, "m5.large": {3, 10}, "m5.xlarge": {4, 15}, "m5.4xlarge": {8,
			30}, "c5.metal": {15, 50},
		"c5n.metal": {15, 50}, "m7i.metal-24xl": {15, 50}, "m8i.large": {3, 20}, "m8i.4xlarge": {8, 50}, "m8i.8xlarge": {10,
			50},
		"m8i.96xlarge": {24, 64}, "r8i.xlarge": {4, 30}, "m6in.32xlarge": {16, 50},
	} {
		got := All()[name]
		if d := cmp.Diff(want, [2]int{got.ENIs(), got.IPv4}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for name, it := range All() {
		if it.VCPUs < 1 || it.Cores < 1 || it.VCPUs%it.Cores != 0 || it.MemoryMB < 512 || it.ENIs() < 2 || it.IPv4 < 2 ||
			it.TCPTimeout < 60 {
			t.Errorf("%s is %+v", name, it)
		}
		if it.Nested && Metal(name) {
			t.Errorf("%s nests", name)
		}
	}
}
