// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cli

import (
	"os"
	"syscall"
)

// become replaces this process with a program.
func become(program string, argv []string) error { return syscall.Exec(program, argv, os.Environ()) }
