// SPDX-License-Identifier: Apache-2.0

package cloudsyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"macaw.example/internal/smallfile"
)

// backupSuffix is appended to the file's name for its backup.
const backupSuffix = ".macaw-backup"

// File is a clouds.yaml on disk. It may not exist, and may be a symbolic link, whose target is then
// changed.
type File struct{ Path string }

// Set adds or replaces an entry, and reports whether anything had to be changed. Entries have
// passwords, so it also takes the file from other users (mode 0600).
func (f File) Set(name string, entry []byte) (changed bool, err error) {
	return f.update(true, func(text []byte) ([]byte, error) { return Set(text, name, entry) })
}

// Shared reports whether other users may read or write the file, if it exists.
func (f File) Shared() bool {
	info, err := os.Stat(f.Path)
	return err == nil && shared(info)
}

// shared reports whether others than its owner may access a file. On Windows the mode says nothing
// about that: permissions come from the directory.
func shared(info fs.FileInfo) bool { return runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 }

// Remove removes an entry, and reports whether it existed. It also removes a file that has nothing
// else, unless the file existed before the first entry was added.
func (f File) Remove(name string) (changed bool, err error) {
	if _, err := os.Stat(f.Path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return f.update(false, func(text []byte) ([]byte, error) { return Remove(text, name) })
}

// update changes the file's text, and takes it from other users if it is to be private. It waits
// for another process that is changing it.
func (f File) update(private bool, edit func([]byte) ([]byte, error)) (changed bool, err error) {
	target, err := resolve(f.Path)
	if err != nil {
		return false, err
	}
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return false, err
	}
	defer unlock()

	before, info, err := read(target)
	if err != nil {
		return false, err
	}
	after, err := edit(before)
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.Path, err)
	}
	tighten := private && info != nil && shared(info)
	if info != nil && bytes.Equal(before, after) && !tighten || info == nil && len(after) == 0 {
		return false, nil
	}
	backup := target + backupSuffix
	saved, err := smallfile.Read(backup)
	switch {
	case err == nil:
		err = write(target, after, info, private)
		if err == nil && bytes.Equal(saved, after) { // as it was before the first entry
			err = os.Remove(backup)
		}
		return err == nil, err
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	case info == nil || bytes.HasPrefix(before, []byte("clouds:"+marker)): // the file was made for an entry
		if len(after) == 0 {
			return true, os.Remove(target)
		}
	default:
		err := replace(backup, before, 0o600, nil)
		if err != nil {
			return false, fmt.Errorf("saving %s before it is changed: %w", f.Path, err)
		}
	}
	return true, write(target, after, info, private)
}

// resolve follows symbolic links, also to files that do not exist yet.
func resolve(path string) (string, error) {
	for range 40 {
		to, err := os.Readlink(path)
		if err != nil {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if errors.Is(err, fs.ErrNotExist) {
				return path, nil
			}
			return filepath.Join(dir, filepath.Base(path)), err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
}

// read returns the file's text; info is nil if there is no file.
func read(path string) (text []byte, info fs.FileInfo, err error) {
	text, info, err = smallfile.ReadInfo(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	return text, info, err
}

// write replaces the file atomically. Its owner stays, and its mode does unless it is to be
// private.
func write(path string, text []byte, info fs.FileInfo, private bool) error {
	mode := fs.FileMode(0o600)
	if info != nil && !(private && shared(info)) {
		mode = info.Mode().Perm()
	}
	return replace(path, text, mode, info)
}
