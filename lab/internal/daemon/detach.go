// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"math"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// detached returns a command that outlives who starts it and keeps nothing of
// his: neither his session nor his directory, which he may want to unmount, nor
// files that he himself has inherited. A lock on such a file, as of flock(1)
// around macaw, would never be let go.
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
