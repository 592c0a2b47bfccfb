// SPDX-License-Identifier: Apache-2.0

// Package labtest gives a Go test its own local AWS: an EC2 API with machines that boot,
// and a network that drops what AWS drops.
//
//	func TestReachable(t *testing.T) {
//		lab := labtest.Start(t)
//		web := lab.Launch(t, labtest.Machine{
//			UserData: "#!/bin/sh\nhostname > /run/index.html; cd /run; python3 -m http.server 80 &\n"})
//		resp, err := http.Get("http://" + web.Public.String() + "/index.html")
//		...
//	}
//
// The lab needs root on Linux, and some Debian packages that "macaw-lab up" lists. Where it
// cannot run, the test is skipped. All tests on a host share one lab; a test's resources
// are removed when the test ends.
package labtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/internal/hint"
	"macaw.example/lab"
)

// Lab is a running lab.
type Lab struct {
	*lab.Lab

	program string
	t       testing.TB // the test of Start; the network is removed when it ends

	once    sync.Once
	network *network
}

// Start brings the lab up, unless it is up already. It takes the lab down at the end of the
// test if Start brought it up and no other test uses it. The first run on a host builds the
// machines' image, which takes minutes.
func Start(t testing.TB) *Lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the lab needs root")
	}
	if testing.Short() {
		t.Skip("-short: the lab boots machines")
	}
	program, err := program(t.Context())
	if err != nil {
		t.Fatal(err, hint.All(err))
	}
	l := &Lab{program: program, t: t}
	if err := l.use(t); err != nil {
		t.Fatal(err)
	}
	return l
}

// Program returns the path of the macaw-lab command that runs the lab.
func (l *Lab) Program() string { return l.program }

// Command runs the macaw-lab command, which must succeed, and returns its stdout.
func (l *Lab) Command(t testing.TB, args ...string) string {
	t.Helper()
	out, err := l.Try(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Try runs the macaw-lab command and returns its stdout; the error includes its stderr.
func (l *Lab) Try(ctx context.Context, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, l.program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("macaw-lab %s: %w\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

// program finds the macaw-lab command: $MACAW_LAB, or else a build from this module's
// source. The lab's processes run it for the lab's lifetime, so it is stored in the user's
// cache directory.
func program(ctx context.Context) (string, error) {
	if path := os.Getenv("MACAW_LAB"); path != "" {
		return filepath.Abs(path)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "macaw", "labtest", "macaw-lab")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path,
		"macaw.example/lab/cmd/macaw-lab")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", hint.With(fmt.Errorf("building macaw-lab in the module of this test: %w\n%s", err, out),
			"run go mod tidy there, or set MACAW_LAB to the path of a macaw-lab")
	}
	return path, nil
}

// use brings the lab up and counts this test among its users, by a shared lock that is
// released at the latest when the process ends.
func (l *Lab) use(t testing.TB) error {
	const dir = "/run/macaw"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	users, err := os.OpenFile(filepath.Join(dir, "labtest.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	// The first user holds the lock alone, and records whether a test brought the lab up.
	mark := filepath.Join(dir, "labtest.started")
	if alone := unix.Flock(int(users.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil; alone {
		if _, err := lab.Open(t.Context()); err == nil {
			os.Remove(mark)
		} else if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return errors.Join(err, users.Close())
		}
	}
	if err := unix.Flock(int(users.Fd()), unix.LOCK_SH); err != nil {
		return errors.Join(err, users.Close())
	}
	t.Cleanup(func() {
		defer users.Close()
		if unix.Flock(int(users.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			return // others use it
		}
		if _, err := os.Stat(mark); err != nil {
			return // it was up before the tests
		}
		if err := lab.Down(context.Background(), false); err != nil {
			t.Error(err)
		}
		os.Remove(mark)
	})
	up, err := lab.Open(t.Context())
	if errors.Is(err, lab.ErrDown) || errors.Is(err, lab.ErrNoDaemon) {
		up, err = lab.Up(t.Context(), lab.Options{Command: []string{l.program}}, func(step string) func(error) {
			began := time.Now()
			return func(error) { t.Logf("lab: %s (%.1fs)", step, time.Since(began).Seconds()) }
		})
	}
	if err != nil {
		return err
	}
	l.Lab = up
	return nil
}
