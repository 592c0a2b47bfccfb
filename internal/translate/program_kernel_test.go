// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
)

// What a program returns to the kernel.
const (
	next     = 0xffffffff // TC_ACT_UNSPEC
	shot     = 2          // TC_ACT_SHOT
	redirect = 7          // TC_ACT_REDIRECT
)

// programs loads the programs and nothing around them, for NICs that are all lo
// unless they are given.
func programs(t testing.TB, nics ...nic) (*bpfObjects, *Translator) {
	t.Helper()
	if nics == nil {
		nics = []nic{{name: "lo", index: 1, mac: eniMAC, primary: primary4}}
	}
	s := newNamespace(t)
	tr := &Translator{tcx: true, nics: nics, port: 1, pinDir: filepath.Join(t.TempDir(), "bpf")}
	var objects *bpfObjects
	s.Do(func() (err error) {
		if _, err = makePins(tr.pinDir); err != nil {
			return err
		}
		objects, _, err = tr.load()
		return err
	})
	t.Cleanup(func() { objects.Close() })
	tr.addresses4, tr.addresses6 = objects.Addresses4, objects.Addresses6
	tr.settings, tr.counters, tr.events = objects.Settings, objects.Counters, objects.Events
	tr.links6, tr.nicTable, tr.sharers = objects.Links6, objects.Nics, objects.Sharers
	if err := tr.fillPlaces(objects.Places); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.allocateSlots(); err != nil {
		t.Fatal(err)
	}
	return objects, tr
}

func TestFromBridge(t *testing.T) {
	objects, tr := programs(t)
	entries := append([]Entry{{primary4, router2MAC, eniMAC}}, registered...)
	if _, err := tr.Sync(entries); err != nil {
		t.Fatal(err)
	}
	broadcast := model.MAC{255, 255, 255, 255, 255, 255}
	zero := netip.MustParseAddr("0.0.0.0")
	udp6, echo := []byte{0x23, 0x28, 0x23, 0x28, 0, 8, 0, 0}, []byte{128, 0, 0, 0, 0, 1, 0, 1}
	// The kernel runs no truncated IP header for a test.
	runt := ethernet(gatewayMAC, routerMAC, 0x806)
	for _, c := range []struct {
		name   string
		frame  []byte
		out    []byte // nil: as it was
		action uint32
		reason Reason
	}{
		{"IPv4", ipv4Frame(routerMAC, gatewayMAC, router4, gateway4), ipv4Frame(eniMAC, gatewayMAC, router4, gateway4),
			redirect, OutIPv4},
		{"IPv4 unregistered", ipv4Frame(routerMAC, gatewayMAC, stray4, gateway4), nil, next, OutUnregisteredIPv4},
		{"IPv4 unregistered from the ENI's MAC", ipv4Frame(eniMAC, gatewayMAC, stray4, gateway4), nil, next,
			OutUnregisteredIPv4},
		{"DHCP", ipv4Frame(routerMAC, broadcast, zero, gateway4), nil, next, OutUnregisteredIPv4},
		{"runt", runt, nil, next, OutMalformed},
		{"ARP request", arpFrame(routerMAC, 1, routerMAC, router4, model.MAC{}, gateway4),
			arpFrame(eniMAC, 1, eniMAC, router4, model.MAC{}, gateway4), redirect, OutARP},
		{"ARP reply", arpFrame(routerMAC, 2, routerMAC, router4, gatewayMAC, gateway4),
			arpFrame(eniMAC, 2, eniMAC, router4, gatewayMAC, gateway4), redirect, OutARP},
		{"ARP announcement", arpFrame(routerMAC, 1, routerMAC, router4, routerMAC, router4),
			arpFrame(eniMAC, 1, eniMAC, router4, model.MAC{}, router4), redirect, OutARP},
		{"ARP announcement as reply", arpFrame(routerMAC, 2, routerMAC, router4, routerMAC, router4),
			arpFrame(eniMAC, 2, eniMAC, router4, eniMAC, router4), redirect, OutARP},
		{"ARP unregistered", arpFrame(routerMAC, 1, routerMAC, stray4, model.MAC{}, gateway4), nil, next,
			OutUnregisteredARP},
		{"ARP probe", arpFrame(routerMAC, 1, routerMAC, zero, model.MAC{}, router4), nil, next, OutUnregisteredARP},
		{"ARP for a neighbour on the bridge", arpFrame(routerMAC, 1, routerMAC, router4, model.MAC{}, primary4), nil,
			next, OutLocal},
		{"ARP cut off", arpFrame(routerMAC, 1, routerMAC, router4, model.MAC{}, gateway4)[:40], nil, next,
			OutMalformed},
		{"ARP of another kind", tweak(arpFrame(routerMAC, 1, routerMAC, router4, model.MAC{}, gateway4), 15, 6), nil,
			next, OutMalformed},
		{"IPv6", ipv6Frame(routerMAC, gatewayMAC, router6, gateway6, 17, 64, udp6...),
			ipv6Frame(eniMAC, gatewayMAC, router6, gateway6, 17, 64, udp6...), redirect, OutIPv6},
		{"IPv6 unregistered", ipv6Frame(routerMAC, gatewayMAC, stray6, gateway6, 17, 64, udp6...), nil, next,
			OutUnregisteredIPv6},
		{"ND solicitation", ndFrame(routerMAC, gatewayMAC, router6, gateway6, 135, 1, routerMAC),
			ndFrame(eniMAC, gatewayMAC, router6, gateway6, 135, 1, eniMAC), redirect, OutND},
		{"ND advertisement", advertisement(routerMAC, router6, router6, routerMAC),
			advertisement(eniMAC, router6, router6, eniMAC), redirect, OutND},
		{"ND unregistered", ndFrame(routerMAC, gatewayMAC, stray6, gateway6, 135, 1, routerMAC), nil, next,
			OutUnregisteredND},
		{"echo request with hop limit 255", ipv6Frame(routerMAC, gatewayMAC, router6, gateway6, 58, 255, echo...),
			ipv6Frame(eniMAC, gatewayMAC, router6, gateway6, 58, 255, echo...), redirect, OutIPv6},
		{"VLAN", append(ethernet(gatewayMAC, routerMAC, 0x8100), make([]byte, 60)...), nil, next, OutVLAN},
		{"QinQ", append(ethernet(gatewayMAC, routerMAC, 0x88a8), make([]byte, 60)...), nil, next, OutVLAN},
		{"LLDP", append(ethernet(gatewayMAC, routerMAC, 0x88cc), make([]byte, 60)...), nil, next, OutProtocol},
		{"spanning tree", append(ethernet(gatewayMAC, routerMAC, 38), make([]byte, 60)...), nil, next, OutProtocol},
	} {
		t.Run(c.name, func(t *testing.T) { runFrame(t, objects.FromBridge, tr, c.frame, c.out, c.action, c.reason) })
	}
	if err := tr.SetMode(Off); err != nil {
		t.Fatal(err)
	}
	t.Run("off", func(t *testing.T) {
		runFrame(t, objects.FromBridge, tr, ipv4Frame(routerMAC, gatewayMAC, stray4, gateway4), nil, redirect,
			OutUntouched)
	})
}

func TestFromWire(t *testing.T) {
	objects, tr := programs(t)
	if _, err := tr.Sync(registered); err != nil {
		t.Fatal(err)
	}
	to := func(dst model.MAC, frame []byte) []byte {
		copy(frame, dst[:])
		return frame
	}
	udp6 := []byte{0x23, 0x28, 0x23, 0x28, 0, 8, 0, 0}
	for _, c := range []struct {
		name   string
		frame  []byte
		out    []byte
		action uint32
		reason Reason
	}{
		{"IPv4", ipv4Frame(gatewayMAC, eniMAC, gateway4, router4), ipv4Frame(gatewayMAC, routerMAC, gateway4, router4),
			redirect, InIPv4},
		{"IPv4 of the host", ipv4Frame(gatewayMAC, eniMAC, gateway4, stray4), nil, next, InHost},
		{"IPv4 broadcast", ipv4Frame(gatewayMAC, model.MAC{255, 255, 255, 255, 255, 255}, gateway4, router4), nil, next,
			InHost},
		{"runt", ethernet(eniMAC, gatewayMAC, 0x806), nil, next, InHost},
		{"ARP for the primary address", arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, primary4),
			to(gatewayMAC, arpFrame(eniMAC, 2, eniMAC, primary4, gatewayMAC, gateway4)), redirect, InAnswered},
		{"ARP probe for the primary address",
			arpFrame(gatewayMAC, 1, gatewayMAC, netip.IPv4Unspecified(), model.MAC{}, primary4),
			to(gatewayMAC, arpFrame(eniMAC, 2, eniMAC, primary4, gatewayMAC, netip.IPv4Unspecified())),
			redirect, InAnswered},
		{"ARP for a router", arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, router4),
			to(routerMAC, arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, router4)), redirect, InARP},
		{"ARP reply to a router", to(eniMAC, arpFrame(gatewayMAC, 2, gatewayMAC, gateway4, eniMAC, router4)),
			to(routerMAC, arpFrame(gatewayMAC, 2, gatewayMAC, gateway4, routerMAC, router4)), redirect, InARP},
		{"ARP for another", arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, stray4), nil, next, InHost},
		{"ARP cut off", arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, router4)[:40], nil, next, InHost},
		{"IPv6", ipv6Frame(gatewayMAC, eniMAC, gateway6, router6, 17, 64, udp6...),
			ipv6Frame(gatewayMAC, routerMAC, gateway6, router6, 17, 64, udp6...), redirect, InIPv6},
		{"IPv6 of the host", ipv6Frame(gatewayMAC, eniMAC, gateway6, stray6, 17, 64, udp6...), nil, next, InHost},
		{"IPv6 multicast", ndFrame(gatewayMAC, model.MAC{0x33, 0x33, 0xff, 0, 0, 0x10}, gateway6, router6, 135, 1,
			gatewayMAC), nil, next, InMulticast},
		{"VLAN", append(ethernet(eniMAC, gatewayMAC, 0x8100), make([]byte, 60)...), nil, shot, InVLAN},
		{"LLDP", append(ethernet(eniMAC, gatewayMAC, 0x88cc), make([]byte, 60)...), nil, next, InHost},
	} {
		t.Run(c.name, func(t *testing.T) { runFrame(t, objects.FromWire, tr, c.frame, c.out, c.action, c.reason) })
	}
	if err := tr.SetMode(Off); err != nil {
		t.Fatal(err)
	}
	t.Run("off", func(t *testing.T) {
		runFrame(t, objects.FromWire, tr, arpFrame(gatewayMAC, 1, gatewayMAC, gateway4, model.MAC{}, primary4), nil,
			redirect, InUntouched)
	})
}

func tweak(frame []byte, at int, value byte) []byte {
	frame[at] = value
	return frame
}

// runFrame runs a program once and compares the frame, the action and the one
// counter that may have moved.
func runFrame(t *testing.T, p *ebpf.Program, tr *Translator, frame, want []byte, action uint32, reason Reason) {
	t.Helper()
	if want == nil {
		want = bytes.Clone(frame)
	}
	before, err := tr.Counters()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(frame)+256)
	run := &ebpf.RunOptions{Data: frame, DataOut: out}
	got, err := p.Run(run)
	if err != nil {
		t.Fatal(err)
	}
	if got != action {
		t.Errorf("action %d, want %d", int32(got), int32(action))
	}
	if d := cmp.Diff(fmt.Sprintf("%x", want), fmt.Sprintf("%x", run.DataOut)); d != "" {
		t.Errorf("frame (-want +got):\n%s", d)
	}
	after, err := tr.Counters()
	if err != nil {
		t.Fatal(err)
	}
	moved := map[Reason]Count{}
	for r := range reasons {
		if after[r] != before[r] {
			moved[r] = Count{after[r].Packets - before[r].Packets, after[r].Bytes - before[r].Bytes}
		}
	}
	if d := cmp.Diff(map[Reason]Count{reason: {1, uint64(len(frame))}}, moved); d != "" {
		t.Errorf("counters (-want +got):\n%s", d)
	}
}
