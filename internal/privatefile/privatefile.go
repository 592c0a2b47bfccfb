// SPDX-License-Identifier: Apache-2.0

// Package privatefile writes files that only their owner may read (mode 0600, in directories of 0700):
// keys, passwords, sessions. A file appears with all of its content or not at all, also if the disk is
// full or the process is killed. On Windows permissions come from the directory, and some file systems
// (exFAT, FAT) have none: [Shared] tells.
package privatefile

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"macaw.example/internal/filelock"
)

// Create makes a file. If there is one, the error is fs.ErrExist, and the file stays as it is.
func Create(path string, content []byte) error {
	return write(path, content, func(temporary string) error {
		// A link appears together with its content, and fails if the file exists.
		err := os.Link(temporary, path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		return placeUnlinked(temporary, path)
	})
}

// placeUnlinked is for file systems without links, such as exFAT and some of networks. Of processes that
// create files in the directory, one at a time looks and renames. The lock ends with its process.
func placeUnlinked(temporary, path string) error {
	lock, err := os.OpenFile(filepath.Join(filepath.Dir(path), lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := filelock.Lock(lock); err != nil {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fs.ErrExist)
	}
	return os.Rename(temporary, path)
}

// lockFile is in a directory without links.
const lockFile = ".macaw-lock"

// Replace makes a file, or replaces it.
func Replace(path string, content []byte) error {
	return write(path, content, func(temporary string) error { return os.Rename(temporary, path) })
}

// write writes a temporary file beside path, and has it put into place.
func write(path string, content []byte, place func(temporary string) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".macaw-") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return place(f.Name())
}

// Shared reports whether other users of the machine may read or write a file, as far as its mode
// tells.
func Shared(info fs.FileInfo) bool { return runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 }
