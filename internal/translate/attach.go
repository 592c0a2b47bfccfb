package translate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/vishvananda/netlink"
)

// ErrNotAttached is returned where no translation was ever attached.
var ErrNotAttached = errors.New("no translation is attached")

// Pins of the programs' attachments.
const (
	pinFromWire   = "link_from_wire"
	pinFromBridge = "link_from_bridge"
	pinDeadEnd    = "link_dead_end"
)

// Config says where to attach. The interfaces are those of the calling
// thread's network namespace.
type Config struct {
	NIC  string    // name of the provider NIC
	Pair [2]string // names of the veth pair, the dead end first, then the bridge's port; empty: mcw0 and mcw1
	// Near is the range that most addresses are in, the provider subnet, of
	// /16 or less: they are found faster. It may be zero.
	Near    netip.Prefix
	Primary netip.Addr // the ENI's primary IPv4 address, for which ARP is answered; zero: none
	Whole   bool       // the bridge's datapath is in user space and needs frames as they were on the wire
	PinDir  string     // directory for pins; empty: /sys/fs/bpf/macaw, or in a container /run/macaw/bpf
}

func (c Config) withDefaults() Config {
	if c.Pair == ([2]string{}) {
		c.Pair = [2]string{"mcw0", "mcw1"}
	}
	return c
}

// Translator is an attached translation. It keeps working when the Translator
// is closed and when the process ends.
type Translator struct {
	cfg    Config // zero when opened by a reader
	nic    int    // ifindex
	port   int    // ifindex of the bridge's port
	end    int    // ifindex of the dead end
	tcx    bool   // the kernel has tcx, since Linux 6.6; else clsact
	mac    MAC
	pinDir string

	addresses4, addresses6, settings, counters, events *ebpf.Map

	near4 *ebpf.Map // nil when opened by a reader
}

// Attach makes the translation between the NIC and the pair, or repairs or
// upgrades the one that an earlier process made: programs are replaced in place,
// entries, mode and counters stay, and frames go on. The NIC must exist.
func Attach(cfg Config) (*Translator, error) {
	cfg = cfg.withDefaults()
	nic, err := netlink.LinkByName(cfg.NIC)
	if err != nil {
		return nil, fmt.Errorf("finding provider NIC %s: %w", cfg.NIC, err)
	}
	if len(nic.Attrs().HardwareAddr) != 6 {
		return nil, fmt.Errorf("provider NIC %s has no Ethernet address", cfg.NIC)
	}
	if cfg.Whole {
		if err := wholeFrames(cfg.NIC); err != nil {
			return nil, err
		}
	}
	end, port, err := makePair(cfg.Pair, nic.Attrs().MTU)
	if err != nil {
		return nil, err
	}
	dir, err := makePins(cfg.PinDir)
	if err != nil {
		return nil, err
	}

	t := &Translator{
		cfg:    cfg,
		nic:    nic.Attrs().Index,
		port:   port.Attrs().Index,
		end:    end.Attrs().Index,
		mac:    MAC(nic.Attrs().HardwareAddr),
		pinDir: dir,
		tcx:    true,
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

// attach loads the programs and puts them in their places.
func (t *Translator) attach() error {
	objects, err := t.load()
	if err != nil {
		return err
	}
	// Attached and pinned, the programs need no file descriptors of ours.
	defer objects.bpfPrograms.Close()
	defer objects.Lately.Close()
	defer objects.Spending.Close()
	t.addresses4, t.addresses6, t.near4 = objects.Addresses4, objects.Addresses6, objects.Near4
	t.settings, t.counters, t.events = objects.Settings, objects.Counters, objects.Events
	if err := t.fillNear(); err != nil {
		return err
	}
	for _, h := range t.hooks(objects) {
		if err := h.attach(); err != nil {
			return fmt.Errorf("attaching translation to %s: %w", h.name, err)
		}
	}
	return nil
}

// hooks are where the programs go, outward first: what came in would else be
// answered untranslated. Without objects they can be looked at only.
//
// Without tcx the outward program waits at the dead end, and what the bridge sends
// goes there through the pair: Open vSwitch removes the qdisc of its own ports,
// and with it a filter on mcw1.
func (t *Translator) hooks(objects *bpfObjects) []hook {
	if objects == nil {
		objects = new(bpfObjects)
	}
	at := func(program *ebpf.Program, device int, name string, egress bool, pin string) hook {
		return hook{program: program, device: device, name: name, egress: egress, tcx: t.tcx, pin: filepath.Join(t.pinDir, pin)}
	}
	inward := at(objects.FromWire, t.nic, t.cfg.NIC, false, pinFromWire)
	if !t.tcx {
		return []hook{at(objects.FromBridge, t.end, t.cfg.Pair[0], false, pinFromBridge), inward}
	}
	return []hook{
		at(objects.DeadEnd, t.end, t.cfg.Pair[0], false, pinDeadEnd),
		at(objects.FromBridge, t.port, t.cfg.Pair[1], true, pinFromBridge),
		inward,
	}
}

// load loads programs for the devices as they are now, over the pinned maps.
// A map whose layout another version changed is made anew; addresses are
// carried over, so the version that follows cuts nobody off.
func (t *Translator) load() (*bpfObjects, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("lifting limit of locked memory: %w", err)
	}
	spec, err := t.spec()
	if err != nil {
		return nil, err
	}
	objects := new(bpfObjects)
	options := &ebpf.CollectionOptions{Maps: ebpf.MapOptions{PinPath: t.pinDir}}
	err = spec.LoadAndAssign(objects, options)
	if !errors.Is(err, ebpf.ErrMapIncompatible) {
		if err != nil {
			return nil, fmt.Errorf("loading translation: %w", err)
		}
		return objects, nil
	}

	carried, err := replaceMaps(spec, t.pinDir)
	if err != nil {
		return nil, err
	}
	if spec, err = t.spec(); err != nil {
		return nil, err
	}
	if err := spec.LoadAndAssign(objects, options); err != nil {
		return nil, fmt.Errorf("loading translation: %w", err)
	}
	for _, e := range carried {
		if err := put(objects.Addresses4, objects.Addresses6, e); err != nil {
			objects.Close()
			return nil, err
		}
	}
	return objects, nil
}

// spec returns the programs with this translation's constants in them.
func (t *Translator) spec() (*ebpf.CollectionSpec, error) {
	spec, err := loadBpf()
	if err != nil {
		return nil, err
	}
	constants := map[string]any{
		bpfVarNic:  uint32(t.nic),
		bpfVarPort: uint32(t.port),
		bpfVarEni:  t.mac,
		bpfVarEnd:  !t.tcx,
	}
	if size := t.cfg.nearSize(); size > 0 {
		constants[bpfVarNearBase], constants[bpfVarNearSize] = t.cfg.nearBase(), size
		spec.Maps[bpfMapNear4].MaxEntries = size
	}
	if t.cfg.Primary.Is4() {
		b := t.cfg.Primary.As4()
		constants[bpfVarPrimary] = binary.NativeEndian.Uint32(b[:])
	}
	for name, value := range constants {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("setting %s of translation: %w", name, err)
		}
	}
	return spec, nil
}

// replaceMaps removes the pins of maps that do not fit spec, and returns the
// entries of address maps among them.
func replaceMaps(spec *ebpf.CollectionSpec, dir string) ([]Entry, error) {
	var carried []Entry
	for name, m := range spec.Maps {
		if m.Pinning != ebpf.PinByName {
			continue
		}
		pin := filepath.Join(dir, name)
		old, err := ebpf.LoadPinnedMap(pin, nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("loading pinned map %s: %w", name, err)
		}
		if m.Compatible(old) != nil {
			if name == bpfMapAddresses4 || name == bpfMapAddresses6 {
				entries, err := entriesOf(old)
				if err != nil {
					old.Close()
					return nil, err
				}
				carried = append(carried, entries...)
			}
			if err := os.Remove(pin); err != nil {
				old.Close()
				return nil, fmt.Errorf("removing pinned map %s: %w", name, err)
			}
		}
		old.Close()
	}
	return carried, nil
}

// Open returns the translation that a process on this machine attached, to be
// read and switched. An empty pinDir means the default places. The error is
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
	return t, nil
}

// Check returns why frames of an attached translation cannot pass, or nil:
// one of its interfaces was made anew, moved away or given another MAC or MTU,
// or a program was taken off. Attach again repairs all of these.
func (t *Translator) Check() error {
	nic, err := netlink.LinkByName(t.cfg.NIC)
	if err != nil {
		return fmt.Errorf("finding provider NIC %s: %w", t.cfg.NIC, err)
	}
	if nic.Attrs().Index != t.nic || string(nic.Attrs().HardwareAddr) != string(t.mac[:]) {
		return fmt.Errorf("provider NIC %s was replaced", t.cfg.NIC)
	}
	for i, name := range t.cfg.Pair {
		end, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("finding interface %s: %w", name, err)
		}
		switch {
		case end.Attrs().Index != [2]int{t.end, t.port}[i]:
			return fmt.Errorf("interface %s was made anew", name)
		case end.Attrs().MTU != nic.Attrs().MTU:
			return fmt.Errorf("MTU of %s is %d, and %d on %s", name, end.Attrs().MTU, nic.Attrs().MTU, t.cfg.NIC)
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
	for _, m := range []*ebpf.Map{t.addresses4, t.addresses6, t.settings, t.counters, t.events, t.near4} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

// Detach removes what Attach made, in any state: programs, maps with their
// entries and the pair. Nothing reaches the fabric any more.
func Detach(cfg Config) error {
	cfg = cfg.withDefaults()
	var errs []error
	dir, err := findPins(cfg.PinDir)
	if err == nil {
		if nic, err := netlink.LinkByName(cfg.NIC); err == nil {
			errs = append(errs, hook{device: nic.Attrs().Index, pin: filepath.Join(dir, pinFromWire)}.detach())
		}
		for _, name := range []string{
			pinFromWire, pinFromBridge, pinDeadEnd,
			bpfMapAddresses4, bpfMapAddresses6, bpfMapCounters, bpfMapEvents,
			bpfMapSettings, // last: findPins goes by it
		} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("removing pin: %w", err))
			}
		}
	}
	if end, err := netlink.LinkByName(cfg.Pair[0]); err == nil {
		if err := netlink.LinkDel(end); err != nil {
			errs = append(errs, fmt.Errorf("removing pair %s: %w", cfg.Pair[0], err))
		}
	}
	return errors.Join(errs...)
}
