// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// alone marks a process that runs in a private mount namespace.
const alone = "MACAW_TEST_ALONE"

// TestDeleteWhateverIsMounted deletes namespaces after other programs, mainly "ip netns",
// have changed the mounts at /run/netns.
func TestDeleteWhateverIsMounted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("iproute2 is not installed")
	}
	if os.Getenv(alone) == "" {
		// Do not touch this host's /run/netns.
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v=true")
		cmd.Env = append(os.Environ(), alone+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("in a mount namespace of its own: %v\n%s", err, out)
		}
		return
	}
	for _, host := range []struct {
		name        string
		propagation uintptr
	}{{"private /run", unix.MS_PRIVATE}, {"shared /run, as systemd has it", unix.MS_SHARED}} {
		t.Run(host.name, func(t *testing.T) {
			for _, tt := range deletions {
				t.Run(tt.name, func(t *testing.T) {
					fresh(t, host.propagation)
					tt.before(t)
					for range 2 { // the second time there is nothing to delete
						if err := Delete("lab"); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := os.Lstat(Path("lab")); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("its file: %v, want none", err)
					}
					if left := mountsOf(t, "self", "/run/netns/lab"); len(left) > 0 {
						t.Errorf("still mounted:\n%s", strings.Join(left, "\n"))
					}
					if _, err := os.Lstat(Path("other")); err == nil {
						run(t, "ip", "netns", "exec", "other", "true")
					}
					if err := errors.Join(Add("lab"), Delete("lab")); err != nil {
						t.Errorf("making and removing it again: %v", err)
					}
				})
			}
		})
	}
}

var deletions = []struct {
	name   string
	before func(*testing.T)
}{
	{"nobody else", add},
	{"ip netns add", func(t *testing.T) {
		add(t)
		run(t, "ip", "netns", "add", "other")
	}},
	{"ip netns add and delete", func(t *testing.T) {
		add(t)
		run(t, "ip", "netns", "add", "other")
		run(t, "ip", "netns", "delete", "other")
	}},
	{"ip netns add first", func(t *testing.T) {
		run(t, "ip", "netns", "add", "other")
		add(t)
		run(t, "ip", "netns", "add", "another")
	}},
	{"/run/netns bound to itself three times", func(t *testing.T) {
		add(t)
		for range 3 {
			run(t, "mount", "--rbind", dir, dir)
		}
	}},
	{"mounted on itself twice", func(t *testing.T) {
		add(t)
		run(t, "mount", "--bind", Path("lab"), Path("lab"))
		run(t, "ip", "netns", "add", "other")
	}},
	{"/run mounted elsewhere too", func(t *testing.T) {
		add(t)
		elsewhere := t.TempDir()
		run(t, "mount", "--rbind", "/run", elsewhere)
		t.Cleanup(func() { run(t, "umount", "--recursive", "--lazy", elsewhere) })
		run(t, "ip", "netns", "add", "other")
	}},
	{"renewed before and after ip netns add", func(t *testing.T) {
		add(t)
		renew(t)
		run(t, "ip", "netns", "add", "other")
		renew(t)
	}},
	{"a service with mounts of its own", func(t *testing.T) {
		add(t)
		service := sleep(t, &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS})
		if len(mountsOf(t, service, "/run/netns/lab")) == 0 {
			t.Fatal("the service does not have the mount")
		}
		t.Cleanup(func() {
			if left := mountsOf(t, service, "netns/lab"); len(left) > 0 {
				t.Errorf("the service still has\n%s", strings.Join(left, "\n"))
			}
		})
	}},
	{"a process in it", func(t *testing.T) {
		add(t)
		run(t, "ip", "netns", "add", "other")
		if err := Do("lab", func() error { sleep(t, nil); return nil }); err != nil {
			t.Fatal(err)
		}
	}},
	{"its mount is gone", func(t *testing.T) {
		add(t)
		run(t, "umount", Path("lab"))
	}},
	{"killed while renewing", func(t *testing.T) {
		add(t)
		if err := Add(nextName("lab")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if left, err := List("lab"); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}},
}

// fresh gives the test its own empty /run, as after a boot.
func fresh(t *testing.T, propagation uintptr) {
	t.Helper()
	err := errors.Join(unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"),
		unix.Mount("", "/", "", unix.MS_REC|propagation, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount("/run", unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

func add(t *testing.T) {
	t.Helper()
	if err := Add("lab"); err != nil {
		t.Fatal(err)
	}
}

func renew(t *testing.T) {
	t.Helper()
	if err := Renew("lab", nil); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// sleep starts a process that sleeps until the test ends, and returns its ID.
func sleep(t *testing.T, attr *syscall.SysProcAttr) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", "echo $$; exec sleep infinity")
	cmd.SysProcAttr = attr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	pid := make([]byte, 16)
	n, err := out.Read(pid)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(pid[:n]))
}

// mountsOf returns a process's mounts whose mountinfo line contains text.
func mountsOf(t *testing.T, pid, text string) (found []string) {
	t.Helper()
	all, err := os.ReadFile("/proc/" + pid + "/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(all) {
		if strings.Contains(string(line), text) {
			found = append(found, string(line))
		}
	}
	return found
}

// TestAddWithoutItsMount: a process killed between creating the file and mounting the
// namespace on it leaves a file that is no namespace.
func TestAddWithoutItsMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	name := unique(t)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(Path(name), nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := Do(name, func() error { return nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("entering it: %v, want ErrNotExist", err)
	}
	if err := Add(name); err != nil {
		t.Fatal(err)
	}
	var in netns.NsHandle
	err := Do(name, func() (err error) { in, err = netns.Get(); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if here, err := netns.Get(); err != nil || here.Equal(in) {
		t.Errorf("it is this process's own: %v", err)
	}
}
