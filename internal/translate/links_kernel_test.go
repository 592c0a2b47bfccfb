// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev"
	"macaw.example/internal/netdev/netdevtest"
)

// Neighbour discovery from a router's link-local address leaves in the name of its
// lowest registered address, if it solicits, or advertises an address with an entry.
func TestNeighbourDiscoveryFromLinkLocal(t *testing.T) {
	objects, tr := programs(t)
	bridge6 := netip.MustParseAddr("fd99::30") // of another router
	guest6 := netip.MustParseAddr("fd99::11")  // that the router is a proxy for
	entries := append([]Entry{{guest6, routerMAC, eniMAC}, {bridge6, router2MAC, eniMAC}}, registered...)
	if _, err := tr.Sync(entries); err != nil {
		t.Fatal(err)
	}
	var (
		solicited    = netip.MustParseAddr("ff02::1:ff00:1")
		solicitedMAC = model.MAC{0x33, 0x33, 0xff, 0, 0, 1}
		everybody    = netip.MustParseAddr("ff02::1")
		foreign      = netip.MustParseAddr("fe80::1234")
		sll          = append([]byte{1, 1}, routerMAC[:]...)
		oursSLL      = append([]byte{1, 1}, eniMAC[:]...)
		tll          = append([]byte{2, 1}, routerMAC[:]...)
		oursTLL      = append([]byte{2, 1}, eniMAC[:]...)
		nonce        = []byte{14, 1, 1, 2, 3, 4, 5, 6}
		long         = append([]byte{99, 2}, make([]byte, 14)...)
	)
	ns := func(from netip.Addr, target netip.Addr, options ...byte) []byte {
		return ndMessage(routerMAC, solicitedMAC, from, solicited, 135, target, options...)
	}
	asked := func(options ...byte) []byte {
		return ndMessage(eniMAC, solicitedMAC, router6, solicited, 135, gateway6, options...)
	}
	na := func(mac model.MAC, from, target netip.Addr, options ...byte) []byte {
		return ndMessage(mac, gatewayMAC, from, gateway6, 136, target, options...)
	}
	// The length says less than there is, or more.
	length := func(frame []byte, n byte) []byte { return tweak(frame, 19, n) }
	trailer := func(frame []byte, octets ...byte) []byte { return append(frame, octets...) }
	hopByHop := ipv6Frame(routerMAC, solicitedMAC, linkLocal, solicited, 0, 255,
		append([]byte{58, 0, 5, 2, 0, 0, 1, 0}, ns(linkLocal, gateway6, sll...)[54:]...)...)

	for _, c := range []struct {
		name   string
		frame  []byte
		out    []byte // nil: as it was
		reason Reason
	}{
		{"solicitation", ns(linkLocal, gateway6, sll...), asked(oursSLL...), OutND},
		{"solicitation, unicast", ndFrame(routerMAC, gatewayMAC, linkLocal, gateway6, 135, 1, routerMAC),
			ndFrame(eniMAC, gatewayMAC, router6, gateway6, 135, 1, eniMAC), OutND},
		{"solicitation without options", ns(linkLocal, gateway6), asked(), OutND},
		{"option behind others", ns(linkLocal, gateway6, slices.Concat(nonce, long, sll)...),
			asked(slices.Concat(nonce, long, oursSLL)...), OutND},
		{"option of no length", ns(linkLocal, gateway6, slices.Concat([]byte{9, 0, 0, 0, 0, 0, 0, 0}, sll)...),
			asked(slices.Concat([]byte{9, 0, 0, 0, 0, 0, 0, 0}, sll)...), OutND},
		{"behind the message", trailer(ns(linkLocal, gateway6), sll...), trailer(asked(), sll...), OutND},
		{"for a gateway that is link-local", ns(linkLocal, foreign, sll...),
			ndMessage(eniMAC, solicitedMAC, router6, solicited, 135, foreign, oursSLL...), OutND},
		{"advertisement of a registered address", na(routerMAC, linkLocal, guest6, tll...),
			na(eniMAC, router6, guest6, oursTLL...), OutND},
		{"advertisement of another router's address", na(routerMAC, linkLocal, bridge6, tll...), nil, OutSpoofedND},
		{"from another's MAC", tweak(ns(linkLocal, gateway6, sll...), 11, 0x34), nil, OutSpoofedND},
		{"advertisement of the link-local address", na(routerMAC, linkLocal, linkLocal, tll...), nil, OutLinkLocal},
		{"solicitation for a neighbour on the bridge", ns(linkLocal, bridge6, sll...), nil, OutLocal},
		{"the same from a registered address", ns(router6, bridge6, sll...), nil, OutLocal},
		{"a registered address announced", ns(router6, router6, sll...),
			ndMessage(eniMAC, solicitedMAC, router6, solicited, 135, router6, oursSLL...), OutND},
		{"another's link-local address", ns(foreign, gateway6, sll...), nil, OutLinkLocal},
		{"unspecified source (DAD)", ns(netip.IPv6Unspecified(), linkLocal), nil, OutLinkLocal},
		{"hop limit 254", tweak(ns(linkLocal, gateway6, sll...), 21, 254), nil, OutLinkLocal},
		{"code", tweak(ns(linkLocal, gateway6, sll...), 55, 1), nil, OutLinkLocal},
		{"behind a header", hopByHop, nil, OutLinkLocal},
		{"length short of the target", length(ns(linkLocal, gateway6, sll...), 23), nil, OutLinkLocal},
		{"frame short of the target", ns(linkLocal, gateway6)[:77], nil, OutLinkLocal},
		{"router solicitation", ipv6Frame(routerMAC, solicitedMAC, linkLocal, everybody, 58, 255,
			slices.Concat([]byte{133, 0, 0, 0, 0, 0, 0, 0}, sll, nonce, nonce)...), nil, OutLinkLocal},
		{"router advertisement", ipv6Frame(routerMAC, solicitedMAC, linkLocal, everybody, 58, 255,
			slices.Concat([]byte{134, 0, 0, 0, 64, 0, 0, 0}, make([]byte, 8), sll)...), nil, OutLinkLocal},
		{"echo request", ipv6Frame(routerMAC, gatewayMAC, linkLocal, gateway6, 58, 255,
			append([]byte{128, 0, 0, 0, 0, 1, 0, 1}, make([]byte, 32)...)...), nil, OutLinkLocal},
		{"UDP", ipv6Frame(routerMAC, gatewayMAC, linkLocal, gateway6, 17, 255,
			append([]byte{0x23, 0x28, 0x23, 0x28, 0, 40, 0, 0}, make([]byte, 32)...)...), nil, OutLinkLocal},
	} {
		t.Run(c.name, func(t *testing.T) {
			action := uint32(redirect)
			if c.reason.Dropped() {
				action = next
			}
			runFrame(t, objects.FromBridge, tr, c.frame, c.out, action, c.reason)
		})
	}

	// The alias goes with the addresses.
	for _, c := range []struct {
		name    string
		entries []Entry
		from    netip.Addr // invalid: dropped
	}{
		{"the lowest address is gone", entries[:1], netip.MustParseAddr("fd99::11")},
		{"and the next", nil, netip.Addr{}},
		{"back", registered, router6},
		{"the address is another router's", []Entry{{router6, router2MAC, eniMAC}}, netip.Addr{}},
	} {
		if _, err := tr.Sync(c.entries); err != nil {
			t.Fatal(err)
		}
		t.Run(c.name, func(t *testing.T) {
			if !c.from.IsValid() {
				runFrame(t, objects.FromBridge, tr, ns(linkLocal, gateway6, sll...), nil, next, OutLinkLocal)
				return
			}
			want := ndMessage(eniMAC, solicitedMAC, c.from, solicited, 135, gateway6, oursSLL...)
			runFrame(t, objects.FromBridge, tr, ns(linkLocal, gateway6, sll...), want, redirect, OutND)
		})
	}
}

// A router that forwards for a guest asks for the next hop from its link-local
// address, and answers for the guest.
func TestRouterAsksForItsGuests(t *testing.T) {
	w := newUncheckedEnv(t, 1500)
	guest6 := netip.MustParseAddr("fd9a::5")
	w.checker = newChecker(w.fabric, "vpc0", eniMAC, router4, router6, guest6)
	guest := newNamespace(t)
	cable(guest, "g0", netdevtest.MustMAC("fa:16:3e:00:00:05"), w.vm, "vg0", netdevtest.MustMAC("fa:16:3e:00:00:01"), 1500)
	guest.addr("g0", "fd9a::5/64")
	w.vm.addr("vg0", "fd9a::1/64")
	w.vm.Do(func() error {
		for path, value := range map[string]string{
			"net/ipv6/conf/all/forwarding":   "1",
			"net/ipv6/conf/vr0/proxy_ndp":    "1",
			"net/ipv6/neigh/vr0/proxy_delay": "0",
		} {
			if err := netdev.SetSysctl(path, value); err != nil {
				return err
			}
		}
		l, err := netlink.LinkByName("vr0")
		if err != nil {
			return err
		}
		return netlink.NeighAdd(&netlink.Neigh{LinkIndex: l.Attrs().Index, Family: netlink.FAMILY_V6,
			Flags: unix.NTF_PROXY, IP: guest6.AsSlice()})
	})
	guest.route6("g0", "::/0", "fd9a::1")
	w.fabric.route6("vpc0", "fd9a::/64", "")
	far, far6 := newNamespace(t), netip.MustParseAddr("2001:db8::5")
	farMAC, nearMAC := netdevtest.MustMAC("0e:00:00:00:02:05"), netdevtest.MustMAC("0e:00:00:00:02:01")
	cable(far, "f0", farMAC, w.fabric, "vf0", nearMAC, 1500)
	far.addr("f0", "2001:db8::5/64")
	w.fabric.addr("vf0", "2001:db8::1/64")
	w.fabric.Do(func() error { return netdev.SetSysctl("net/ipv6/conf/all/forwarding", "1") })
	far.route6("f0", "::/0", "2001:db8::1")
	w.vm.route6("vr0", "2001:db8::/64", gateway6.String())
	tr := w.attach(append([]Entry{{guest6, routerMAC, eniMAC}}, registered...)...)

	// Interfaces are not ready the moment they are up.
	for range 5 {
		if guest.pings(guest6, netip.MustParseAddr("fd9a::1"), 56) &&
			far.pings(far6, netip.MustParseAddr("2001:db8::1"), 56) {
			break
		}
	}

	w.mustPing("the router solicits first", guest, guest6, gateway6, 56)
	asked := func(f []byte) bool {
		return len(f) >= 78 && bytes.Equal(f[12:14], []byte{0x86, 0xdd}) && f[54] == 135 &&
			netip.AddrFrom16([16]byte(f[22:38])) == router6 && netip.AddrFrom16([16]byte(f[62:78])) == gateway6
	}
	if !w.checker.saw(asked) {
		t.Errorf("the fabric saw no solicitation from %s; counters %s", router6, nonZero(t, tr))
	}
	for _, s := range []*namespace{guest, w.vm, w.fabric} {
		s.forget()
	}
	w.mustPing("the fabric solicits first", w.fabric, gateway6, guest6, 56)
	w.mustPing("the router's own", w.vm, router6, gateway6, 56)

	// So does the fabric's router for a host farther off, and is answered there.
	for _, a := range []netip.Addr{guest6, router6} {
		for _, s := range []*namespace{guest, w.vm, w.fabric} {
			s.forget()
		}
		w.mustPing("from afar", far, far6, a, 56)
	}
	answered := func(f []byte) bool {
		return len(f) >= 78 && bytes.Equal(f[12:14], []byte{0x86, 0xdd}) && f[54] == 136 && f[38] == 0xfe &&
			netip.AddrFrom16([16]byte(f[22:38])) == router6 && netip.AddrFrom16([16]byte(f[62:78])) == guest6
	}
	if !w.checker.saw(answered) {
		t.Errorf("the fabric saw no advertisement of %s from %s; counters %s", guest6, router6, nonZero(t, tr))
	}
	w.noFaults()
}

// route6 adds a route to a network, on the link if via is empty.
func (s *namespace) route6(name, to, via string) {
	s.T.Helper()
	s.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		dst, err := netlink.ParseIPNet(to)
		if err != nil {
			return err
		}
		r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: dst}
		if via != "" {
			r.Gw = netip.MustParseAddr(via).AsSlice()
		}
		return netlink.RouteAdd(r)
	})
}
