// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
)

const streamOctets = 4 << 20

// As on AWS with Open vSwitch's datapath in the kernel: frames of up to 64 KiB pass the
// translation in both directions, whole, and on the wire every frame is right.
func TestOffloads(t *testing.T) {
	for _, mtu := range []int{1500, 9001} {
		for _, tcx := range []bool{true, false} {
			hooks := map[bool]string{true: "tcx", false: "clsact"}[tcx]
			t.Run(fmt.Sprintf("%d/%s", mtu, hooks), func(t *testing.T) { testOffloads(t, mtu, tcx) })
		}
	}
}

func testOffloads(t *testing.T, mtu int, tcx bool) {
	w := newOffloadEnv(t, mtu)
	tr := w.attach(registered...)
	if !tcx {
		w.useClsact(tr)
	}
	verified := w.verify()
	for _, r := range w.routes() {
		w.mustPassWhole(tr, r, func() { r.stream(t, streamOctets) })
	}
	w.host.features("eth1", true, featureUDPGRO)
	size, batch := mtu-48, 60000/(mtu-48) // 40 for IPv6, 8 for UDP
	for _, r := range w.routes() {
		w.mustPassWhole(tr, r, func() {
			err := r.datagrams(t, size, batch, 20)
			if errors.Is(err, unix.EIO) { // Linux before 6.11, where an interface cannot compute checksums
				t.Skip(err)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	for _, size := range []int{1, 56, mtu - 48, 20000, 60000} {
		for _, r := range w.routes() {
			w.mustPing("ping", r.from, r.a, r.b, size)
		}
	}
	verified(4 * streamOctets / mtu)
}

// useClsact attaches as a kernel without tcx does.
func (w *offloadEnv) useClsact(tr *Translator) {
	w.t.Helper()
	w.host.Do(func() error {
		for _, h := range tr.hooks(nil) {
			if err := h.detach(); err != nil {
				return err
			}
		}
		tr.tcx = false
		tr.Close()
		return tr.attach()
	})
}

// verify verifies the frames at both ends, where none needs an offload any more. The test
// fails at a wrong one, or if there were less than least on the wire, or half of it at the
// router.
func (w *offloadEnv) verify() (stop func(least int)) {
	w.t.Helper()
	wire := w.fabric.verifyFrames("vpc0", w.mtu, func(sight) bool { return true }, eniMAC, gatewayMAC)
	router := w.host.verifyFrames("vmport", w.mtu, func(seen sight) bool { return seen.outgoing })
	return func(least int) {
		w.t.Helper()
		if n := wire(); n < least {
			w.t.Errorf("%d frames on the wire, want %d at least", n, least)
		}
		if n := router(); n < least/2 {
			w.t.Errorf("%d frames to the router, want %d at least", n, least/2)
		}
	}
}

// mustPassWhole fails the test if no frame larger than the MTU passes the translation.
func (w *offloadEnv) mustPassWhole(tr *Translator, r route, flow func()) {
	w.t.Helper()
	before := mustCount(w.t, tr, r.reason)
	flow()
	after := mustCount(w.t, tr, r.reason)
	frames, octets := after.Packets-before.Packets, after.Bytes-before.Bytes
	if octets <= frames*uint64(w.mtu+ethernetHeader) {
		w.t.Errorf("%s: %d frames of %d octets passed the translation, want some larger than the MTU", r.name, frames,
			octets)
	}
	w.t.Logf("%s: %d octets a frame", r.name, octets/max(frames, 1))
}

// A frame that stands for many says so after the translation, too: how large they are, and
// that their checksums are to be computed. A packet socket shares each frame that it reads,
// so the program has to make a copy of what it rewrites.
func TestGSOFramesStayWhole(t *testing.T) {
	w := newOffloadEnv(t, 1500)
	tr := w.attach(registered...)
	verified := w.verify()
	for _, r := range w.routes() {
		at, outgoing, source, target := "eth1", true, eniMAC, gatewayMAC
		if r.from == w.fabric {
			at, outgoing, source, target = "mcw1", false, gatewayMAC, routerMAC
		}
		var faults []string
		whole := 0
		stop := w.host.watch(at, func(seen sight) {
			if len(seen.frame) <= w.mtu+ethernetHeader || seen.outgoing != outgoing {
				return
			}
			whole++
			// 20 or 40 octets of IP, 20 of TCP, 12 of timestamps.
			payload := map[Reason]int{OutIPv4: 1448, InIPv4: 1448, OutIPv6: 1428, InIPv6: 1428}[r.reason]
			if seen.gsoSize != payload || !seen.partial {
				faults = append(faults, fmt.Sprintf("%d octets: payload of each frame %d, want %d; checksum left to the NIC: %t",
					len(seen.frame), seen.gsoSize, payload, seen.partial))
			}
			if !bytes.Equal(seen.frame[:6], target[:]) || !bytes.Equal(seen.frame[6:12], source[:]) {
				faults = append(faults, fmt.Sprintf("not translated: %x", seen.frame[:ethernetHeader]))
			}
		})
		w.mustPassWhole(tr, r, func() { r.stream(t, streamOctets) })
		stop()
		if whole == 0 {
			t.Errorf("%s: no frame larger than the MTU was seen on %s", r.name, at)
		}
		for _, f := range faults[:min(len(faults), 5)] {
			t.Errorf("%s: at %s, %d of %d frames are wrong: %s", r.name, at, len(faults), whole, f)
		}
	}
	verified(4 * streamOctets / w.mtu)
}

// Neighbour discovery is rewritten in its body. Where a guest leaves its checksum to the
// NIC, what is rewritten must be right when the NIC, or the kernel, computes it.
func TestNeighbourDiscoveryWithPartialChecksum(t *testing.T) {
	solicitation := func(mac model.MAC, from netip.Addr, to model.MAC) []byte {
		return ndFrame(mac, to, from, gateway6, 135, 1, mac)
	}
	for _, c := range []struct {
		name       string
		sent, want []byte
	}{
		{"solicitation", solicitation(routerMAC, router6, gatewayMAC), solicitation(eniMAC, router6, gatewayMAC)},
		{"solicitation from a link-local address", solicitation(routerMAC, linkLocal, gatewayMAC),
			solicitation(eniMAC, router6, gatewayMAC)},
		{"advertisement", advertisement(routerMAC, router6, router6, routerMAC),
			advertisement(eniMAC, router6, router6, eniMAC)},
		{"advertisement from a link-local address", advertisement(routerMAC, linkLocal, router6, routerMAC),
			advertisement(eniMAC, router6, router6, eniMAC)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newOffloadEnv(t, 1500)
			w.attach(registered...)
			verified := w.verify()
			partial, arrived := 0, make(chan []byte, 100)
			stop := w.host.watch("eth1", func(seen sight) {
				if seen.outgoing && seen.partial {
					partial++
				}
			})
			stopWire := w.fabric.watch("vpc0", func(seen sight) {
				if !seen.outgoing {
					arrived <- bytes.Clone(seen.frame)
				}
			})
			w.vm.sendPartial("vr0", c.sent)
			select {
			case f := <-arrived:
				if d := cmp.Diff(c.want, f); d != "" {
					t.Errorf("on the wire (-want +got):\n%s", d)
				}
			case <-time.After(replyTimeout):
				t.Error("no frame on the wire")
			}
			stop()
			stopWire()
			if partial == 0 {
				t.Error("the NIC got no frame whose checksum is left to it")
			}
			verified(1)
		})
	}
}

// A datapath in user space reads its port by a packet socket, and takes no frame that is
// larger than the MTU, nor one without its checksum.
func TestUserspaceDatapathGetsFramesOfTheWire(t *testing.T) {
	for _, disable := range []bool{false, true} {
		t.Run(fmt.Sprintf("DisableGRO=%t", disable), func(t *testing.T) {
			w := newOffloadEnv(t, 1500)
			w.cfg.DisableGRO = disable
			w.attach(registered...)
			frames, large, wrong := 0, 0, 0
			stop := w.host.watch("mcw1", func(seen sight) {
				switch {
				case seen.outgoing:
					return
				case len(seen.frame) > w.mtu+ethernetHeader:
					large++
				case checksumFault(seen.frame) != "":
					wrong++
				}
				frames++
			})
			for _, r := range w.routes() {
				r.stream(t, streamOctets)
			}
			stop()
			t.Logf("%d frames, %d larger than the MTU, %d with a wrong checksum", frames, large, wrong)
			if disable && (large > 0 || wrong > 0 || frames < 2*streamOctets/w.mtu) {
				t.Errorf("%d of %d frames at the port are larger than the MTU, and %d have a wrong checksum", large,
					frames, wrong)
			}
			if !disable && large == 0 {
				t.Error("no frame at the port is larger than the MTU, so the other case shows nothing")
			}
		})
	}
}
