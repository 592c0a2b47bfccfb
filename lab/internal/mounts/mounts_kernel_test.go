// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// alone marks a process that runs in a private mount namespace.
const alone = "MACAW_TEST_ALONE"

func TestRemoveAll(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	if os.Getenv(alone) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestRemoveAll$")
		cmd.Env = append(os.Environ(), alone+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("in a mount namespace of its own: %v\n%s", err, out)
		}
		return
	}
	mount := func(source, target, kind string, flags uintptr) {
		t.Helper()
		if err := unix.Mount(source, target, kind, flags, ""); err != nil {
			t.Fatalf("mounting %s: %v", target, err)
		}
	}
	dir := t.TempDir()
	machine, precious, elsewhere := filepath.Join(dir, "machine"), filepath.Join(dir, "precious"), filepath.Join(dir,
		"elsewhere")
	for _, d := range []string{filepath.Join(machine, "root"), filepath.Join(machine, "upper/mnt"), precious, elsewhere} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	kept := filepath.Join(precious, "kept")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	immutable(t, filepath.Join(machine, "upper/etc"))
	mount("tmpfs", filepath.Join(machine, "root"), "tmpfs", 0)
	if err := os.Mkdir(filepath.Join(machine, "root/mnt"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A foreign directory, mounted in the machine and beside it; and the machine's own,
	// mounted again.
	mount(precious, filepath.Join(machine, "root/mnt"), "", unix.MS_BIND)
	mount(precious, filepath.Join(machine, "upper/mnt"), "", unix.MS_BIND)
	mount(machine, elsewhere, "", unix.MS_BIND|unix.MS_REC)
	mount(machine, machine, "", unix.MS_BIND|unix.MS_REC)
	for range 2 { // the second time there is nothing to remove
		if err := RemoveAll(machine); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(machine); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory: %v, want none", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("what was mounted: %v", err)
	}
	if _, err := os.Stat("/proc/self/mountinfo"); err != nil {
		t.Errorf("the process has lost its root: %v", err)
	}
	if err := unix.Unmount(elsewhere, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
}

// immutable makes a directory with a file, neither of which can be removed.
func immutable(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "pinned")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("chattr", "+i", file, dir).CombinedOutput(); err != nil {
		t.Logf("without an immutable file: %v: %s", err, out) // as on tmpfs of older kernels
		return
	}
	if err := os.RemoveAll(dir); err == nil {
		t.Error("an immutable directory was removed")
	}
}
