// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"macaw.example/internal/model"
)

func TestEachAddressLeavesByItsOwnNIC(t *testing.T) {
	w := newMultiENIEnv(t)
	tr := w.env.attach(spread...)
	w.pass("two NICs", router4, second4, router6)
	w.vm.forget()
	w.fabric.forget()
	w.mustPing("ARP from the fabric first", w.fabric, gateway4, second4, 56)
	w.mustPing("ND from the fabric first", w.fabric, gateway6, router6, 56)
	w.mustPing("large", w.vm, second4, gateway4, 4000)
	w.noFaults()

	entries, err := tr.Entries()
	if d := cmp.Diff(spread, entries, cmp.Comparer(sameAddr)); d != "" || err != nil {
		t.Errorf("entries (-want +got), %v:\n%s", err, d)
	}
	reader, err := openIn(w.host, w.cfg.PinDir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	entries, err = reader.Entries()
	if d := cmp.Diff(spread, entries, cmp.Comparer(sameAddr)); d != "" || err != nil {
		t.Errorf("a reader's entries (-want +got), %v:\n%s", err, d)
	}

	// An address moves to the other ENI.
	w.checkers[0].allow(primary4)
	w.checkers[1].allow(router4, second4, router6, secondPrimary)
	moved := append([]Entry{{router4, routerMAC, eni2MAC}}, spread[1:]...)
	w.host.Do(func() error {
		changes, err := tr.Sync(moved)
		if d := cmp.Diff(Changes{Set: moved[:1]}, changes, cmp.Comparer(sameAddr)); d != "" {
			t.Errorf("changes (-want +got):\n%s", d)
		}
		return err
	})
	w.fabric.forget()
	w.pass("moved", router4)
	w.noFaults()
}

func TestEachPrimaryAddressIsAnswered(t *testing.T) {
	w := newMultiENIEnv(t)
	tr := w.env.attach()
	for i, eni := range []struct {
		mac     model.MAC
		primary netip.Addr
	}{{eniMAC, primary4}, {eni2MAC, secondPrimary}} {
		w.fabric.send(fmt.Sprintf("vpc%d", i), arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, eni.primary))
		want := arpFrame(eni.mac, 2, eni.mac, eni.primary, gatewayMAC, gateway4)
		copy(want, gatewayMAC[:])
		if !w.checkers[i].saw(func(f []byte) bool { return cmp.Equal(f, want) }) {
			t.Errorf("no answer like %x; faults %v", want, w.checkers[i].takeFaults())
		}
	}
	w.fabric.send("vpc0", arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, secondPrimary))
	time.Sleep(50 * time.Millisecond)
	if c, _ := tr.Counters(); c[InAnswered].Packets != 2 {
		t.Errorf("counters %s, want two answers, and none for another NIC's address", nonZero(t, tr))
	}
	w.noFaults()
}

// Of as many NICs as there may be, the last is answered for too, and leaves by
// itself.
func TestAsManyNICsAsPossible(t *testing.T) {
	nics := make([]nic, maxNICs)
	for i := range nics {
		nics[i] = nic{name: fmt.Sprint(i), index: 1000 + i, mac: model.MAC{2, 0, 0, 0, 1, byte(i)}}
	}
	last := &nics[maxNICs-1]
	last.index, last.primary = 1, primary4
	objects, tr := programs(t, nics...)
	if _, err := tr.Sync([]Entry{{router4, routerMAC, last.mac}}); err != nil {
		t.Fatal(err)
	}
	runFrame(t, objects.FromBridge, tr, ipv4Frame(routerMAC, gatewayMAC, router4, gateway4),
		ipv4Frame(last.mac, gatewayMAC, router4, gateway4), redirect, OutIPv4)
	want := arpFrame(last.mac, 2, last.mac, primary4, gatewayMAC, gateway4)
	copy(want, gatewayMAC[:])
	runFrame(t, objects.FromWire, tr, arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, primary4), want,
		redirect, InAnswered)

	s := newNamespace(t)
	for _, n := range []int{0, maxNICs + 1} {
		if err := s.Try(func() error { _, err := Attach(Config{NICs: make([]NIC, n)}); return err }); err == nil {
			t.Errorf("attached to %d NICs", n)
		}
	}
}

// NICs come and go, and those that stay lose no packet and send none that is
// another's.
func TestNICsComeAndGoUnderTraffic(t *testing.T) {
	w := newMultiENIEnv(t)
	w.env.attach(spread...)
	w.pass("two NICs", router4, second4, router6)

	three := append(spread[:len(spread):len(spread)], Entry{third4, routerMAC, eni3MAC})
	// The third comes and goes, and the others change places.
	steps := []struct {
		nics    []NIC
		entries []Entry
	}{
		{w.nics, three},
		{w.nics[:2], spread},
		{[]NIC{w.nics[2], w.nics[1], w.nics[0]}, three},
		{[]NIC{w.nics[1], w.nics[0]}, spread},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 20 {
			step := steps[i%len(steps)]
			cfg := w.cfg
			cfg.NICs = step.nics
			err := w.host.Try(func() error {
				tr, err := Attach(cfg)
				if err != nil {
					return err
				}
				defer tr.Close()
				if err := tr.Check(); err != nil {
					return err
				}
				_, err = tr.Sync(step.entries)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	n := 0
	for going := true; going; n++ {
		select {
		case <-done:
			going = false
		default:
		}
		a := spread[n%len(spread)].Addr
		gateway := gateway4
		if a.Is6() {
			gateway = gateway6
		}
		if !w.vm.pingsWithin(replyTimeout, a, gateway, 56) {
			t.Errorf("a ping from %s was lost", a)
		}
	}
	t.Logf("%d pings", n)
	w.noFaults()
}

func TestNICIsAttachedAndReleased(t *testing.T) {
	w := newMultiENIEnv(t)
	w.env.attach(spread...)
	w.host.Do(func() error { // as a new ENI comes
		l, err := netlink.LinkByName("eth3")
		if err != nil {
			return err
		}
		return netlink.LinkSetMTU(l, 1400)
	})
	w.cfg.NICs = w.nics
	all := append(spread[:len(spread):len(spread)], Entry{third4, routerMAC, eni3MAC})
	tr := w.env.attach(all...)
	w.pass("three NICs", router4, second4, third4, router6)
	if err := w.host.Try(tr.Check); err != nil {
		t.Error(err)
	}
	w.noFaults()

	// The first is left: what was its own goes nowhere.
	w.cfg.NICs = w.nics[1:]
	w.host.Do(func() (err error) { tr, err = Attach(w.cfg); return err })
	t.Cleanup(func() { tr.Close() })
	entries, err := tr.Entries()
	want := []Entry{{second4, routerMAC, eni2MAC}, {third4, routerMAC, eni3MAC}, {router6, routerMAC, eni2MAC}}
	if d := cmp.Diff(want, entries, cmp.Comparer(sameAddr)); d != "" || err != nil {
		t.Errorf("entries (-want +got), %v:\n%s", err, d)
	}
	w.pass("the first left", second4, third4, router6)
	if w.vm.pings(router4, gateway4, 56) {
		t.Error("an address of the ENI that was left gets an answer")
	}
	w.host.Do(func() error {
		if n := programsAt("eth1"); n != 0 {
			t.Errorf("%d programs are left on eth1", n)
		}
		return nil
	})
	w.host.Do(func() error {
		changes, err := tr.Sync(all)
		missing := Changes{Missing: []Entry{{router4, routerMAC, eniMAC}}}
		if d := cmp.Diff(missing, changes, cmp.Comparer(sameAddr)); d != "" || !changes.None() {
			t.Errorf("changes (-want +got):\n%s", d)
		}
		return err
	})
	w.pass("still", second4, third4, router6)
	w.noFaults()

	w.host.Do(func() error { return Detach(Config{PinDir: w.cfg.PinDir}) })
	w.host.Do(func() error {
		for _, n := range w.nics {
			if n := programsAt(n.Name); n != 0 {
				t.Errorf("%d programs are left after Detach", n)
			}
		}
		left, err := filepath.Glob(filepath.Join(w.cfg.PinDir, "[a-z]*[a-z0-9]"))
		for _, pin := range left {
			if filepath.Ext(pin) != ".debug" {
				t.Errorf("left behind: %s", pin)
			}
		}
		return err
	})
}

// programsAt counts what tcx has at an interface's ingress.
func programsAt(name string) int {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return -1
	}
	at, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: ebpf.AttachTCXIngress})
	if err != nil {
		return -1
	}
	return len(at.Programs)
}

func TestCheckCoversEveryNIC(t *testing.T) {
	w := newMultiENIEnv(t)
	onSecond := func(f func(netlink.Link) error) func() error {
		return func() error {
			l, err := netlink.LinkByName("eth2")
			if err != nil {
				return err
			}
			return f(l)
		}
	}
	for _, c := range []struct {
		name     string
		hurt     func(tr *Translator) func() error
		repaired bool
	}{
		{"MTU", func(*Translator) func() error {
			return onSecond(func(l netlink.Link) error { return netlink.LinkSetMTU(l, 1400) })
		}, true},
		{"program", func(tr *Translator) func() error { return nicHook(tr.pinDir, tr.nics[1]).detach }, true},
		{"MAC", func(*Translator) func() error {
			return onSecond(func(l netlink.Link) error {
				return netlink.LinkSetHardwareAddr(l, []byte{2, 0, 0, 0, 0, 0x77})
			})
		}, true},
		{"gone", func(*Translator) func() error { return onSecond(netlink.LinkDel) }, false},
	} {
		tr := w.env.attach()
		if err := w.host.Try(tr.Check); err != nil {
			t.Errorf("%s: healthy: %v", c.name, err)
		}
		w.host.Do(c.hurt(tr))
		if err := w.host.Try(tr.Check); err == nil {
			t.Errorf("%s: Check is content", c.name)
		}
		if !c.repaired {
			continue
		}
		tr = w.env.attach()
		if err := w.host.Try(tr.Check); err != nil {
			t.Errorf("%s: repaired: %v", c.name, err)
		}
	}
	// The ENI was taken away: what is left goes on without it.
	w.cfg.NICs = w.nics[:1]
	tr := w.env.attach(spread[0])
	if err := w.host.Try(tr.Check); err != nil {
		t.Error(err)
	}
	w.pass("one is gone", router4)
}

func TestClsactWithSeveralNICs(t *testing.T) {
	w := newMultiENIEnv(t)
	tr := w.env.attach(spread...)
	w.host.Do(func() error {
		for _, h := range tr.hooks(nil) {
			if err := h.detach(); err != nil {
				return err
			}
		}
		return nil
	})
	tr.tcx = false
	tr.Close()
	w.host.Do(tr.attach)
	w.pass("clsact", router4, second4, router6)
	if err := w.host.Try(tr.Check); err != nil {
		t.Error(err)
	}
	filters := func(want ...bool) {
		t.Helper()
		w.host.Do(func() error {
			for i, n := range w.nics[:2] {
				l, err := netlink.LinkByName(n.Name)
				if err != nil {
					return err
				}
				if got := (hook{device: l.Attrs().Index}).clsactFilter() != nil; got != want[i] {
					t.Errorf("filter on %s: %v", n.Name, got)
				}
			}
			return nil
		})
	}
	filters(true, true)
	tr.Close()
	tr.nics = tr.nics[1:]
	w.host.Do(tr.attach)
	filters(false, true)
	w.pass("clsact, the first left", second4, router6)
	w.noFaults()
	w.host.Do(func() error { return Detach(Config{PinDir: w.cfg.PinDir}) })
	filters(false, false)
}
