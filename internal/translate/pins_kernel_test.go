package translate

import (
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestPinsInAContainer(t *testing.T) {
	s := newSpace(t)
	s.do(func() error {
		if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", "/sys", "tmpfs", unix.MS_RDONLY, ""); err != nil {
			return err
		}
		for range 2 {
			dir, err := makePins("")
			if err != nil {
				return err
			}
			if dir != containersPinDir || !onBPFFS(dir) {
				t.Errorf("pins go to %s", dir)
			}
		}
		return nil
	})
}

func TestPinsByDefault(t *testing.T) {
	s := newSpace(t)
	s.do(func() error {
		if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
			return err
		}
		if dir, err := makePins(""); dir != defaultPinDir || err != nil || !onBPFFS(dir) {
			t.Errorf("pins go to %q, %v", dir, err)
		}
		return nil
	})
}

// Another version of the agent has other maps; what it translated goes on.
func TestAttachOverMapsOfAnotherVersion(t *testing.T) {
	w := newWorld(t, 1500)
	w.host.do(func() error {
		if _, err := makePins(w.cfg.PinDir); err != nil {
			return err
		}
		for _, spec := range []ebpf.MapSpec{
			{Name: bpfMapCounters, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 3},
			{Name: bpfMapAddresses4, Type: ebpf.Hash, KeySize: 4, ValueSize: 16, MaxEntries: 100},
		} {
			m, err := ebpf.NewMap(&spec)
			if err != nil {
				return err
			}
			defer m.Close()
			if spec.Name == bpfMapAddresses4 {
				if err := m.Put(router4.AsSlice(), append(routerMAC[:], make([]byte, 10)...)); err != nil {
					return err
				}
			}
			if err := m.Pin(filepath.Join(w.cfg.PinDir, spec.Name)); err != nil {
				return err
			}
		}
		tr, err := Attach(w.cfg)
		if err != nil {
			return err
		}
		defer tr.Close()
		entries, err := tr.Entries()
		if d := cmp.Diff([]Entry{{router4, routerMAC}}, entries, cmp.Comparer(sameAddr)); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}
		return err
	})
	w.plug("mcw1")
	w.bothWays("another version")
	w.noFaults()
}
