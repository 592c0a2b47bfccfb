// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"macaw.example/internal/netdev"
)

func TestDetach(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	w.host.Do(func() error { return Detach(w.cfg) })
	w.host.Do(func() error { return Detach(w.cfg) }) // again changes nothing
	if err := w.host.Try(tr.Check); err == nil {
		t.Error("detached and Check is content")
	}
	if _, err := openIn(w.host, w.cfg.PinDir); !errors.Is(err, ErrNotAttached) {
		t.Errorf("Open: %v, want ErrNotAttached", err)
	}
	w.host.Do(func() error {
		left, err := filepath.Glob(filepath.Join(w.cfg.PinDir, "[a-z]*[a-z]"))
		for _, pin := range left {
			if filepath.Ext(pin) != ".debug" { // the kernel's own
				t.Errorf("left behind: %s", pin)
			}
		}
		return err
	})
	w.attach(registered...)
	w.bothWays("attached again")
}

func TestClearNIC(t *testing.T) {
	w := newEnv(t, 1500)
	w.host.addr("eth1", "10.99.0.5/24")
	w.host.Do(func() error {
		if name, err := netdev.FindNIC(eniMAC); name != "eth1" || err != nil {
			t.Errorf("FindNIC: %q, %v", name, err)
		}
		removed, err := ClearNIC("eth1")
		if err != nil {
			return err
		}
		if len(removed) != 1 || removed[0] != "10.99.0.5/24" {
			t.Errorf("removed %v", removed)
		}
		removed, err = ClearNIC("eth1")
		if len(removed) != 0 {
			t.Errorf("removed again %v", removed)
		}
		return err
	})
}

// Without promote_secondaries, as on Debian, an address takes those with it that
// were added to its subnet later: they are removed as well.
func TestClearNICOfSecondaryAddresses(t *testing.T) {
	w := newEnv(t, 1500)
	w.host.Do(func() error {
		for _, which := range []string{"all", "eth1"} {
			if err := netdev.SetSysctl("net/ipv4/conf/"+which+"/promote_secondaries", "0"); err != nil {
				return err
			}
		}
		return nil
	})
	want := []string{"10.99.0.5/24", "10.99.0.65/24", "10.99.0.66/24"}
	for _, p := range want {
		w.host.addr("eth1", p)
	}
	w.host.Do(func() error {
		removed, err := ClearNIC("eth1")
		if !slices.Equal(removed, want) {
			t.Errorf("removed %v, want %v", removed, want)
		}
		return err
	})
}

// Removing what is gone already is no error.
func TestRemovingWhatIsGone(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	gone := Entry{Addr: stray4, MAC: routerMAC, ENI: eniMAC}
	if err := tr.remove(gone); err != nil {
		t.Errorf("an entry: %v", err)
	}
	w.host.Do(func() error {
		if err := ignoreGone(netlink.LinkDel(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: 9999}})); err != nil {
			t.Errorf("a device: %v", err)
		}
		for _, h := range tr.hooks(nil) {
			for range 2 {
				if err := h.detach(); err != nil {
					t.Errorf("a program: %v", err)
				}
			}
		}
		return nil
	})
}

func openIn(s *namespace, dir string) (tr *Translator, err error) {
	err = s.Try(func() error { tr, err = Open(dir); return err })
	return tr, err
}
