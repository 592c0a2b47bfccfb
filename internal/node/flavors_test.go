// SPDX-License-Identifier: Apache-2.0

package node

import "testing"

// A user can start a guest of every flavor on a node with the default disk, of which Debian and
// OpenStack need some, and with the lab's minimum of 2 cores and 16 GiB.
func TestFlavorsFit(t *testing.T) {
	for _, f := range flavors {
		if f.Disk > 20 || f.VCPUs > 2 || f.RAM > 8<<10 {
			t.Errorf("%+v does not fit", f)
		}
	}
}
