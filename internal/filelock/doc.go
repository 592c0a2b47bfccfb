// SPDX-License-Identifier: Apache-2.0

// Package filelock is locks on open files that end with the process, however it
// ends. They keep out other processes that ask for the lock, and nobody else; what the
// file holds can be read and written meanwhile.
package filelock

import "errors"

// ErrLocked says that another process has the lock.
var ErrLocked = errors.New("it is locked by another process")
