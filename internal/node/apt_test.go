// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// lockFile is the environment variable with a file that a process of these tests locks, as apt
// does, until its standard input ends.
const lockFile = "MACAW_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(lockFile); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err == nil {
			err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		}
		fmt.Println("locked:", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// holdLock has another process lock a file, until free.
func holdLock(t *testing.T, path string) (free func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), lockFile+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	free = func() {
		in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(free)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked: <nil>\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return free
}

// aptNode is a node with the directories of apt's locks.
func aptNode(t *testing.T, run runner, note func(string)) *node {
	t.Helper()
	n := &node{root: t.TempDir(), run: run, note: func(_, text string) { note(text) }}
	for _, path := range aptLocks {
		if err := os.MkdirAll(filepath.Join(n.root, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// idle answers systemctl show of units that are not running.
func idle(c command) string {
	var out []string
	for _, unit := range c.Args[slices.Index(c.Args, "--")+1:] {
		out = append(out, "Id="+unit+"\nLoadState=loaded\nActiveState=inactive\n")
	}
	return strings.Join(out, "\n")
}

// The first boot of Debian's image may upgrade packages while Macaw installs its own. Each lock
// is waited for, and whatever takes one in between.
func TestAptWaitsForLocks(t *testing.T) {
	for _, path := range aptLocks {
		var free func()
		var notes []string
		ran := 0
		var n *node
		n = aptNode(t, func(_ context.Context, c command) (string, error) {
			if c.Args[0] == "systemctl" {
				return idle(c), nil
			}
			if ran++; ran == 1 {
				free = holdLock(t, filepath.Join(n.root, path))
				return "", errors.New("E: Could not get lock " + path)
			}
			return "", nil
		}, func(text string) {
			notes = append(notes, text)
			free()
		})
		free = holdLock(t, filepath.Join(n.root, path))
		if err := n.runApt(t.Context(), command{Args: []string{"apt-get", "update"}}); err != nil {
			t.Fatal(err)
		}
		if ran != 2 || len(notes) != 2 || !strings.Contains(notes[0], "waiting for node.test (process ") {
			t.Errorf("%s: ran %d times, said %q", path, ran, notes)
		}
	}
}

// An error that is not about a lock is reported at once.
func TestAptFails(t *testing.T) {
	broken := errors.New("E: Unable to locate package")
	n := aptNode(t, func(_ context.Context, c command) (string, error) {
		if c.Args[0] == "systemctl" {
			return idle(c), nil
		}
		return "", broken
	}, func(string) {})
	if err := n.runApt(t.Context(), command{Args: []string{"apt-get", "install"}}); !errors.Is(err, broken) {
		t.Errorf("runApt: %v", err)
	}
}

// Debian's timers are stopped before apt runs, and started again after.
func TestUpgradesPaused(t *testing.T) {
	var did []string
	n := aptNode(t, func(_ context.Context, c command) (string, error) {
		line := strings.Join(c.Args, " ")
		if !strings.HasPrefix(line, "systemctl show") {
			did = append(did, strings.Join(c.Args[:min(2, len(c.Args))], " "))
			return "", nil
		}
		return strings.ReplaceAll(idle(c), "ActiveState=inactive", "ActiveState=active"), nil
	}, func(string) {})
	n.run = func(inner runner) runner {
		return func(ctx context.Context, c command) (string, error) {
			if slices.Contains(c.Args, aptServices[0]) { // oneshots that are not running
				return idle(c), nil
			}
			return inner(ctx, c)
		}
	}(n.run)
	if _, err := (file{Path: manualPages}).write(n.root); err != nil {
		t.Fatal(err)
	}
	if err := n.installPackages(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "systemctl stop, dpkg --configure, apt-get update, apt-get install, " +
		"apt-get install, systemctl daemon-reload, systemctl reload, systemctl start"
	if got := strings.Join(did, ", "); got != want {
		t.Errorf("did %s; want %s", got, want)
	}
	for path, want := range map[string]bool{heldBack.Path: true, manualPages: true, quickDir: false, policyPath: false} {
		if _, err := os.Stat(filepath.Join(n.root, path)); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
