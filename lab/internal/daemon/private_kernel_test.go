// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/faults"
	"macaw.example/lab/internal/stranger"
	"macaw.example/lab/internal/vpc"
)

// alone marks a process that runs in a private mount namespace.
const alone = "MACAW_TEST_ALONE"

// TestNobodyElseGetsIn: no user of the host can access a lab's files, even if an older
// version made them world-readable.
func TestNobodyElseGetsIn(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("becoming another user needs root")
	}
	if os.Getenv(alone) == "" {
		// The test's lab directories must not be those of this host.
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v=true")
		cmd.Env = append(os.Environ(), alone+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("in a mount namespace of its own: %v\n%s", err, out)
		}
		return
	}
	for _, dir := range []string{"/var/lib", "/run"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			t.Fatal(err)
		}
	}
	shell := filepath.Join(machinesDir(), "i-1/upper/home/admin/shell")
	older := []string{
		shell, filepath.Join(machinesDir(), "i-1/console.log"), filepath.Join(control.Dir, "images/ami-1/rootfs/etc/shadow"),
		filepath.Join(control.Dir, "guest/key"), control.ConfigPath(), statePath(), accountPath(),
		settingsPath(), faultsPath(), logPath(),
		authorityPath(control.Dir), authorityKeyPath(control.Dir), "/run/macaw/labtest.lock",
	}
	unix.Umask(0)
	for _, path := range older {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, uid := range stranger.Users {
		if stranger.Look(uid, shell) == nil {
			t.Errorf("user %d does not get into what is open to all: this shows nothing", uid)
		}
	}

	if err := prepare(); err != nil {
		t.Fatal(err)
	}
	injector, err := faults.New(faults.Config{File: faultsPath(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serveControl(ctx, vpc.New(vpc.Config{}), injector, nil, &tasks{}, cancel) }()
	for !control.Ready(ctx) {
		select {
		case err := <-ended:
			t.Fatalf("the control socket: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	paths := append(older, control.Socket)
	for _, dir := range []string{"/var/lib/macaw", control.Dir, machinesDir(), filepath.Join(control.Dir, "images"),
		"/run/macaw"} {
		paths = append(paths, dir+"/.")
	}
	for _, path := range paths {
		for _, uid := range stranger.Users {
			if err := stranger.Look(uid, path); err != nil {
				t.Error(err)
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
