// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
)

func TestPinsInAContainer(t *testing.T) {
	s := newNamespace(t)
	s.Do(func() error {
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
	s := newNamespace(t)
	s.Do(func() error {
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
	w := newEnv(t, 1500)
	w.host.Do(func() error {
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
		if d := cmp.Diff([]Entry{{router4, routerMAC, eniMAC}}, entries, cmp.Comparer(sameAddr)); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}
		return err
	})
	w.plug("mcw1")
	w.bothWays("another version")
	w.noFaults()
}

// The version before knew one NIC and had nothing in an entry's last two octets.
// Its map goes on as it is.
func TestAttachOverMapsOfOneNIC(t *testing.T) {
	w := newMultiENIEnv(t)
	var id ebpf.MapID
	w.host.Do(func() error {
		if _, err := makePins(w.cfg.PinDir); err != nil {
			return err
		}
		for _, spec := range []ebpf.MapSpec{
			{Name: bpfMapAddresses4, Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 65536, Flags: 1},
			{Name: bpfMapAddresses6, Type: ebpf.Hash, KeySize: 16, ValueSize: 8, MaxEntries: 65536, Flags: 1},
			{Name: bpfMapSettings, Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1},
			{Name: bpfMapCounters, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 16, MaxEntries: uint32(reasons)},
			{Name: bpfMapEvents, Type: ebpf.RingBuf, MaxEntries: 1 << 16},
		} {
			m, err := ebpf.NewMap(&spec)
			if err != nil {
				return err
			}
			defer m.Close()
			if spec.Name == bpfMapAddresses4 {
				if err := m.Put(router4.AsSlice(), append(bytes.Clone(routerMAC[:]), 0, 0)); err != nil {
					return err
				}
				info, err := m.Info()
				if err != nil {
					return err
				}
				id, _ = info.ID()
			}
			if err := m.Pin(filepath.Join(w.cfg.PinDir, spec.Name)); err != nil {
				return err
			}
		}
		// A reader of this version opens it before Attach.
		reader, err := Open(w.cfg.PinDir)
		if err != nil {
			return err
		}
		defer reader.Close()
		entries, err := reader.Entries()
		if d := cmp.Diff([]Entry{{router4, routerMAC, model.MAC{}}}, entries, cmp.Comparer(sameAddr)); d != "" {
			t.Errorf("a reader's entries (-want +got):\n%s", d)
		}
		if _, err := reader.Sync(nil); err == nil {
			t.Error("a reader that knows no NIC removed the entries")
		}
		return err
	})
	w.host.Do(func() error {
		tr, err := Attach(w.cfg)
		if err != nil {
			return err
		}
		defer tr.Close()
		info, err := tr.addresses4.Info()
		if err != nil {
			return err
		}
		if now, _ := info.ID(); now != id {
			t.Error("the map was replaced")
		}
		entries, err := tr.Entries()
		if d := cmp.Diff([]Entry{{router4, routerMAC, eniMAC}}, entries, cmp.Comparer(sameAddr)); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}
		return err
	})
	w.plug("mcw1")
	w.pass("carried over", router4)
	w.noFaults()
}

// A map of another size is made anew, and each address stays on its ENI.
func TestENIsAreCarriedOver(t *testing.T) {
	w := newMultiENIEnv(t)
	tr := w.env.attach(spread...)
	w.host.Do(func() error {
		m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 100})
		if err != nil {
			return err
		}
		defer m.Close()
		var key, value []byte
		for it := tr.addresses4.Iterate(); it.Next(&key, &value); {
			if err := m.Put(key, value); err != nil {
				return err
			}
		}
		pin := filepath.Join(w.cfg.PinDir, bpfMapAddresses4)
		if err := os.Remove(pin); err != nil {
			return err
		}
		return m.Pin(pin)
	})
	w.host.Do(func() error {
		tr, err := Attach(w.cfg)
		if err != nil {
			return err
		}
		defer tr.Close()
		entries, err := tr.Entries()
		if d := cmp.Diff(spread, entries, cmp.Comparer(sameAddr)); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}
		return err
	})
	w.pass("carried over", router4, second4, router6)
	w.noFaults()
}
