// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The daemon does not keep files that its parent inherited.
func TestDetachedKeepsNothing(t *testing.T) {
	inherited := filepath.Join(t.TempDir(), "lock")
	fd, err := syscall.Open(inherited, syscall.O_CREAT|syscall.O_RDWR, 0o600) // without O_CLOEXEC, as from flock(1)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	output, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	cmd, err := detached([]string{"sh", "-c", "ls -l /proc/$$/fd; pwd"}, output)
	if err == nil {
		err = cmd.Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(output.Name())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(said), inherited) {
		t.Errorf("the daemon keeps a file that was inherited:\n%s", said)
	}
	if !strings.HasSuffix(string(said), "\n/\n") {
		t.Errorf("the daemon keeps a directory of its user:\n%s", said)
	}
}
