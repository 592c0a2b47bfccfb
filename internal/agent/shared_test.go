// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/translate"
)

var mac3 = model.MAC{0xfa, 0x16, 0x3e, 0, 0, 3}

// reserved is an address that a port keeps for those with these MACs.
func reserved(a netip.Addr, macs ...model.MAC) neutron.Address {
	r := neutron.Address{Addr: a, Kind: neutron.KindPort, ID: "vip", Active: true}
	for _, m := range macs {
		r.Claimants = append(r.Claimants, net.HardwareAddr(m[:]))
	}
	return r
}

// announce has the data plane report a frame.
func (b *env) announce(reason translate.Reason, a netip.Addr, mac model.MAC) {
	b.machine.frames <- translate.Event{Reason: reason, Addr: a, MAC: mac}
	pass(10 * time.Millisecond)
}

// A reserved address follows its holder's announcement, from one guest to the other
// and back, at once and without Neutron; and no other announcement.
func TestReservedAddressFollowsItsHolder(t *testing.T) {
	inBubble(t, func(b *env) {
		vip := reserved(addr10, mac1, mac2)
		b.neutron.set(nil, vip, floating(addr11, mac3))
		b.start()
		b.want("not announced yet", entry(addr11, mac3))
		want := []translate.Sharer{{Addr: addr10, MAC: mac1}, {Addr: addr10, MAC: mac2}}
		if d := cmp.Diff(want, b.machine.sharers, byValue); d != "" {
			t.Errorf("who may send (-want +got):\n%s", d)
		}
		b.announce(translate.OutUnregisteredARP, addr10, mac1)
		b.want("the first", entry(addr10, mac1), entry(addr11, mac3))

		b.neutron.set(errors.New("connection refused"))
		for range 3 {
			b.announce(translate.OutMoved, addr10, mac2)
			b.want("the second", entry(addr10, mac2), entry(addr11, mac3))
			b.announce(translate.OutMoved, addr10, mac1)
			b.want("back", entry(addr10, mac1), entry(addr11, mac3))
		}
		b.announce(translate.OutSpoofedARP, addr10, mac3)
		b.announce(translate.OutSpoofedARP, addr11, mac1)
		b.want("others' announcements", entry(addr10, mac1), entry(addr11, mac3))

		b.neutron.set(nil, vip, floating(addr11, mac3))
		pass(5 * time.Minute)
		b.want("Neutron is back", entry(addr10, mac1), entry(addr11, mac3))

		b.neutron.set(nil, reserved(addr10, mac2), floating(addr11, mac3))
		pass(31 * time.Second)
		b.want("the holder may no longer have it", entry(addr11, mac3))
		b.announce(translate.OutUnregisteredARP, addr10, mac1)
		pass(time.Second)
		b.want("and says so in vain", entry(addr11, mac3))
		b.announce(translate.OutUnregisteredND, addr10, mac2)
		b.want("another takes over", entry(addr10, mac2), entry(addr11, mac3))
	})
}

// The guest that had it when the agent ended has it still, if it may.
func TestReservedAddressAfterARestart(t *testing.T) {
	for _, c := range []struct {
		name    string
		address neutron.Address
		want    []translate.Entry
	}{
		{"as before", reserved(addr10, mac1, mac2), []translate.Entry{entry(addr10, mac2)}},
		{"it may no longer", reserved(addr10, mac1), nil},
		{"it is a floating IP now", floating(addr10, mac1), []translate.Entry{entry(addr10, mac1)}},
	} {
		inBubble(t, func(b *env) {
			b.machine.entries = []translate.Entry{entry(addr10, mac2)}
			b.neutron.set(nil, c.address)
			b.start()
			b.want(c.name, c.want...)
		})
	}
}

// What is announced before AWS has the address is translated as soon as it has it.
func TestReservedAddressWaitsForAWS(t *testing.T) {
	inBubble(t, func(b *env) {
		b.aws.set(errors.New("no route to host"), 10, fakeENI(eni1))
		b.neutron.set(nil, reserved(addr10, mac1, mac2))
		b.start()
		b.announce(translate.OutUnregisteredARP, addr10, mac2)
		pass(time.Minute)
		b.want("AWS is gone")
		b.aws.set(nil, 10, fakeENI(eni1))
		pass(31 * time.Second)
		b.want("AWS is back", entry(addr10, mac2))
	})
}

// A guest announces the address before Neutron says that it may have it.
func TestReservedAddressIsAnnouncedBeforeNeutronKnows(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, reserved(addr10, mac3))
		b.start()
		pass(time.Second)
		b.announce(translate.OutUnregisteredARP, addr10, mac1)
		b.announce(translate.OutUnregisteredARP, addr10, mac2)
		b.neutron.set(nil, reserved(addr10, mac1, mac2, mac3))
		pass(1500 * time.Millisecond)
		b.want("Neutron knows", entry(addr10, mac2))
		pass(5 * time.Minute)
		b.announce(translate.OutMoved, addr10, mac1)
		pass(time.Minute)
		b.want("and it moves", entry(addr10, mac1))
	})
}

// No announcement moves an address that has an owner in Neutron.
func TestAnnouncementDoesNotMoveAnAddress(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, router(addr10, mac1), floating(addr11, mac1), router(addr12, mac2))
		b.start()
		for _, reason := range []translate.Reason{translate.OutSpoofedARP, translate.OutSpoofedND,
			translate.OutSpoofedIPv4, translate.OutMoved} {
			for _, a := range []netip.Addr{addr10, addr11} {
				b.announce(reason, a, mac2)
				pass(3 * time.Second)
				b.want(reason.String(), entry(addr10, mac1), entry(addr11, mac1), entry(addr12, mac2))
			}
		}
	})
}

// A floating IP that went to another router is found by its router's data too.
func TestMovedFloatingIPIsFoundByItsData(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, router(addr10, mac1), floating(addr11, mac1), router(addr12, mac2))
		b.start()
		pass(time.Second)
		b.neutron.set(nil, router(addr10, mac1), floating(addr11, mac2), router(addr12, mac2))
		b.announce(translate.OutSpoofedIPv4, addr11, mac2)
		pass(100 * time.Millisecond)
		b.want("moved", entry(addr10, mac1), entry(addr11, mac2), entry(addr12, mac2))
	})
}

// Forged sources do not make the agent query Neutron all the time, and what routers
// announce meanwhile is found as fast as ever.
func TestSpoofersDoNotMakeTheAgentQuery(t *testing.T) {
	all := func(yield func(netip.Addr) bool) {
		for a := addr10; a != netip.MustParseAddr("10.20.1.16"); a = a.Next() {
			if !yield(a) {
				return
			}
		}
	}
	for _, c := range []struct {
		name  string
		forge func(b *env, second int)
	}{
		{"through a router", func(b *env, second int) {
			for a := range all {
				if a != addr10 && a != addr12 { // its own
					b.machine.frames <- translate.Event{Reason: translate.OutSpoofedIPv4, Addr: a, MAC: mac1}
				}
			}
		}},
		{"with ever other MACs", func(b *env, second int) {
			for a := range all {
				b.machine.frames <- translate.Event{Reason: translate.OutSpoofedARP, Addr: a,
					MAC: model.MAC{2, 1, byte(second >> 8), byte(second), 0, a.As4()[3]}}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(b *env) {
				addr13 := addr12.Next()
				b.neutron.set(nil, router(addr10, mac1), router(addr11, mac2), floating(addr12, mac1))
				b.start()
				const seconds = 600
				before := b.neutron.queries()
				for i := range seconds {
					c.forge(b, i)
					pass(time.Second)
				}
				// 20 are polls.
				if n := b.neutron.queries() - before; n > 60 {
					t.Errorf("%d queries in %d s", n, seconds)
				}
				// A router announces a floating IP that it got, and another that moved.
				b.neutron.set(nil, router(addr10, mac1), router(addr11, mac2), floating(addr12, mac2),
					floating(addr13, mac2))
				b.announce(translate.OutSpoofedARP, addr12, mac2)
				b.announce(translate.OutUnregisteredARP, addr13, mac2)
				c.forge(b, seconds)
				pass(1100 * time.Millisecond)
				b.want("announced", entry(addr10, mac1), entry(addr11, mac2), entry(addr12, mac2), entry(addr13, mac2))
			})
		})
	}
}
