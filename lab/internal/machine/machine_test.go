// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestArguments(t *testing.T) {
	spec := Spec{ID: "i-1", Hostname: "ip-10-0-0-4"}
	plain := arguments("/m/i-1", spec, facts{}, "/proc/7/fd/9")
	for _, want := range []string{
		"--directory=/m/i-1/root", "--network-namespace-path=/proc/7/fd/9", "--hostname=ip-10-0-0-4", "--boot",
		"--keep-unit",
	} {
		if !slices.Contains(plain, want) {
			t.Errorf("arguments lack %s: %v", want, plain)
		}
	}
	if other := arguments("/m/i-1", spec, facts{kvm: true}, ""); slices.Contains(other, "--bind=/dev/kvm") {
		t.Error("an instance without virtualization: the machine gets /dev/kvm")
	}
	spec.KVM = true
	if other := arguments("/m/i-1", spec, facts{}, "/proc/7/fd/9"); slices.Contains(other, "--bind=/dev/kvm") {
		t.Error("a host without KVM: the machine gets /dev/kvm")
	}
	full := arguments("/m/i-1", spec, facts{systemd: true, kvm: true}, "")
	if !slices.Contains(full, "--bind=/dev/kvm") || slices.Contains(full, "--keep-unit") {
		t.Errorf("a host with systemd and KVM: %v", full)
	}
}

func TestOverlay(t *testing.T) {
	got, err := folder("/m/i-1").overlay([]string{"/images/b", "/images/a"})
	if err != nil {
		t.Fatal(err)
	}
	want := "lowerdir=/images/b:/images/a,upperdir=/m/i-1/upper,workdir=/m/i-1/work"
	if got != want {
		t.Errorf("overlay = %q, want %q", got, want)
	}
	if _, err := folder("/m/i-1").overlay([]string{"/a:b"}); err == nil {
		t.Error("a path with a colon was taken")
	}
}

func TestRunningIsAHeldLock(t *testing.T) {
	f := folder(t.TempDir())
	if f.running() {
		t.Error("runs before anybody holds the lock")
	}
	lock, err := hold(f.lock())
	if err != nil {
		t.Fatal(err)
	}
	if !f.running() {
		t.Error("does not run while the lock is held")
	}
	if err := Supervise(t.Context(), string(f)); !errors.Is(err, ErrRunning) {
		t.Errorf("a second supervisor: %v, want ErrRunning", err)
	}
	lock.Close()
	if f.running() {
		t.Error("runs after the lock was let go")
	}
}

func TestSpecs(t *testing.T) {
	m := &Manager{Dir: filepath.Join(t.TempDir(), "machines")}
	if specs, err := m.Specs(); err != nil || len(specs) != 0 {
		t.Errorf("without machines: %v, %v", specs, err)
	}
	want := Spec{ID: "i-1", Layers: []string{"/a"}, Hostname: "h",
		NICs: []NIC{{ENI: "eni-1", Device: "eth0", MAC: [6]byte{2, 0, 0, 0, 0, 1}}}}
	if err := os.MkdirAll(filepath.Join(m.Dir, "i-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.folder("i-1").spec(),
		[]byte(`{"ID":"i-1","Layers":["/a"],"Hostname":"h","NICs":[{"ENI":"eni-1","Device":"eth0","MAC":[2,0,0,0,0,1]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	// Partly removed: a folder without a spec.
	if err := os.MkdirAll(filepath.Join(m.Dir, "i-2"), 0o755); err != nil {
		t.Fatal(err)
	}
	specs, err := m.Specs()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Spec{want}, specs); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMachineThatIsOff(t *testing.T) {
	m := &Manager{Dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(m.Dir, "i-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.Reboot("i-1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reboot: %v, want ErrNotExist", err)
	}
	if err := m.Stop(t.Context(), "i-1", time.Second); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := m.Wait(t.Context(), "i-1"); err != nil {
		t.Errorf("wait: %v", err)
	}
}

func TestConsoleIsItsEnd(t *testing.T) {
	m := &Manager{Dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(m.Dir, "i-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.folder("i-1").console(), []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Console("i-1", 4); err != nil || string(got) != "6789" {
		t.Errorf("the last 4 bytes are %q, %v", got, err)
	}
	if got, err := m.Console("i-1", 100); err != nil || string(got) != "0123456789" {
		t.Errorf("the last 100 bytes are %q, %v", got, err)
	}
}

func TestHierarchies(t *testing.T) {
	tests := map[string]struct {
		mountinfo string
		want      []string
	}{
		"version 2": {"30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n", []string{"/sys/fs/cgroup"}},
		"both": {"40 24 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
			"41 24 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n" +
			"42 24 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			[]string{"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"}},
		"none": {"22 1 254:1 / / rw - ext4 /dev/vda rw\n", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, hierarchies([]byte(tt.mountinfo))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
