// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"macaw.example/internal/configfile"
	"macaw.example/internal/hint"
)

// Packages are installed without waiting for the disk, dpkg's own database included, where nothing can be
// lost: on a machine that has no cloud yet. The package step syncs everything once, at its end. If the
// machine loses power before, any file may be empty, also those of dpkg that tell what is installed and
// with which checksums. So neither a check nor a repair by dpkg can be relied on, and the next run asks for
// another machine, which has less to do than a repair of every package.

const (
	// unsyncedMarker has the ID of the boot in which packages are being installed without syncing.
	unsyncedMarker = "/var/lib/macaw/unsynced"
	bootID         = "/proc/sys/kernel/random/boot_id"
)

// beginUnsynced reports whether packages may be installed without syncing. Its error is that this has been
// done before, and the machine has lost power meanwhile.
func (m *Machine) beginUnsynced() (bool, error) {
	for _, path := range m.Used {
		if exists(filepath.Join(m.Root, path)) {
			return false, nil
		}
	}
	boot, err := os.ReadFile(filepath.Join(m.Root, bootID))
	if err != nil {
		return false, fmt.Errorf("reading the ID of this boot: %w", err)
	}
	seen, err := os.ReadFile(filepath.Join(m.Root, unsyncedMarker))
	switch {
	case err == nil && string(seen) == string(boot):
		return true, nil // an earlier run was killed
	case err == nil:
		return false, hint.With(errors.New("this machine stopped while packages were being installed, "+
			"before they were on its disk"), "terminate its instance and run macaw up again, which makes another one")
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if _, err := (configfile.File{Path: unsyncedMarker, Mode: 0o644, Content: boot}).Write(m.Root); err != nil {
		return false, err
	}
	unix.Sync() // the marker is on the disk before the first package
	return true, nil
}

// EndUnsynced brings what was installed to the disk. It is for runs that fail or are told to end, too: a
// machine may be rebooted then.
func (m *Machine) EndUnsynced() error {
	marker := filepath.Join(m.Root, unsyncedMarker)
	if !exists(marker) {
		return nil
	}
	unix.Sync()
	return os.Remove(marker)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
