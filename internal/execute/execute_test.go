// SPDX-License-Identifier: Apache-2.0

package execute

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"
)

// A command with a grace ends by itself when its time is up, within that grace.
func TestGrace(t *testing.T) {
	for _, c := range []struct {
		name, does string
		grace      time.Duration
		want       bool // it has ended by itself
	}{
		{"none", "obeys", 0, false},
		{"enough", "obeys", time.Minute, true},
		{"it does not obey", "ignores", 100 * time.Millisecond, false},
	} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for !there(filepath.Join(dir, "ready")) {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		env := []string{graceDir + "=" + dir, graceDoes + "=" + c.does}
		_, err = execute(ctx, nil, Command{Args: []string{self}, Env: env, Grace: c.grace})
		if ended := there(filepath.Join(dir, "ended")); err == nil || ended != c.want {
			t.Errorf("%s: %v; it ended by itself: %v, want %v", c.name, err, ended, c.want)
		}
	}
}

// The environment variables of a process of these tests that waits for an interrupt: the directory of its
// files, and what it does then.
const (
	graceDir  = "MACAW_TEST_GRACE"
	graceDoes = "MACAW_TEST_GRACE_DOES"
)

// beInterrupted is that process.
func beInterrupted(dir string) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	_ = os.WriteFile(filepath.Join(dir, "ready"), nil, 0o600)
	for range interrupted {
		if os.Getenv(graceDoes) == "obeys" {
			_ = os.WriteFile(filepath.Join(dir, "ended"), nil, 0o600)
			os.Exit(3)
		}
	}
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(graceDir); dir != "" {
		beInterrupted(dir)
	}
	os.Exit(m.Run())
}
