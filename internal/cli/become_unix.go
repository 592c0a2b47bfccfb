// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cli

import (
	"os"
	"syscall"
)

// become runs a program in place of this one.
func become(program string, argv []string) error { return syscall.Exec(program, argv, os.Environ()) }
