// SPDX-License-Identifier: Apache-2.0

//go:build unix

package host

import (
	"os/exec"
	"syscall"
)

// killWithChildren makes the end of a command's context that of its children too.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
