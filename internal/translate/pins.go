// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The directories for pins where the configuration names none. A container's /sys is
// read-only and has no fs/bpf; /run is writable everywhere.
const (
	bpffs            = "/sys/fs/bpf"
	defaultPinDir    = bpffs + "/macaw"
	containersPinDir = "/run/macaw/bpf"
)

// makePins makes a directory for pins, mounts a BPF file system there if there is none, and
// returns its path. An empty dir means one of the default directories.
func makePins(dir string) (string, error) {
	if dir != "" {
		return dir, makePinsAt(dir, dir)
	}
	// The pins of an earlier process decide, in case /sys has changed since.
	if found, err := findPins(""); err == nil {
		return found, nil
	}
	err := makePinsAt(defaultPinDir, bpffs)
	if err == nil {
		return defaultPinDir, nil
	}
	if err2 := makePinsAt(containersPinDir, containersPinDir); err2 != nil {
		return "", errors.Join(err, err2)
	}
	return containersPinDir, nil
}

// makePinsAt makes dir on a BPF file system, which it mounts at mount unless there is one.
func makePinsAt(dir, mount string) error {
	if err := os.MkdirAll(mount, 0o700); err != nil {
		return fmt.Errorf("making directory for BPF pins: %w", err)
	}
	if !onBPFFS(mount) {
		const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
		if err := unix.Mount("bpf", mount, "bpf", flags, "mode=0700"); err != nil {
			return fmt.Errorf("mounting BPF file system at %s: %w", mount, err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making directory for BPF pins: %w", err)
	}
	return nil
}

// findPins returns the directory that holds the pins of a translation.
func findPins(dir string) (string, error) {
	candidates := []string{dir}
	if dir == "" {
		candidates = []string{defaultPinDir, containersPinDir}
	}
	for _, c := range candidates {
		if _, err := os.Stat(filepath.Join(c, bpfMapSettings)); err == nil {
			return c, nil
		}
	}
	return "", fmt.Errorf("looking for pins in %v: %w", candidates, ErrNotAttached)
}

func onBPFFS(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && uint32(st.Type) == unix.BPF_FS_MAGIC
}
