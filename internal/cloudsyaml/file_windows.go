// SPDX-License-Identifier: Apache-2.0

package cloudsyaml

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"macaw.example/internal/filelock"
)

// lock excludes other processes until unlock. Windows cannot lock directories, so it locks a file
// next to the target.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".macaw.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := filelock.Lock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// replace writes a file atomically. Its permissions come from its directory.
func replace(path string, text []byte, _ fs.FileMode, _ fs.FileInfo) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".macaw-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
