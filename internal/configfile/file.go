// SPDX-License-Identifier: Apache-2.0

// Package configfile writes configuration files: with owner and mode, whole or not at all, and only if they differ.
package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// File is a wanted configuration file.
type File struct {
	Path    string
	Owner   string // root if empty
	Group   string // root if empty
	Mode    fs.FileMode
	Content []byte
	Readers []string // units that read it, only at their start
}

// Write makes f exist below root, and reports whether anything had to be changed. It replaces a
// different file by renaming, so no reader ever sees half of it.
func (f File) Write(root string) (changed bool, err error) {
	path := filepath.Join(root, f.Path)
	uid, gid, err := IDs(f.Owner, f.Group)
	if err != nil {
		return false, fmt.Errorf("writing %s: %w", f.Path, err)
	}
	same, err := f.seen(path, uid, gid)
	if err != nil || same {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, fmt.Errorf("writing %s: %w", f.Path, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".macaw-*")
	if err != nil {
		return false, fmt.Errorf("writing %s: %w", f.Path, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(f.Content)
	err = errors.Join(err, tmp.Chown(uid, gid), tmp.Chmod(f.Mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return false, fmt.Errorf("writing %s: %w", f.Path, err)
	}
	return true, nil
}

// seen reports whether the file at path equals f.
func (f File) seen(path string, uid, gid int) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", f.Path, err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if info.Mode() != f.Mode || int(stat.Uid) != uid || int(stat.Gid) != gid {
		return false, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", f.Path, err)
	}
	return bytes.Equal(content, f.Content), nil
}

var idCache sync.Map

// IDs looks up a user and a group; an empty name is the user running this, which on a node is root.
func IDs(owner, group string) (uid, gid int, err error) {
	uid, gid = os.Getuid(), os.Getgid()
	if owner != "" {
		if uid, err = lookup("user "+owner, func() (string, error) {
			u, err := user.Lookup(owner)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		}); err != nil {
			return 0, 0, err
		}
	}
	if group != "" {
		if gid, err = lookup("group "+group, func() (string, error) {
			g, err := user.LookupGroup(group)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		}); err != nil {
			return 0, 0, err
		}
	}
	return uid, gid, nil
}

// Remember makes IDs find a user or a group, such as "user nova", where the system has none, until forget: for tests.
func Remember(name string, id int) (forget func()) {
	idCache.Store(name, id)
	return func() { idCache.Delete(name) }
}

func lookup(key string, find func() (string, error)) (int, error) {
	if id, ok := idCache.Load(key); ok {
		return id.(int), nil
	}
	s, err := find()
	if err != nil {
		return 0, err
	}
	id, err := strconv.Atoi(s)
	if err == nil {
		idCache.Store(key, id)
	}
	return id, err
}
