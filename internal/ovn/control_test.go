// SPDX-License-Identifier: Apache-2.0

package ovn

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Open vSwitch's database server has a control socket of the same kind.
func TestPing(t *testing.T) {
	remote, _, server := serve(t, "ovn-sb")
	dir := filepath.Dir(strings.TrimPrefix(remote.Endpoint, "unix:"))
	err := PingController(t.Context(), dir)
	if err == nil || !strings.Contains(err.Error(), "ovn-controller does not run") {
		t.Errorf("without a PID file: %v", err)
	}
	socket := filepath.Join(dir, fmt.Sprintf("ovn-controller.%d.ctl", server.Pid))
	if err := os.Symlink(filepath.Join(dir, "ctl"), socket); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ovn-controller.pid"), fmt.Appendln(nil, server.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 100 { // the socket comes last
		if err = PingController(t.Context(), dir); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("it works: %v", err)
	}
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := PingController(ctx, dir); err == nil {
		t.Error("it hangs, and answers")
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := PingController(t.Context(), dir); err == nil {
		t.Error("it was killed, and answers")
	}
}
