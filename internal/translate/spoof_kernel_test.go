// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev/netdevtest"
)

var (
	metadata4, metadata6 = netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254")
	resolver4            = netip.MustParseAddr("169.254.169.253")
)

// frameCase is a frame and what a program does with it.
type frameCase struct {
	name   string
	frame  []byte
	out    []byte // nil: as it was
	reason Reason
}

// fromBridge runs frames of the bridge.
func fromBridge(t *testing.T, objects *bpfObjects, tr *Translator, cases []frameCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			action := uint32(redirect)
			if c.reason.Dropped() {
				action = next
			}
			runFrame(t, objects.FromBridge, tr, c.frame, c.out, action, c.reason)
		})
	}
}

// ip4 makes an IPv4 frame again with options, or as a fragment, and a right
// checksum of its header.
func ip4(frame []byte, fragment uint16, options ...byte) []byte {
	frame = slices.Concat(frame[:34], options, frame[34:])
	header := frame[14 : 34+len(options)]
	header[0] = 0x45 + byte(len(options)/4)
	binary.BigEndian.PutUint16(header[2:], uint16(len(frame)-14))
	binary.BigEndian.PutUint16(header[6:], fragment)
	binary.BigEndian.PutUint16(header[10:], 0)
	binary.BigEndian.PutUint16(header[10:], ^fold(0, header))
	return frame
}

func TestAddressIsReservedForItsMAC(t *testing.T) {
	objects, tr := programs(t)
	other4, other6 := netip.MustParseAddr("10.99.0.12"), netip.MustParseAddr("fd99::12")
	entries := append([]Entry{{other4, router2MAC, eniMAC}, {other6, router2MAC, eniMAC}}, registered...)
	if _, err := tr.Sync(entries); err != nil {
		t.Fatal(err)
	}
	udp := []byte{0x23, 0x28, 0x23, 0x28, 0, 8, 0, 0}
	loose := []byte{131, 7, 4, 10, 0, 0, 1, 0} // loose source route; RFC 791, 3.1
	mine, theirs := ipv4Frame(routerMAC, gatewayMAC, router4, gateway4),
		ipv4Frame(routerMAC, gatewayMAC, other4, gateway4)
	sent := ipv4Frame(eniMAC, gatewayMAC, router4, gateway4)
	echo := []byte{128, 0, 0, 0, 0, 1, 0, 1}
	fragment6 := []byte{17, 0, 5, 0x20, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8}
	fromBridge(t, objects, tr, []frameCase{
		{"IPv4", theirs, nil, OutSpoofedIPv4},
		{"IPv4, its own", mine, sent, OutIPv4},
		{"IPv4 of a router of its own", ipv4Frame(router2MAC, gatewayMAC, other4, gateway4),
			ipv4Frame(eniMAC, gatewayMAC, other4, gateway4), OutIPv4},
		{"IPv4 from the ENI's MAC", ipv4Frame(eniMAC, gatewayMAC, other4, gateway4), nil, OutSpoofedIPv4},
		{"broadcast", ipv4Frame(routerMAC, model.MAC{255, 255, 255, 255, 255, 255}, other4, gateway4), nil,
			OutSpoofedIPv4},
		{"first fragment", ip4(theirs, 0x2000), nil, OutSpoofedIPv4},
		{"later fragment", ip4(theirs, 0x20b9), nil, OutSpoofedIPv4},
		{"last fragment", ip4(theirs, 0x00b9), nil, OutSpoofedIPv4},
		{"later fragment, its own", ip4(mine, 0x20b9), ip4(sent, 0x20b9), OutIPv4},
		{"options", ip4(theirs, 0, loose...), nil, OutSpoofedIPv4},
		{"options, its own", ip4(mine, 0, loose...), ip4(sent, 0, loose...), OutIPv4},
		{"another version in the header", tweak(bytes.Clone(theirs), 14, 0x65), nil, OutSpoofedIPv4},
		{"VLAN", slices.Concat(theirs[:12], []byte{0x81, 0, 0, 0}, theirs[12:]), nil, OutVLAN},
		{"IPv6", ipv6Frame(routerMAC, gatewayMAC, other6, gateway6, 17, 64, udp...), nil, OutSpoofedIPv6},
		{"IPv6 fragment", ipv6Frame(routerMAC, gatewayMAC, other6, gateway6, 44, 64, fragment6...), nil,
			OutSpoofedIPv6},
		{"echo with the hop limit of ND", ipv6Frame(routerMAC, gatewayMAC, other6, gateway6, 58, 255, echo...), nil,
			OutSpoofedIPv6},

		{"ARP request", arpFrame(routerMAC, 1, routerMAC, other4, model.MAC{}, gateway4), nil, OutSpoofedARP},
		{"ARP reply", arpFrame(routerMAC, 2, routerMAC, other4, gatewayMAC, gateway4), nil, OutSpoofedARP},
		{"ARP announcement", arpFrame(router2MAC, 1, router2MAC, router4, model.MAC{}, router4), nil, OutSpoofedARP},
		{"ARP for a neighbour on the bridge", arpFrame(routerMAC, 1, routerMAC, other4, model.MAC{}, router4), nil,
			OutSpoofedARP},
		{"ARP with another's MAC as sender", arpFrame(routerMAC, 2, router2MAC, other4, gatewayMAC, gateway4), nil,
			OutSpoofedARP},
		{"ARP with its own MAC as sender only", arpFrame(routerMAC, 2, routerMAC, router4, gatewayMAC, gateway4),
			arpFrame(eniMAC, 2, eniMAC, router4, gatewayMAC, gateway4), OutARP},
		{"ARP with another's MAC in the frame only", arpFrame(routerMAC, 2, router2MAC, router4, gatewayMAC, gateway4),
			nil, OutSpoofedARP},
		{"ND solicitation", ndFrame(routerMAC, gatewayMAC, other6, gateway6, 135, 1, routerMAC), nil, OutSpoofedND},
		{"ND advertisement", advertisement(routerMAC, other6, other6, routerMAC), nil, OutSpoofedND},
		{"ND advertisement of another's address", advertisement(routerMAC, router6, other6, routerMAC), nil,
			OutSpoofedND},
		{"ND advertisement of an unregistered address", advertisement(routerMAC, router6, stray6, routerMAC), nil,
			OutUnregisteredND},
		{"ND advertisement of a link-local address", advertisement(routerMAC, router6, linkLocal, routerMAC), nil,
			OutLinkLocal},
		{"router advertisement", ipv6Frame(routerMAC, gatewayMAC, other6, gateway6, 58, 255,
			append([]byte{134, 0, 0, 0}, make([]byte, 12)...)...), nil, OutSpoofedND},
		{"ND cut off", ndFrame(routerMAC, gatewayMAC, router6, gateway6, 135, 1, routerMAC)[:70], nil, OutMalformed},
		{"ND cut off, another's", ndFrame(routerMAC, gatewayMAC, other6, gateway6, 135, 1, routerMAC)[:70], nil,
			OutSpoofedND},
	})
}

// Without an entry it depends on where an address belongs.
func TestSourcesWithoutAnEntry(t *testing.T) {
	for _, c := range []struct {
		name       string
		given, vpc []netip.Prefix
		ranged     bool
	}{
		{name: "nothing is known"},
		{
			name:   "as configured",
			given:  []netip.Prefix{netip.MustParsePrefix("10.99.0.8/29"), netip.MustParsePrefix("fd99::/112")},
			vpc:    []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12"), netip.MustParsePrefix("fd99::/64")},
			ranged: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			objects, tr := programs(t)
			tr.cfg.Range, tr.cfg.VPC = c.given, c.vpc
			if err := tr.fillPlaces(objects.Places); err != nil {
				t.Fatal(err)
			}
			if _, err := tr.Sync(registered); err != nil {
				t.Fatal(err)
			}
			management, elsewhere := netip.MustParseAddr("10.98.0.4"), netip.MustParseAddr("192.168.1.7")
			vpc6, elsewhere6 := netip.MustParseAddr("fd99::2:1"), netip.MustParseAddr("fd98::1")
			other4, otherARP, otherIPv6, otherND := OutUnregisteredIPv4, OutUnregisteredARP, OutUnregisteredIPv6,
				OutUnregisteredND
			if c.ranged {
				other4, otherARP, otherIPv6, otherND = OutSpoofedIPv4, OutSpoofedARP, OutSpoofedIPv6, OutSpoofedND
			}
			udp := []byte{0x23, 0x28, 0x23, 0x28, 0, 8, 0, 0}
			fromBridge(t, objects, tr, []frameCase{
				{"Neutron's", ipv4Frame(routerMAC, gatewayMAC, stray4, gateway4), nil, OutUnregisteredIPv4},
				{"the ENI's own", ipv4Frame(routerMAC, gatewayMAC, primary4, gateway4), nil, OutSpoofedIPv4},
				{"the ENI's own by ARP", arpFrame(routerMAC, 1, routerMAC, primary4, model.MAC{}, gateway4), nil,
					OutSpoofedARP},
				{"management", ipv4Frame(routerMAC, gatewayMAC, management, gateway4), nil, other4},
				{"management by ARP", arpFrame(routerMAC, 1, routerMAC, management, model.MAC{}, gateway4), nil,
					otherARP},
				{"a guest's, untranslated", ipv4Frame(routerMAC, gatewayMAC, elsewhere, gateway4), nil,
					OutUnregisteredIPv4},
				{"Neutron's, IPv6", ipv6Frame(routerMAC, gatewayMAC, stray6, gateway6, 17, 64, udp...), nil,
					OutUnregisteredIPv6},
				{"the VPC's, IPv6", ipv6Frame(routerMAC, gatewayMAC, vpc6, gateway6, 17, 64, udp...), nil, otherIPv6},
				{"the VPC's by ND", advertisement(routerMAC, vpc6, vpc6, routerMAC), nil, otherND},
				{"a guest's, IPv6", ipv6Frame(routerMAC, gatewayMAC, elsewhere6, gateway6, 17, 64, udp...), nil,
					OutUnregisteredIPv6},
			})
			last := arpFrame(router2MAC, 1, router2MAC, stray4, model.MAC{}, gateway4)
			runFrame(t, objects.FromBridge, tr, last, nil, next, OutUnregisteredARP)

			// Events are there when a program has run, in its order.
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			var reported []netip.Addr
			err := tr.Events(ctx, func(e Event) {
				if e.MAC == router2MAC {
					cancel()
				} else if ctx.Err() == nil {
					reported = append(reported, e.Addr)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			reported = slices.Compact(reported)
			want := []netip.Addr{stray4, management, elsewhere, stray6, vpc6, elsewhere6}
			if c.ranged {
				want = []netip.Addr{stray4, stray6}
			}
			if !slices.Equal(reported, want) {
				t.Errorf("events about %v, want %v", reported, want)
			}
		})
	}
}

// The gateway's role has its credentials from there.
func TestServicesOfTheHostAreUnreachable(t *testing.T) {
	objects, tr := programs(t)
	if _, err := tr.Sync(registered); err != nil {
		t.Fatal(err)
	}
	var (
		udp          = []byte{0x23, 0x28, 0x23, 0x28, 0, 8, 0, 0}
		loose        = []byte{131, 7, 4, 10, 0, 0, 1, 0}
		solicited    = netip.MustParseAddr("ff02::1:ff00:254")
		solicitedMAC = model.MAC{0x33, 0x33, 0xff, 0, 2, 0x54}
		sll          = append([]byte{1, 1}, routerMAC[:]...)
		asks         = ipv4Frame(routerMAC, gatewayMAC, router4, metadata4)
		beside4      = netip.MustParseAddr("169.253.255.255")
		beside6      = netip.MustParseAddr("fd00:ec3::254")
	)
	nd := func(from, to, target netip.Addr, kind byte) []byte {
		return ndMessage(routerMAC, solicitedMAC, from, to, kind, target, sll...)
	}
	asked := ndMessage(eniMAC, solicitedMAC, router6, solicited, 135, beside6, append([]byte{1, 1}, eniMAC[:]...)...)
	closed := []frameCase{
		{"IPv4", asks, nil, OutMetadata},
		{"DNS", ipv4Frame(routerMAC, gatewayMAC, router4, resolver4), nil, OutMetadata},
		{"later fragment", ip4(asks, 0x20b9), nil, OutMetadata},
		{"options", ip4(asks, 0, loose...), nil, OutMetadata},
		{"from an unregistered address", ipv4Frame(routerMAC, gatewayMAC, stray4, metadata4), nil, OutMetadata},
		{"from the ENI's own address and MAC", ipv4Frame(eniMAC, gatewayMAC, primary4, metadata4), nil, OutMetadata},
		{"ARP", arpFrame(routerMAC, 1, routerMAC, router4, model.MAC{}, metadata4), nil, OutMetadata},
		{"ARP in its name", arpFrame(routerMAC, 1, routerMAC, metadata4, model.MAC{}, metadata4), nil, OutMetadata},
		{"IPv6", ipv6Frame(routerMAC, gatewayMAC, router6, metadata6, 17, 64, udp...), nil, OutMetadata},
		{"IPv6, any header", ipv6Frame(routerMAC, gatewayMAC, router6, metadata6, 44, 255, make([]byte, 16)...), nil,
			OutMetadata},
		{"solicitation", nd(router6, solicited, metadata6, 135), nil, OutMetadata},
		{"solicitation, link-local", nd(linkLocal, solicited, metadata6, 135), nil, OutMetadata},
		{"solicitation, unregistered", nd(stray6, solicited, metadata6, 135), nil, OutMetadata},
		{"advertisement in its name", nd(router6, gateway6, metadata6, 136), nil, OutMetadata},
	}
	fromBridge(t, objects, tr, append(closed,
		frameCase{"IPv4 beside", ipv4Frame(routerMAC, gatewayMAC, router4, beside4),
			ipv4Frame(eniMAC, gatewayMAC, router4, beside4), OutIPv4},
		frameCase{"IPv6 beside", ipv6Frame(routerMAC, gatewayMAC, router6, beside6, 17, 64, udp...),
			ipv6Frame(eniMAC, gatewayMAC, router6, beside6, 17, 64, udp...), OutIPv6},
		frameCase{"solicitation beside", nd(router6, solicited, beside6, 135), asked, OutND},
	))

	allNodes := model.MAC{0x33, 0x33, 0, 0, 0, 1}
	answers := []frameCase{
		{"IPv4", ipv4Frame(gatewayMAC, eniMAC, metadata4, router4), nil, InMetadata},
		{"ARP request", arpFrame(gatewayMAC, 1, gatewayMAC, metadata4, model.MAC{}, router4), nil, InMetadata},
		{"ARP reply", arpFrame(gatewayMAC, 2, gatewayMAC, metadata4, eniMAC, router4), nil, InMetadata},
		{"IPv6", ipv6Frame(gatewayMAC, eniMAC, metadata6, router6, 17, 64, udp...), nil, InMetadata},
		{"multicast", ndFrame(gatewayMAC, allNodes, metadata6, router6, 135, 1, gatewayMAC), nil, InMetadata},
	}
	for _, c := range answers {
		t.Run("from the wire, "+c.name, func(t *testing.T) {
			runFrame(t, objects.FromWire, tr, c.frame, nil, shot, c.reason)
		})
	}
	t.Run("the host's own", func(t *testing.T) {
		runFrame(t, objects.FromWire, tr, ipv4Frame(gatewayMAC, eniMAC, metadata4, primary4), nil, next, InHost)
	})

	// The door stays closed while the translation is off.
	if err := tr.SetMode(Off); err != nil {
		t.Fatal(err)
	}
	t.Run("off", func(t *testing.T) {
		fromBridge(t, objects, tr, append(closed,
			frameCase{"others", ipv4Frame(routerMAC, gatewayMAC, stray4, gateway4), nil, OutUntouched},
			frameCase{"others' ARP", arpFrame(routerMAC, 1, routerMAC, stray4, model.MAC{}, gateway4), nil,
				OutUntouched},
			frameCase{"others' IPv6", ndFrame(routerMAC, gatewayMAC, stray6, gateway6, 135, 1, routerMAC), nil,
				OutUntouched}))
		for _, c := range answers {
			runFrame(t, objects.FromWire, tr, c.frame, nil, shot, c.reason)
		}
	})
}

// Guests that share an address send from it with their own MACs, and the announcement of
// one is reported.
func TestSharedAddresses(t *testing.T) {
	objects, tr := programs(t)
	if _, err := tr.Sync(registered); err != nil {
		t.Fatal(err)
	}
	if err := tr.Share([]Sharer{{router4, router2MAC}, {router6, router2MAC}, {stray4, router2MAC}}); err != nil {
		t.Fatal(err)
	}
	thief := netdevtest.MustMAC("fa:16:3e:77:88:99")
	udp := []byte{0x23, 0x28, 0x23, 0x28, 0, 8, 0, 0}
	toGateway6 := ndMessage(eniMAC, gatewayMAC, router6, gateway6, 136, router6, append([]byte{2, 1}, eniMAC[:]...)...)
	fromBridge(t, objects, tr, []frameCase{
		{"the holder's", ipv4Frame(routerMAC, gatewayMAC, router4, gateway4),
			ipv4Frame(eniMAC, gatewayMAC, router4, gateway4), OutIPv4},
		{"the other's", ipv4Frame(router2MAC, gatewayMAC, router4, gateway4),
			ipv4Frame(eniMAC, gatewayMAC, router4, gateway4), OutIPv4},
		{"the other's IPv6", ipv6Frame(router2MAC, gatewayMAC, router6, gateway6, 17, 64, udp...),
			ipv6Frame(eniMAC, gatewayMAC, router6, gateway6, 17, 64, udp...), OutIPv6},
		{"a thief's", ipv4Frame(thief, gatewayMAC, router4, gateway4), nil, OutSpoofedIPv4},
		{"the other's announcement", arpFrame(router2MAC, 1, router2MAC, router4, model.MAC{}, router4),
			arpFrame(eniMAC, 1, eniMAC, router4, model.MAC{}, router4), OutMoved},
		{"the other's advertisement", advertisement(router2MAC, router6, router6, router2MAC), toGateway6, OutMoved},
		{"a thief's announcement", arpFrame(thief, 1, thief, router4, model.MAC{}, router4), nil, OutSpoofedARP},
		{"the other's announcement of a thief", arpFrame(router2MAC, 1, thief, router4, model.MAC{}, router4), nil,
			OutSpoofedARP},
		{"a thief's advertisement", advertisement(thief, router6, router6, thief), nil, OutSpoofedND},
		{"registered nowhere", ipv4Frame(router2MAC, gatewayMAC, stray4, gateway4), nil, OutUnregisteredIPv4},
	})
	if err := tr.Share([]Sharer{{router6, router2MAC}}); err != nil {
		t.Fatal(err)
	}
	fromBridge(t, objects, tr, []frameCase{
		{"no longer the other's", ipv4Frame(router2MAC, gatewayMAC, router4, gateway4), nil, OutSpoofedIPv4},
		{"still the other's", advertisement(router2MAC, router6, router6, router2MAC), toGateway6, OutMoved},
	})
}

// While an address is spoofed its user loses nothing, with tcx and without.
func TestSpoofingCostsTheUserNothing(t *testing.T) {
	for _, way := range []string{"tcx", "clsact"} {
		t.Run(way, func(t *testing.T) {
			w := newEnv(t, 1500)
			tr := w.attach(registered...)
			if way == "clsact" {
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
			}
			w.bothWays("neighbours known")
			// Another port of the bridge, whose MACs are not the router's.
			spoofer := newNamespace(t)
			cable(spoofer, "sp0", router2MAC, w.host, "spport", netdevtest.MustMAC("02:00:00:00:00:02"), 1500)
			w.plug("spport")
			const rounds = 100
			for range rounds {
				spoofer.send("sp0",
					ipv4Frame(router2MAC, gatewayMAC, router4, gateway4),
					arpFrame(router2MAC, 2, router2MAC, router4, gatewayMAC, gateway4),
					ipv6Frame(router2MAC, gatewayMAC, router6, gateway6, 17, 64, 0x23, 0x28, 0x23, 0x28, 0, 8, 0, 0),
					advertisement(router2MAC, router6, router6, router2MAC))
				if !w.vm.pingsWithin(replyTimeout, router4, gateway4, 56) || !w.vm.pingsWithin(replyTimeout, router6,
					gateway6, 56) {
					t.Fatal("the user lost a packet")
				}
			}
			c, err := tr.Counters()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []Reason{OutSpoofedIPv4, OutSpoofedIPv6, OutSpoofedARP, OutSpoofedND} {
				if c[r].Packets != rounds {
					t.Errorf("%s: %d, want %d", r, c[r].Packets, rounds)
				}
			}
			w.noFaults()
		})
	}
}

// Forged sources, however many, do not suppress events about announcements.
func TestSpoofersDoNotSuppressAnnouncements(t *testing.T) {
	w := newEnv(t, 1500)
	tr := w.attach(registered...)
	var storm [][]byte
	for i := range 500 {
		source := netip.AddrFrom4([4]byte{10, 100, byte(i >> 8), byte(i)})
		storm = append(storm, ipv4Frame(routerMAC, gatewayMAC, source, gateway4),
			ipv4Frame(model.MAC{2, 9, 9, 9, byte(i >> 8), byte(i)}, gatewayMAC, router4, gateway4))
	}
	w.vm.send("vr0", storm...)
	w.vm.send("vr0", arpFrame(router2MAC, 1, router2MAC, stray4, model.MAC{}, stray4),
		arpFrame(router2MAC, 1, router2MAC, router4, model.MAC{}, router4))
	ctx, cancel := context.WithCancel(context.Background())
	want := map[Event]bool{
		{Reason: OutUnregisteredARP, Addr: stray4, MAC: router2MAC}: true,
		{Reason: OutSpoofedARP, Addr: router4, MAC: router2MAC}:     true,
	}
	ended := make(chan error)
	go func() {
		ended <- tr.Events(ctx, func(e Event) {
			delete(want, Event{Reason: e.Reason, Addr: e.Addr, MAC: e.MAC})
			if len(want) == 0 {
				cancel()
			}
		})
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		cancel()
		<-ended
		t.Errorf("not reported: %v", want)
	}
	w.noFaults()
}

// Guests behind a bridge share an address: the one that announces it gets what is
// sent there, as soon as its entry says so, and none ever sends untranslated.
func TestSharedAddressMovesOnTheWire(t *testing.T) {
	w := newEnv(t, 1500)
	second := newNamespace(t)
	cable(second, "vr1", router2MAC, w.host, "vmport2", netdevtest.MustMAC("02:00:00:00:00:03"), 1500)
	w.plug("vmport2")
	second.addr("vr1", "10.99.0.12/24")
	shared := netip.MustParseAddr("10.99.0.50")
	w.checker.allow(router4, router6, netip.MustParseAddr("10.99.0.12"), shared, primary4)
	holds := func(mac model.MAC) []Entry {
		return append([]Entry{{shared, mac, eniMAC}, {netip.MustParseAddr("10.99.0.12"), router2MAC, eniMAC}},
			registered...)
	}
	tr := w.attach(holds(routerMAC)...)
	w.host.Do(func() error { return tr.Share([]Sharer{{shared, routerMAC}, {shared, router2MAC}}) })
	w.vm.addr("vr0", shared.String()+"/32")
	w.mustPing("the first has it", w.fabric, gateway4, shared, 56)
	w.mustPing("and sends from it", w.vm, shared, gateway4, 56)

	w.vm.Do(func() error { return removeAddr("vr0", shared) })
	second.addr("vr1", shared.String()+"/32")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- tr.Events(ctx, func(e Event) {
			if e.Reason == OutMoved && e.Addr == shared {
				w.host.Do(func() error { _, err := tr.Sync(holds(e.MAC)); return err })
				cancel()
			}
		})
	}()
	second.send("vr1", arpFrame(router2MAC, 1, router2MAC, shared, model.MAC{}, shared))
	select {
	case <-ended:
	case <-time.After(3 * time.Second):
		t.Errorf("the announcement was not reported, counters %s", nonZero(t, tr))
		cancel()
		<-ended
	}
	w.mustPing("the second has it", w.fabric, gateway4, shared, 56)
	w.mustPing("and sends from it", second, shared, gateway4, 56)
	w.noFaults()
}

func removeAddr(name string, addr netip.Addr) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	all, err := netlink.AddrList(l, unix.AF_INET)
	if err != nil {
		return err
	}
	for _, a := range all {
		if got, _ := netip.AddrFromSlice(a.IP); got.Unmap() == addr {
			return netlink.AddrDel(l, &a)
		}
	}
	return nil
}
