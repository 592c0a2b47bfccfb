// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"macaw.example/internal/netdev"
)

// ErrNotAttached is the error where no translation was ever attached.
var ErrNotAttached = errors.New("no translation is attached")

// Pins of the programs' attachments.
const (
	pinFromWire   = "link_from_wire"
	pinFromBridge = "link_from_bridge"
	pinBlackhole  = "link_dead_end" // the name of older versions, which Attach replaces in place
)

// Config is where to attach. The interfaces are those of the calling thread's network
// namespace.
type Config struct {
	NICs []NIC     // 1 to 32, each with a MAC of its own; they get the first's MTU
	Pair [2]string // names of the veth pair, the blackhole first, then the provider port; empty: mcw0 and mcw1
	// Subnet is the provider subnet, a /16 or smaller, or zero. The entries of its
	// addresses are found faster than others.
	Subnet netip.Prefix
	// Range holds the addresses that Neutron may allocate, and VPC those of the VPC around
	// them. Frames from the VPC's other addresses are counted as spoofed, and events are
	// about addresses of Range only. Without Range every address may be Neutron's but for
	// VPC and the NICs' primary addresses.
	Range, VPC []netip.Prefix
	DisableGRO bool   // the bridge's datapath is in user space and needs frames as they were on the wire
	PinDir     string // directory for pins; empty: /sys/fs/bpf/macaw, or in a container /run/macaw/bpf
}

func (c Config) withDefaults() Config {
	if c.Pair == ([2]string{}) {
		c.Pair = [2]string{"mcw0", "mcw1"}
	}
	return c
}

// Translator is an attached translation. It goes on when the Translator is closed, and
// when the process ends.
type Translator struct {
	cfg       Config // zero if opened by a reader
	nics      []nic  // in the order of the configuration
	port      int    // ifindex of the provider port
	blackhole int    // ifindex of the pair's other end
	tcx       bool   // the kernel has tcx, since Linux 6.6; else clsact
	pinDir    string

	addresses4, addresses6, settings, counters, events *ebpf.Map

	links6, nicTable *ebpf.Map // nil if opened by a reader and attached by an older version

	dense4, sharers *ebpf.Map // nil if opened by a reader
}

// Attach makes the translation between the NICs and the pair, or repairs or upgrades the
// one that an earlier process made: programs are replaced in place, entries, mode and
// counters stay, and frames go on, also when NICs are added or removed. NICs that are no
// longer configured lose their program and their entries. All that are configured must
// exist.
func Attach(cfg Config) (*Translator, error) {
	cfg = cfg.withDefaults()
	nics, mtu, err := findNICs(cfg.NICs)
	if err != nil {
		return nil, err
	}
	if cfg.DisableGRO { // such a datapath takes no frame that is larger than the MTU
		for _, n := range nics {
			if err := netdev.SetFeature(n.name, "rx-gro", false); err != nil {
				return nil, err
			}
		}
	}
	pair, err := netdev.MakePair(cfg.Pair, mtu)
	if err != nil {
		return nil, err
	}
	dir, err := makePins(cfg.PinDir)
	if err != nil {
		return nil, err
	}

	t := &Translator{
		cfg:       cfg,
		nics:      nics,
		port:      pair[1].Attrs().Index,
		blackhole: pair[0].Attrs().Index,
		pinDir:    dir,
		tcx:       true,
	}
	err = t.attach()
	if errors.Is(err, ebpf.ErrNotSupported) {
		t.Close()
		t.tcx = false
		err = t.attach()
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// attach loads the programs and attaches them. What the programs of an earlier process
// read stays where it is until they are replaced.
func (t *Translator) attach() error {
	objects, carried, err := t.load()
	if err != nil {
		return err
	}
	// The programs are attached and pinned, and need no file descriptors of ours.
	defer objects.bpfPrograms.Close()
	defer objects.Recent.Close()
	defer objects.EventBudget.Close()
	defer objects.Places.Close()
	t.addresses4, t.addresses6, t.dense4 = objects.Addresses4, objects.Addresses6, objects.Dense4
	t.settings, t.counters, t.events = objects.Settings, objects.Counters, objects.Events
	t.links6, t.nicTable, t.sharers = objects.Links6, objects.Nics, objects.Sharers
	if err := t.fillPlaces(objects.Places); err != nil {
		return err
	}
	stale, err := t.allocateSlots()
	if err != nil {
		return err
	}
	carried, _ = resolve(carried, macs(t.nics))
	for _, e := range carried {
		if err := t.put(e); err != nil {
			return err
		}
	}
	if err := t.fillCaches(); err != nil {
		return err
	}
	for _, h := range t.hooks(objects) {
		if err := h.attach(); err != nil {
			return fmt.Errorf("attaching translation to %s: %w", h.name, err)
		}
	}
	return t.releaseSlots(stale)
}

// fillCaches fills dense4 and links6 with what is translated.
func (t *Translator) fillCaches() error {
	entries, err := t.Entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := t.setDense(e, true); err != nil {
			return err
		}
	}
	return syncLinks(t.links6, entries)
}

// hooks are where the programs go, the outward ones first: what came in would else be
// answered untranslated. Without objects they can be checked only.
//
// Without tcx the outward program is at the blackhole, where the bridge's frames arrive
// through the pair: Open vSwitch removes the qdisc of its own ports, and with it a filter
// on mcw1.
func (t *Translator) hooks(objects *bpfObjects) []hook {
	if objects == nil {
		objects = new(bpfObjects)
	}
	at := func(program *ebpf.Program, device int, name string, egress bool, pin string) hook {
		pin = filepath.Join(t.pinDir, pin)
		return hook{program: program, device: device, name: name, egress: egress, tcx: t.tcx, pin: pin}
	}
	hooks := []hook{at(objects.FromBridge, t.blackhole, t.cfg.Pair[0], false, pinFromBridge)}
	if t.tcx {
		hooks = []hook{
			at(objects.Blackhole, t.blackhole, t.cfg.Pair[0], false, pinBlackhole),
			at(objects.FromBridge, t.port, t.cfg.Pair[1], true, pinFromBridge),
		}
	}
	for _, n := range t.nics {
		h := nicHook(t.pinDir, n)
		h.program, h.tcx = objects.FromWire, t.tcx
		hooks = append(hooks, h)
	}
	return hooks
}

// Open returns the translation that another process on this machine attached, to read it
// and to set its mode. An empty pinDir means the default directories. The error is
// ErrNotAttached if there is none.
func Open(pinDir string) (*Translator, error) {
	dir, err := findPins(pinDir)
	if err != nil {
		return nil, err
	}
	t := &Translator{pinDir: dir}
	for name, m := range map[string]**ebpf.Map{
		bpfMapAddresses4: &t.addresses4,
		bpfMapAddresses6: &t.addresses6,
		bpfMapSettings:   &t.settings,
		bpfMapCounters:   &t.counters,
		bpfMapEvents:     &t.events,
	} {
		if *m, err = ebpf.LoadPinnedMap(filepath.Join(dir, name), nil); err != nil {
			t.Close()
			return nil, fmt.Errorf("loading pinned map %s: %w", name, err)
		}
	}
	for name, m := range map[string]**ebpf.Map{
		bpfMapLinks6: &t.links6,
		bpfMapNics:   &t.nicTable,
	} {
		if *m, err = ebpf.LoadPinnedMap(filepath.Join(dir, name), nil); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Close()
			return nil, fmt.Errorf("loading pinned map %s: %w", name, err)
		}
	}
	table, err := readTable(t.nicTable)
	if err != nil {
		t.Close()
		return nil, err
	}
	t.nics = attachedNICs(table)
	return t, nil
}

// Check returns why frames of an attached translation cannot pass, or nil: one of its
// interfaces was made anew, moved away or given another MAC or MTU, or a program was
// detached. Attach repairs all of these.
func (t *Translator) Check() error {
	mtu, err := checkNICs(t.nics)
	if err != nil {
		return err
	}
	for i, name := range t.cfg.Pair {
		end, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("finding interface %s: %w", name, err)
		}
		switch {
		case end.Attrs().Index != [2]int{t.blackhole, t.port}[i]:
			return fmt.Errorf("interface %s was replaced", name)
		case end.Attrs().MTU != mtu:
			return fmt.Errorf("MTU of %s is %d, and %d on %s", name, end.Attrs().MTU, mtu, t.nics[0].name)
		case end.Attrs().RawFlags&1 == 0: // IFF_UP
			return fmt.Errorf("interface %s is down", name)
		}
	}
	for _, h := range t.hooks(nil) {
		if !h.attached() {
			return fmt.Errorf("%w to %s", ErrNotAttached, h.name)
		}
	}
	return nil
}

// PinDir returns the directory of the pins.
func (t *Translator) PinDir() string { return t.pinDir }

// Close releases the Translator; the translation itself goes on.
func (t *Translator) Close() error {
	var errs []error
	for _, m := range []*ebpf.Map{
		t.addresses4, t.addresses6, t.settings, t.counters, t.events, t.dense4, t.links6, t.nicTable, t.sharers,
	} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

// Detach removes what Attach made, in any state: programs, maps with their entries and the
// pair. No frame reaches the fabric any more.
func Detach(cfg Config) error {
	cfg = cfg.withDefaults()
	var errs []error
	dir, err := findPins(cfg.PinDir)
	if err == nil {
		errs = append(errs, detachNICs(dir, cfg.NICs))
		for _, name := range []string{
			pinFromWire, pinFromBridge, pinBlackhole,
			bpfMapAddresses4, bpfMapAddresses6, bpfMapLinks6, bpfMapSharers, bpfMapNics, bpfMapCounters, bpfMapEvents,
			bpfMapSettings, // last: findPins goes by it
		} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("removing pin: %w", err))
			}
		}
	}
	if end, err := netlink.LinkByName(cfg.Pair[0]); err == nil {
		if err := ignoreGone(netlink.LinkDel(end)); err != nil {
			errs = append(errs, fmt.Errorf("removing pair %s: %w", cfg.Pair[0], err))
		}
	}
	return errors.Join(errs...)
}
