// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPrivate(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old")
	if err := os.Mkdir(old, 0o755); err != nil {
		t.Fatal(err)
	}
	dirs := []string{old, filepath.Join(old, "a"), filepath.Join(old, "b/c")}
	if err := Private(dirs...); err != nil {
		t.Fatal(err)
	}
	for _, d := range append(dirs, filepath.Join(old, "b")) {
		if st, err := os.Stat(d); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v; want 0700", d, st.Mode(), err)
		}
	}
}
