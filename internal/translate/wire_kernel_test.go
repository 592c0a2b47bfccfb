// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
)

func (w *env) noFaults() {
	w.t.Helper()
	for _, f := range w.checker.takeFaults() {
		w.t.Errorf("at the fabric: %s", f)
	}
}

func TestFramesPassAStrictFabric(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	w.bothWays("IPv4")
	w.fabric.forget()
	w.vm.forget()
	w.mustPing("ARP from the fabric first", w.fabric, gateway4, router4, 56)
	w.mustPing("ND from the router", w.vm, router6, gateway6, 56)
	w.fabric.forget()
	w.vm.forget()
	w.mustPing("ND from the fabric", w.fabric, gateway6, router6, 56)
	w.mustPing("fragments out", w.vm, router4, gateway4, 4000)
	w.mustPing("fragments in", w.fabric, gateway4, router4, 4000)
	w.mustPing("IPv6 fragments", w.vm, router6, gateway6, 4000)
	w.noFaults()
	counters, err := tr.Counters()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Reason{OutIPv4, OutARP, OutND, OutIPv6, InIPv4, InARP, InIPv6, InMulticast} {
		if counters[r].Packets == 0 || counters[r].Bytes == 0 {
			t.Errorf("%s was not counted: %s", r, nonZero(t, tr))
		}
	}
}

func TestJumboFrames(t *testing.T) {
	w := newEnv(t, 9001)
	w.attach(registered...)
	w.mustPing("jumbo out", w.vm, router4, gateway4, 8973)
	w.mustPing("jumbo in", w.fabric, gateway4, router4, 8973)
	w.noFaults()
	w.host.Do(func() error {
		for _, name := range []string{"mcw0", "mcw1"} {
			l, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if l.Attrs().MTU != 9001 {
				t.Errorf("MTU of %s is %d", name, l.Attrs().MTU)
			}
		}
		return nil
	})
}

func TestUnregisteredSourceIsDroppedCountedAndReported(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	w.vm.addr("vr0", "10.99.0.11/32")
	w.vm.addr("vr0", "fd99::77/128")
	w.bothWays("neighbours known")
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan Event, 100)
	ended := make(chan error)
	go func() { ended <- tr.Events(ctx, func(e Event) { events <- e }) }()

	for range 2 {
		if w.vm.pings(stray4, gateway4, 56) || w.vm.pings(stray6, gateway6, 56) {
			t.Error("an unregistered source got an answer")
		}
	}
	w.vm.send("vr0", arpFrame(router2MAC, 1, router2MAC, router4, model.MAC{}, router4), // a move, perhaps
		ipv4Frame(router2MAC, gatewayMAC, router4, gateway4))
	w.noFaults()

	seen := map[Reason]Event{}
	for wait := time.After(3 * time.Second); len(seen) < 4; {
		select {
		case e := <-events:
			seen[e.Reason] = Event{Reason: e.Reason, Addr: e.Addr, MAC: e.MAC}
		case <-wait:
			t.Fatalf("only these events came: %v, counters %s", seen, nonZero(t, tr))
		}
	}
	want := map[Reason]Event{
		OutUnregisteredIPv4: {Reason: OutUnregisteredIPv4, Addr: stray4, MAC: routerMAC},
		OutUnregisteredND:   {Reason: OutUnregisteredND, Addr: stray6, MAC: routerMAC},
		OutSpoofedARP:       {Reason: OutSpoofedARP, Addr: router4, MAC: router2MAC},
		OutSpoofedIPv4:      {Reason: OutSpoofedIPv4, Addr: router4, MAC: router2MAC},
	}
	if d := cmp.Diff(want, seen, cmp.Comparer(sameAddr)); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Events: %v", err)
	}
	counters, _ := tr.Counters()
	for r := range want {
		if counters[r].Packets == 0 {
			t.Errorf("%s was not counted", r)
		}
	}
}

func TestEventsAreLimitedInAStorm(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach()
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	ended := make(chan error)
	go func() { ended <- tr.Events(ctx, func(Event) { n++ }) }()
	begin := time.Now()
	var storm [][]byte
	for i := range 3000 {
		source := netip.AddrFrom4([4]byte{10, 100, byte(i >> 8), byte(i)})
		storm = append(storm, ipv4Frame(routerMAC, gatewayMAC, source, gateway4))
	}
	w.vm.send("vr0", storm...)
	seconds := int(time.Since(begin)/time.Second) + 2
	time.Sleep(100 * time.Millisecond)
	cancel()
	<-ended
	if n == 0 || n > 64*seconds {
		t.Errorf("%d events in %d seconds", n, seconds)
	}
	if c, _ := tr.Counters(); c[OutUnregisteredIPv4].Packets < 3000 {
		t.Errorf("counters %s, want 3000 dropped", nonZero(t, tr))
	}
	w.noFaults()
}

func TestModeOffShowsForeignMACs(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	w.bothWays("before")
	w.noFaults()
	reader, err := openIn(w.host, w.cfg.PinDir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.SetMode(Off); err != nil {
		t.Fatal(err)
	}
	if m, err := tr.Mode(); err != nil || m != Off {
		t.Errorf("mode %v, %v", m, err)
	}
	if w.vm.pings(router4, gateway4, 56) {
		t.Error("ping passes with the translation off")
	}
	if len(w.checker.takeFaults()) == 0 {
		t.Error("no foreign MAC reached the fabric")
	}
	if err := reader.SetMode(Translate); err != nil {
		t.Fatal(err)
	}
	w.bothWays("on again")
	w.noFaults()
}

func TestLoaderExitAndUpgrade(t *testing.T) {
	w := newEnv(t, 1500)
	w.attachAndExit()
	w.plug("mcw1")
	var tr *Translator
	w.host.Do(func() (err error) {
		if tr, err = Open(w.cfg.PinDir); err == nil {
			_, err = tr.Sync(registered)
		}
		return err
	})
	tr.Close()
	w.bothWays("the loader's process is gone")

	again := make(chan struct{})
	go func() {
		defer close(again)
		for range 20 {
			w.attachAndExit()
		}
	}()
	for lost := false; !lost; {
		lost = !w.vm.pingsWithin(replyTimeout, router4, gateway4, 56)
		select {
		case <-again:
			if lost {
				t.Error("a ping was lost while the translation was attached again")
			}
			lost = true
		default:
			if lost {
				t.Error("a ping was lost while the translation was attached again")
				<-again
			}
		}
	}
	tr, err := openIn(w.host, w.cfg.PinDir)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	entries, err := tr.Entries()
	if d := cmp.Diff(registered, entries, cmp.Comparer(sameAddr)); d != "" || err != nil {
		t.Errorf("entries after attaching again (-want +got), %v:\n%s", err, d)
	}
	w.noFaults()
}

func TestPairMadeAnewIsHealed(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	w.bothWays("before")
	check := func() error { return w.host.Try(tr.Check) }
	if err := check(); err != nil {
		t.Errorf("healthy: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var changed <-chan struct{}
	w.host.Do(func() (err error) { changed, err = Watch(ctx); return err })
	w.host.Do(func() error {
		l, err := netlink.LinkByName("mcw0")
		if err != nil {
			return err
		}
		return netlink.LinkDel(l)
	})
	select {
	case <-changed:
	case <-time.After(2 * time.Second):
		t.Error("no notice of the pair's end")
	}
	if check() == nil {
		t.Error("the pair is gone and Check is content")
	}
	tr2 := w.attach(registered...)
	w.bothWays("healed")
	if err := w.host.Try(tr2.Check); err != nil {
		t.Error(err)
	}

	w.host.Do(func() error {
		l, err := netlink.LinkByName("eth1")
		if err != nil {
			return err
		}
		return netlink.LinkSetMTU(l, 1400)
	})
	if err := w.host.Try(tr2.Check); err == nil {
		t.Error("the NIC has another MTU and Check is content")
	}
	tr3 := w.attach(registered...)
	if err := w.host.Try(tr3.Check); err != nil {
		t.Error(err)
	}
	w.noFaults()
}

func TestPrimaryAddressIsAnswered(t *testing.T) {
	w := newEnv(t, 1500)
	w.attach()
	w.fabric.send("vpc0", arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, primary4))
	want := arpFrame(eniMAC, 2, eniMAC, primary4, gatewayMAC, gateway4)
	copy(want, gatewayMAC[:])
	if !w.checker.saw(func(f []byte) bool { return cmp.Equal(f, want) }) {
		t.Errorf("no answer like %x; faults %v", want, w.checker.takeFaults())
	}
	w.noFaults()
}

func TestVLANIsDropped(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	plain := ipv4Frame(routerMAC, gatewayMAC, router4, gateway4)
	tagged := append(append(append([]byte(nil), plain[:12]...), 0x81, 0, 0, 100), plain[12:]...)
	w.vm.send("vr0", tagged)
	back := append(append(append([]byte(nil), eniMAC[:]...), gatewayMAC[:]...), tagged[12:]...)
	w.fabric.send("vpc0", back)
	time.Sleep(50 * time.Millisecond)
	c, _ := tr.Counters()
	if c[OutVLAN].Packets != 1 || c[InVLAN].Packets != 1 {
		t.Errorf("counters %s, want one tagged frame dropped each way", nonZero(t, tr))
	}
	w.noFaults()
}

func TestClsactWithoutTCX(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	w.host.Do(func() error {
		for _, h := range tr.hooks(nil) {
			if err := h.detach(); err != nil {
				return err
			}
		}
		return nil
	})
	if w.vm.pings(router4, gateway4, 56) {
		t.Error("ping passes without programs")
	}
	w.vm.forget() // the neighbour that did not answer
	tr.tcx = false
	for range 2 { // the second replaces
		tr.Close()
		w.host.Do(tr.attach)
		w.bothWays("clsact")
	}
	if err := w.host.Try(tr.Check); err != nil {
		t.Error(err)
	}
	w.noFaults()
	w.host.Do(func() error { return Detach(w.cfg) })
	w.host.Do(func() error {
		if (hook{device: tr.nics[0].index}).clsactFilter() != nil {
			t.Error("the filter is still on the NIC")
		}
		return nil
	})
}

// A frame that may not leave is seen at the blackhole and nowhere else, and its sender
// gets no error: a userspace datapath would discard the rest of its batch.
func TestDroppedFramesEndInTheBlackhole(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	w.bothWays("neighbours known")
	tap := w.host.tap("mcw0")
	defer unix.Close(tap)
	stray := ipv4Frame(routerMAC, gatewayMAC, stray4, gateway4)
	w.host.send("mcw1", stray) // as a bridge does; an error ends the test
	buf := make([]byte, 2048)
	for end := time.Now().Add(2 * time.Second); ; {
		n, _, err := unix.Recvfrom(tap, buf, 0)
		if err == nil && bytes.Equal(buf[:n], stray) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the frame is not seen on mcw0")
		}
	}
	if c, _ := tr.Counters(); c[OutUnregisteredIPv4].Packets != 1 {
		t.Errorf("counters %s, want one unregistered frame", nonZero(t, tr))
	}
	w.noFaults()
}

// Addresses outside of the subnet are translated too, and those in it come and go.
func TestDenseAndSparseAddresses(t *testing.T) {
	for _, subnet := range []string{"", "10.99.0.0/24", "10.98.0.0/16", "10.0.0.0/8"} {
		w := newEnv(t, 1500)
		w.cfg.Subnet = netip.Prefix{}
		if subnet != "" {
			w.cfg.Subnet = netip.MustParsePrefix(subnet)
		}
		tr := w.attach(registered...)
		w.bothWays("subnet " + subnet)
		w.host.Do(func() error { _, err := tr.Sync(nil); return err })
		if w.vm.pings(router4, gateway4, 56) {
			t.Errorf("subnet %s: an address that was removed is translated", subnet)
		}
		w.vm.forget()
		w.host.Do(func() error { _, err := tr.Sync(registered); return err })
		w.bothWays("subnet " + subnet + ", again")
		w.attach(registered...) // made anew, filled from what was there
		w.bothWays("subnet " + subnet + ", attached again")
		w.noFaults()
	}
}

// A frame for an address of the subnet without an entry is reported; one for any other
// address is not.
func TestFrameForAnUntranslatedAddressIsReported(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan Event, 100)
	ended := make(chan error)
	go func() { ended <- tr.Events(ctx, func(e Event) { events <- e }) }()
	far := netip.MustParseAddr("10.50.0.1")
	for _, to := range []netip.Addr{far, router4, stray4} {
		w.fabric.send("vpc0", ipv4Frame(gatewayMAC, eniMAC, gateway4, to))
	}
	select {
	case e := <-events:
		want := Event{Reason: InHost, Addr: stray4, MAC: gatewayMAC}
		if d := cmp.Diff(want, Event{Reason: e.Reason, Addr: e.Addr, MAC: e.MAC}, cmp.Comparer(sameAddr)); d != "" {
			t.Errorf("event (-want +got):\n%s", d)
		}
	case <-time.After(3 * time.Second):
		t.Errorf("no event came, counters %s", nonZero(t, tr))
	}
	cancel()
	<-ended
	if len(events) > 0 {
		t.Errorf("another event came: %v", <-events)
	}
}

// A router that has an address without an entry answers when it is asked, and the
// answer does not leave.
func TestProbeARP(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	w.vm.addr("vr0", stray4.String()+"/32")
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan Event, 100)
	ended := make(chan error)
	go func() { ended <- tr.Events(ctx, func(e Event) { events <- e }) }()
	w.host.Do(func() error { return tr.ProbeARP(stray4, netip.MustParseAddr("10.99.0.200"), router4) })
	select {
	case e := <-events:
		want := Event{Reason: OutUnregisteredARP, Addr: stray4, MAC: routerMAC}
		if d := cmp.Diff(want, Event{Reason: e.Reason, Addr: e.Addr, MAC: e.MAC}, cmp.Comparer(sameAddr)); d != "" {
			t.Errorf("event (-want +got):\n%s", d)
		}
	case <-time.After(3 * time.Second):
		t.Errorf("no event came, counters %s", nonZero(t, tr))
	}
	time.Sleep(200 * time.Millisecond)
	cancel()
	<-ended
	if len(events) > 0 {
		t.Errorf("another event came: %v", <-events)
	}
	c, _ := tr.Counters()
	if c[OutLocal].Packets != 1 || c[OutARP].Packets != 0 {
		t.Errorf("counters %s: the answer for what is translated should be dropped as local", nonZero(t, tr))
	}
	w.noFaults()
}
