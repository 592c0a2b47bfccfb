// SPDX-License-Identifier: Apache-2.0

package filelock

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// The locked byte is far beyond the end of any file: on Windows others cannot read locked bytes.
func behindTheEnd() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: math.MaxInt32} }

// Lock waits for the lock of a file (LockFileEx). Closing it releases the lock.
func Lock(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, behindTheEnd())
}

// TryLock takes the lock of a file; ErrLocked if another process has it.
func TryLock(f *os.File) error {
	const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, behindTheEnd())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}
