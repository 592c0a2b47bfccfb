// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"math"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// detached returns a command that outlives its parent and inherits neither its session, nor
// its working directory (the parent may want to unmount it), nor its inherited files. A
// lock on an inherited file, such as that of flock(1) around macaw, would never be
// released.
func detached(argv []string, output *os.File) (*exec.Cmd, error) {
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("close_range", err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}
