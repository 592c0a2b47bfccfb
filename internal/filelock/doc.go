// SPDX-License-Identifier: Apache-2.0

// Package filelock locks open files. A lock ends with the process, however that ends. It excludes
// only other processes that request the lock; the file can still be read and written.
package filelock

import "errors"

// ErrLocked reports that another process has the lock.
var ErrLocked = errors.New("it is locked by another process")
