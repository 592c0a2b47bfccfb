// SPDX-License-Identifier: Apache-2.0

package stranger

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/mounts"
)

// Users are the IDs of an ordinary user, the first that Debian allocates, and of nobody.
var Users = []int{1000, 65534}

// Do calls fn as an unprivileged user whose group has the same ID. This affects only the
// current thread, not threads that fn starts.
func Do(uid int, fn func() error) error {
	return mounts.OnThread(func() error {
		// The raw system calls change the thread's IDs; package syscall changes the
		// process's.
		id := uintptr(uid)
		_, _, groups := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
		_, _, gid := unix.RawSyscall(unix.SYS_SETRESGID, id, id, id)
		_, _, user := unix.RawSyscall(unix.SYS_SETRESUID, id, id, id)
		for _, e := range []unix.Errno{groups, gid, user} {
			if e != 0 {
				return fmt.Errorf("becoming user %d: %w", uid, e)
			}
		}
		return fn()
	})
}

// Look tries every kind of access to a path, and returns an error that lists those not
// refused with "permission denied". A "no such file" error counts as not refused, because
// it discloses that fact.
func Look(uid int, path string) error {
	return Do(uid, func() error {
		var errs []error
		for how, look := range map[string]func() error{
			"stat":    func() error { _, err := os.Lstat(path); return err },
			"list":    func() error { _, err := os.ReadDir(path); return err },
			"read":    func() error { return open(path, unix.O_RDONLY) },
			"write":   func() error { return open(path, unix.O_WRONLY) },
			"refer":   func() error { return open(path, unix.O_PATH) },
			"run":     func() error { return unix.Access(path, unix.X_OK) },
			"connect": func() error { return connect(path) },
		} {
			if err := look(); !errors.Is(err, os.ErrPermission) {
				errs = append(errs, fmt.Errorf("user %d may %s %s: %w, want permission denied", uid, how, path, err))
			}
		}
		return errors.Join(errs...)
	})
}

func open(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func connect(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}
