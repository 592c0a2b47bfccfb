// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"testing"
)

func TestNotBootSector(t *testing.T) {
	kernel := make([]byte, 1024)
	copy(kernel[0x1fe:], "\x55\xaa..HdrS")
	before := bytes.Clone(kernel)
	got := notBootSector(kernel)
	if got[0x1fe] != 0 || got[0x1ff] != 0 || !bytes.Equal(got[0x200:], before[0x200:]) || !bytes.Equal(kernel, before) {
		t.Errorf("got % x", got[0x1f0:0x210])
	}
	other := []byte("no kernel")
	if !bytes.Equal(notBootSector(other), other) {
		t.Error("something else than a kernel has changed")
	}
}
