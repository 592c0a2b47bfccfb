// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/namespace"
)

const (
	// alone marks a process that runs in a private mount namespace.
	alone = "MACAW_TEST_ALONE"
	// supervisor makes the test's program supervise a machine.
	supervisor = "MACAW_TEST_SUPERVISOR"
)

func TestMain(m *testing.M) {
	if os.Getenv(supervisor) != "" {
		if err := Supervise(context.Background(), os.Args[1]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// apart runs the test again in a process with its own /run, and returns true in that
// process.
func apart(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	if os.Getenv(alone) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v=true")
		cmd.Env = append(os.Environ(), alone+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("in a mount namespace of its own: %v\n%s", err, out)
		}
		return false
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		t.Fatal(err)
	}
	return true
}

// newMachine makes a machine that a given program boots instead of systemd-nspawn, and starts it.
func newMachine(t *testing.T, nspawn string) (*Manager, folder) {
	t.Helper()
	m, id := created(t, nspawn)
	if err := m.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return m, m.folder(id)
}

func created(t *testing.T, nspawn string) (m *Manager, id string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"bin/systemd-nspawn": "#!/bin/sh\n" + nspawn, "image/etc/motd": "hello"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	t.Setenv(supervisor, "1")
	m = &Manager{Dir: filepath.Join(dir, "machines"), Supervisor: []string{"/proc/self/exe"}}
	spec := Spec{ID: fmt.Sprintf("t-%d", os.Getpid()), Layers: []string{filepath.Join(dir, "image")}, Hostname: "test"}
	if err := m.Create(spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { destroyed(t, m, spec.ID) })
	return m, spec.ID
}

// destroyed destroys a machine and checks that nothing is left.
func destroyed(t *testing.T, m *Manager, id string) {
	t.Helper()
	if err := m.Destroy(context.Background(), id, nil); err != nil {
		t.Fatal(err)
	}
	left := []string{string(m.folder(id)), namespace.Path(Namespace(id))}
	all, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hierarchies(all) {
		left = append(left, filepath.Join(h, Namespace(id)))
	}
	for _, path := range left {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left behind: %s: %v", path, err)
		}
	}
}

// boots replaces systemd-nspawn; it boots a machine of one process.
const boots = "exec unshare --pid --fork --kill-child sleep infinity\n"

func TestRootIsMountedForTheMachineOnly(t *testing.T) {
	if !apart(t) {
		return
	}
	unix.Umask(0o077)
	_, f := newMachine(t, boots)
	init, err := f.init(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(fmt.Sprintf("/proc/%d/root%s/etc/motd", init, f.root())); err != nil ||
		string(got) != "hello" {
		t.Errorf("the machine reads %q of its image, %v", got, err)
	}
	mounted, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(mounted, []byte(f.root())) {
		t.Error("this host has the machine's file system mounted")
	}
	for path, want := range map[string]fs.FileMode{string(f): 0o700, filepath.Dir(string(f)): 0o700, f.upper(): 0o755} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %04o", path, st.Mode(), err, want)
		}
	}
}

// A machine gets its network namespace also where the host's mounts are private, as they are in this process and on a
// host without systemd: there nothing that is mounted later appears in the machine's mount namespace.
func TestNetworkWhereMountsArePrivate(t *testing.T) {
	if !apart(t) {
		return
	}
	const boots = `for a; do case $a in --network-namespace-path=*) net=${a#*=};; esac; done
exec nsenter --net="$net" unshare --pid --fork --kill-child sleep infinity
`
	m, f := newMachine(t, boots)
	for range 2 {
		init, err := f.init(5 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		its := inode(t, fmt.Sprintf("/proc/%d/ns/net", init))
		if want := inode(t, namespace.Path(Namespace(filepath.Base(string(f))))); its != want {
			t.Errorf("the machine is in network namespace %d, want %d", its, want)
		}
		if err := m.Stop(t.Context(), filepath.Base(string(f)), 0); err != nil {
			t.Fatal(err)
		}
		if err := m.Start(t.Context(), filepath.Base(string(f))); err != nil {
			t.Fatal(err)
		}
	}
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// A machine that does not get as far as its init is not started, and the error says what systemd-nspawn said.
func TestStartOfWhatDoesNotBoot(t *testing.T) {
	if !apart(t) {
		return
	}
	m, id := created(t, "echo this host refuses; exit 1\n")
	err := m.Start(t.Context(), id)
	if err == nil || !strings.Contains(err.Error(), "this host refuses") {
		t.Errorf("starting it: %v", err)
	}
}

func TestOlderVersionsMountIsGone(t *testing.T) {
	if !apart(t) {
		return
	}
	m, f := newMachine(t, boots)
	if _, err := f.init(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := m.Stop(t.Context(), filepath.Base(string(f)), 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := unix.Mount("tmpfs", f.root(), "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Start(t.Context(), filepath.Base(string(f))); err != nil {
		t.Fatal(err)
	}
	if _, err := f.init(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if mounted, err := os.ReadFile("/proc/self/mountinfo"); err != nil || bytes.Contains(mounted, []byte(f.root())) {
		t.Errorf("it is still mounted, %v", err)
	}
}

func TestMachineEndsWithItsSupervisor(t *testing.T) {
	if !apart(t) {
		return
	}
	m, f := newMachine(t, boots)
	init, err := f.init(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(init, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	keepers := f.keepers()
	if len(keepers) != 2 {
		t.Fatalf("keepers %v, want supervisor and systemd-nspawn", keepers)
	}
	if err := syscall.Kill(keepers[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 5000); err != nil || n != 1 {
		t.Fatalf("the machine runs on: %s", describe(init))
	}
	if err := m.Wait(t.Context(), filepath.Base(string(f))); err != nil {
		t.Error(err)
	}
	if err := m.Start(t.Context(), filepath.Base(string(f))); err != nil {
		t.Errorf("starting it again: %v", err)
	}
}

// TestKillWhatHangs: systemd-nspawn does not exit when its machine ends.
func TestKillWhatHangs(t *testing.T) {
	if !apart(t) {
		return
	}
	m, f := newMachine(t, "tail -f /dev/null & exec sleep infinity\n")
	if _, err := f.init(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := m.Stop(t.Context(), filepath.Base(string(f)), 0); err != nil {
		t.Error(err)
	}
}

// TestDestroyInterrupted: Destroy is killed before each step, or after it has removed half
// of the files; the next Destroy completes the removal.
func TestDestroyInterrupted(t *testing.T) {
	if !apart(t) {
		return
	}
	killed := errors.New("killed")
	for n := range 4 {
		m, f := newMachine(t, boots)
		id := filepath.Base(string(f))
		func() {
			defer func() {
				if r := recover(); r != nil && r != killed {
					panic(r)
				}
			}()
			step := 0
			_ = m.Destroy(t.Context(), id, func(string) {
				if step++; step > n {
					panic(killed)
				}
			})
		}()
		destroyed(t, m, id)
	}
	m, f := newMachine(t, boots)
	if _, err := f.init(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.spec()); err != nil {
		t.Fatal(err)
	}
	if ids, err := m.IDs(); err != nil || len(ids) != 1 {
		t.Errorf("machines: %v, %v; want the one half removed", ids, err)
	}
}

func TestDescribe(t *testing.T) {
	if got := describe(os.Getpid()); !strings.Contains(got, "(machine.test) is in state ") {
		t.Errorf("describe = %q", got)
	}
	if got := describe(1 << 30); got != "" {
		t.Errorf("describe of nobody = %q", got)
	}
}
