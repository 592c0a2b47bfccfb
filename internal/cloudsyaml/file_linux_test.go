// SPDX-License-Identifier: Apache-2.0

package cloudsyaml

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatCannotBeChangedIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	pipe, loop, odd := filepath.Join(dir, "pipe"), filepath.Join(dir, "loop"), filepath.Join(dir, "odd")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	put(t, odd, "clouds: [\n", 0o600)
	for path, want := range map[string]string{pipe: "not a regular file", loop: "too many levels",
		odd: odd + ": yaml: line 1", dir: "not a regular file"} {
		if _, err := (File{path}).Set("lab", []byte(entry)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(path), err, want)
		}
	}
	wantText(t, odd, "clouds: [\n")
	var oddity *OddError
	if _, err := (File{odd}).Set("lab", []byte(entry)); !errors.As(err, &oddity) {
		t.Errorf("%v is no OddError", err)
	}
	wantNames(t, dir, "loop", "odd", "pipe")
}

func TestAReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		t.Skip("nothing can be mounted here: ", err)
	}
	defer func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	for _, path := range []string{"clouds.yaml", "new/clouds.yaml"} {
		if _, err := (File{filepath.Join(dir, path)}).Set("lab", []byte(entry)); err == nil ||
			!strings.Contains(err.Error(), "read-only file system") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
