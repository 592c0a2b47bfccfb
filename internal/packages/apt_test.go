// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/internal/configfile"
	"macaw.example/internal/execute"
	"macaw.example/internal/systemd/systemdtest"
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
func aptNode(t *testing.T, run execute.Runner, note func(string)) *Machine {
	t.Helper()
	n := &Machine{Root: t.TempDir(), Run: run, Note: func(_, text string) { note(text) }, Used: used}
	for _, path := range aptLocks {
		if err := os.MkdirAll(filepath.Join(n.Root, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// used are the files of a machine with something to lose.
var used = []string{stamp, "/etc/macaw/instance-metadata.nft"}

const stamp = "/var/lib/macaw/installed"

// stopped is a unit that is not running, for systemctl show.
const stopped = "LoadState=loaded ActiveState=inactive Job="

func units(c execute.Command, usual string, states map[string]string) string {
	return systemdtest.Show(c.Args, usual, states)
}

// idle answers systemctl show of units that are not running.
func idle(c execute.Command) string { return units(c, stopped, nil) }

func writeBelow(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The first boot of Debian's image may upgrade packages while Macaw installs its own. Each lock
// is waited for, and whatever takes one in between.
func TestAptWaitsForLocks(t *testing.T) {
	for _, path := range aptLocks {
		var free func()
		var notes []string
		ran := 0
		var n *Machine
		n = aptNode(t, func(_ context.Context, c execute.Command) (string, error) {
			if c.Args[0] == "systemctl" {
				return idle(c), nil
			}
			if ran++; ran == 1 {
				free = holdLock(t, filepath.Join(n.Root, path))
				return "", errors.New("E: Could not get lock " + path)
			}
			return "", nil
		}, func(text string) {
			notes = append(notes, text)
			free()
		})
		free = holdLock(t, filepath.Join(n.Root, path))
		if err := n.runApt(t.Context(), execute.Command{Args: []string{"apt-get", "update"}}); err != nil {
			t.Fatal(err)
		}
		if ran != 2 || len(notes) != 2 || !strings.Contains(notes[0], "waiting for packages.test (process ") {
			t.Errorf("%s: ran %d times, said %q", path, ran, notes)
		}
	}
}

// An error that is not about a lock is reported at once.
func TestAptFails(t *testing.T) {
	for _, text := range []string{"E: Unable to locate package deadlock", "could not unlock the keyring",
		"E: Could not open lock file /var/lib/dpkg/lock-frontend - open (28: No space left on device)"} {
		broken, ran := errors.New(text), 0
		n := aptNode(t, func(_ context.Context, c execute.Command) (string, error) {
			if c.Args[0] == "systemctl" {
				return idle(c), nil
			}
			ran++
			return "", broken
		}, func(string) {})
		err := n.runApt(t.Context(), execute.Command{Args: []string{"apt-get", "install"}})
		if !errors.Is(err, broken) || ran != 1 {
			t.Errorf("runApt: %v after %d runs", err, ran)
		}
	}
}

// Another apt that was faster may have ended before anybody looks who it was.
func TestAptTriesAgainAfterALock(t *testing.T) {
	for _, text := range []string{
		"E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get) | " +
			"E: Unable to lock directory /var/lib/apt/lists/",
		"E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?",
		"dpkg: error: dpkg frontend lock was locked by another process with pid 812",
	} {
		for _, failures := range []int{3, 1 << 30} {
			n := aptNode(t, nil, func(string) {})
			synctest.Test(t, func(t *testing.T) {
				ran, began := 0, time.Now()
				n.Run = func(_ context.Context, c execute.Command) (string, error) {
					if c.Args[0] == "systemctl" {
						return idle(c), nil
					}
					if ran++; ran <= failures {
						return "", errors.New(text)
					}
					return "", nil
				}
				err := n.runApt(t.Context(), execute.Command{Args: []string{"apt-get", "update"}})
				switch took := time.Since(began); {
				case failures == 3 && (err != nil || ran != 4):
					t.Errorf("%s: %v after %d runs", text, err, ran)
				case failures > 3 && (err == nil || !strings.Contains(err.Error(), text) || took != aptLimit):
					t.Errorf("%s for ever: %v after %s", text, err, took)
				}
			})
		}
	}
}

// The limit of the wait is none of the installation: to kill it leaves half of it.
func TestWaitDoesNotShortenTheInstallation(t *testing.T) {
	for _, c := range []struct {
		name          string
		others, takes time.Duration
		want          string // the error
	}{
		{"both take long", 12 * time.Minute, time.Hour, ""},
		{"the other one never ends", 24 * time.Hour, time.Minute,
			"waiting for apt-daily-upgrade.service, which is installing packages: not done after 20m0s"},
		{"the installation never ends", 0, 24 * time.Hour, "not done after 2h0m0s"},
	} {
		n := aptNode(t, nil, func(string) {})
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			n.Run = func(ctx context.Context, cmd execute.Command) (string, error) {
				if cmd.Args[0] == "systemctl" {
					if time.Since(began) < c.others {
						return units(cmd, stopped, map[string]string{aptServices[1]: "LoadState=loaded ActiveState=activating"}), nil
					}
					return idle(cmd), nil
				}
				if cmd.Grace < time.Minute {
					t.Errorf("%s: killed %s after its time is up", c.name, cmd.Grace)
				}
				select {
				case <-time.After(c.takes):
					return "", nil
				case <-ctx.Done():
					return "", errors.New("exit status 100")
				}
			}
			err := n.runApt(t.Context(), execute.Command{Args: []string{"apt-get", "install"}})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: %v; want %q", c.name, err, c.want)
			}
		})
	}
}

// upgradable is a node with Debian's timers in this state, whose commands do is told and may fail. It has
// no stamp.
func upgradable(t *testing.T, timers string, do func(line string) error) *Machine {
	t.Helper()
	n := aptNode(t, func(_ context.Context, c execute.Command) (string, error) {
		line := strings.Join(c.Args, " ")
		if strings.HasPrefix(line, "systemctl show") {
			return units(c, stopped, map[string]string{aptTimers[0]: timers, aptTimers[1]: timers}), nil
		}
		return "", do(line)
	}, func(string) {})
	writeBelow(t, n.Root, bootID, "boot-1\n")
	return n
}

// Debian's timers are stopped before apt runs, and started again after.
func TestUpgradesPaused(t *testing.T) {
	var did []string
	n := upgradable(t, "LoadState=loaded UnitFileState=enabled ActiveState=active", func(line string) error {
		did = append(did, strings.Join(strings.Fields(line)[:2], " "))
		return nil
	})
	if _, err := (configfile.File{Path: manualPages}).Write(n.Root); err != nil {
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
	for path, want := range map[string]bool{HeldBack.Path: true, manualPages: true, quickDir: false, policyPath: false} {
		if _, err := os.Stat(filepath.Join(n.Root, path)); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// After a run, also one that fails or is told to end, the timers run that run on a machine of this kind,
// whatever an earlier run has left. A machine without them, or with masked ones, stays so.
func TestUpgradesResume(t *testing.T) {
	const enabled, disabled = " UnitFileState=enabled", " UnitFileState=disabled"
	for _, c := range []struct {
		name, timers string
		want         string // what is done to the timers
	}{
		{"running", "LoadState=loaded ActiveState=active" + enabled, "stop start"},
		{"left stopped by a killed run", "LoadState=loaded ActiveState=inactive" + enabled, "start"},
		{"started by hand", "LoadState=loaded ActiveState=active" + disabled, "stop start"},
		{"disabled", "LoadState=loaded ActiveState=inactive" + disabled, ""},
		{"masked", "LoadState=masked ActiveState=inactive UnitFileState=masked", ""},
		{"masked while it runs", "LoadState=masked ActiveState=active UnitFileState=masked", "stop"},
		{"not on this machine", "LoadState=not-found ActiveState=inactive UnitFileState=", ""},
	} {
		for _, fails := range []string{"", "apt-get update", "apt-get install", "told to end"} {
			ctx, cancel := context.WithCancel(t.Context())
			var did []string
			n := upgradable(t, c.timers, func(line string) error {
				if rest, ok := strings.CutSuffix(line, " -- "+strings.Join(aptTimers, " ")); ok {
					did = append(did, strings.TrimPrefix(rest, "systemctl "))
				}
				switch {
				case fails == "told to end" && strings.HasPrefix(line, "apt-get"):
					cancel()
					return ctx.Err()
				case fails != "" && strings.HasPrefix(line, fails):
					return errors.New("mirror is down")
				}
				return nil
			})
			run := n.Run
			n.Run = func(ctx context.Context, cmd execute.Command) (string, error) {
				if err := ctx.Err(); err != nil {
					return "", err
				}
				return run(ctx, cmd)
			}
			err := n.installPackages(ctx)
			if (err == nil) != (fails == "") {
				t.Errorf("%s, %q fails: %v", c.name, fails, err)
			}
			if got := strings.Join(did, " "); got != c.want {
				t.Errorf("%s, %q fails: did %q; want %q", c.name, fails, got, c.want)
			}
			cancel()
		}
	}
}

// A node without a public address tries until the gateway through which it reaches Debian's packages works.
// Others do not wait.
func TestUpdateListsWaitsForTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for wait, want := range map[time.Duration]int{40 * time.Minute: 3, 0: 1} {
			var tries, said int
			n := aptNode(t, func(_ context.Context, c execute.Command) (string, error) {
				if c.Args[0] == "systemctl" {
					return idle(c), nil
				}
				if tries++; tries < want {
					return "", errors.New("Could not connect to deb.debian.org:80")
				}
				return "", nil
			}, func(string) { said++ })
			n.Gateway = wait
			if err := n.updateLists(t.Context(), nil); err != nil || tries != want || said != want-1 {
				t.Errorf("wait of %s: %d tries, said so %d times, %v; want %d tries", wait, tries, said, err, want)
			}
		}
		n := aptNode(t, func(_ context.Context, c execute.Command) (string, error) {
			if c.Args[0] == "systemctl" {
				return idle(c), nil
			}
			return "", errors.New("Could not connect to deb.debian.org:80")
		}, func(string) {})
		n.Gateway = 40 * time.Minute
		err := n.updateLists(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), "waiting for the way to Debian's packages: not done after 40m0s") {
			t.Errorf("without a gateway: %v", err)
		}
	})
}
