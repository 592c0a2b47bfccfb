// SPDX-License-Identifier: Apache-2.0

package node

import "testing"

func TestKVMWorksOnlyOnKVM(t *testing.T) {
	for _, device := range []string{"/dev/null", "/nonexistent"} {
		if kvmWorks(device) {
			t.Errorf("%s runs a virtual processor", device)
		}
	}
}
