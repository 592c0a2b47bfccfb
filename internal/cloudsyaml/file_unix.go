// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cloudsyaml

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"

	"macaw.example/internal/filelock"
)

// lock excludes other processes until unlock. It locks the directory, which outlives the file and
// needs no extra lock file.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := filelock.Lock(d); err != nil {
		d.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { d.Close() }, nil
}

// replace writes a file atomically. The file gets the owner of info, if that is not nil.
func replace(path string, text []byte, mode fs.FileMode, info fs.FileInfo) error {
	p, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(mode))
	if err != nil {
		return err
	}
	defer p.Cleanup()
	if _, err := p.Write(text); err != nil {
		return err
	}
	if info != nil && os.Geteuid() == 0 {
		if owner, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := p.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
				return err
			}
		}
	}
	return p.CloseAtomicallyReplace()
}
