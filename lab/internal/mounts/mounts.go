// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// RemoveAll removes path and everything below it, like os.RemoveAll. Mounts there are
// unmounted, including stacked and hidden ones, in all mount namespaces; their content
// stays. It needs root.
//
// The kernel refuses to remove a mount point of the caller's mount namespace; removing one
// of another namespace unmounts it there (mount_namespaces(7), "Restrictions on mount
// namespaces"). So RemoveAll works in a mount namespace that contains only the parent
// directory.
func RemoveAll(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dir, name := filepath.Split(filepath.Clean(path))
	err := OnThread(func() error {
		if err := enter(dir); err != nil {
			return fmt.Errorf("seeing %s without what is mounted in it: %w", dir, err)
		}
		err := os.RemoveAll(name)
		if errors.Is(err, unix.EPERM) { // "chattr +i" was used
			err = errors.Join(mutable(name), os.RemoveAll(name))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	return nil
}

// mutable clears, on a file and everything below it, the flags that keep even root from
// removing it (ioctl_iflags(2)).
func mutable(path string) error {
	return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err // other types have no flags
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return &fs.PathError{Op: "open", Path: path, Err: err}
		}
		defer unix.Close(fd)
		const lasting = unix.STATX_ATTR_IMMUTABLE | unix.STATX_ATTR_APPEND // same bits as the flags
		flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
		if err != nil || flags&lasting == 0 {
			return nil // the file or its file system has no flags
		}
		if err := unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(flags&^lasting)); err != nil {
			return &fs.PathError{Op: "chattr -i -a", Path: path, Err: err}
		}
		return nil
	})
}

// enter moves the calling thread into a mount namespace whose root is dir, with
// nothing mounted below it.
func enter(dir string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("making a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("parting from the host's mounts: %w", err)
	}
	old, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(old)
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding %s: %w", dir, err)
	}
	if err := unix.Chdir(dir); err != nil {
		return err
	}
	// This stacks the old root on the new one, where it can be unmounted (pivot_root(2),
	// "pivot_root(".", ".")").
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Fchdir(old); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmounting the old root: %w", err)
	}
	return unix.Chdir("/")
}

// OnThread calls fn on a dedicated thread that never returns to Go's scheduler, because fn
// changes its namespaces.
func OnThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with this goroutine.
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- fn()
			return
		}
		// The main thread cannot end, and /proc/self shows its view. While this goroutine
		// is locked to it, the nested call gets another thread.
		done <- OnThread(fn)
		runtime.UnlockOSThread()
	}()
	return <-done
}
