// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"macaw.example/internal/model"
)

// NIC is one provider ENI's interface on this machine.
type NIC struct {
	Name    string
	Primary netip.Addr // the ENI's primary IPv4 address, for which ARP is answered; invalid: none
}

// maxNICs is how many NICs a translation may have: half of the slots of the pinned table,
// so that as many others find a free slot beside them.
const maxNICs = 32

// nic is a NIC that the translation is attached to.
type nic struct {
	name    string    // empty if opened by a reader
	index   int       // ifindex
	mac     model.MAC // the ENI's
	primary netip.Addr
	slot    uint8 // in the pinned table, for as long as it is attached
}

// findNICs returns the configured NICs as they are now, and the MTU of the first, which it
// sets on the others: an ENI that is attached to a running machine has its driver's default.
func findNICs(configured []NIC) (found []nic, mtu int, err error) {
	if n := len(configured); n == 0 || n > maxNICs {
		return nil, 0, fmt.Errorf("a translation has 1 to %d provider NICs, not %d", maxNICs, n)
	}
	for i, c := range configured {
		l, err := netlink.LinkByName(c.Name)
		if err != nil {
			return nil, 0, fmt.Errorf("finding provider NIC %s: %w", c.Name, err)
		}
		a := l.Attrs()
		if len(a.HardwareAddr) != 6 {
			return nil, 0, fmt.Errorf("provider NIC %s has no Ethernet address", c.Name)
		}
		n := nic{name: c.Name, index: a.Index, mac: model.MAC(a.HardwareAddr), primary: c.Primary}
		if twin := slices.IndexFunc(found, func(f nic) bool { return f.mac == n.mac }); twin >= 0 {
			return nil, 0, fmt.Errorf("provider NICs %s and %s have the same MAC %s", found[twin].name, n.name, n.mac)
		}
		if i == 0 {
			mtu = a.MTU
		}
		if a.MTU != mtu {
			if err := netlink.LinkSetMTU(l, mtu); err != nil {
				return nil, 0, fmt.Errorf("setting MTU of provider NIC %s to %d, as on %s: %w",
					c.Name, mtu, found[0].name, err)
			}
		}
		found = append(found, n)
	}
	return found, mtu, nil
}

// checkNICs returns the MTU of the NICs, or why they are not as they were when they were
// found.
func checkNICs(nics []nic) (mtu int, err error) {
	for i, n := range nics {
		l, err := netlink.LinkByName(n.name)
		if err != nil {
			return 0, fmt.Errorf("finding provider NIC %s: %w", n.name, err)
		}
		a := l.Attrs()
		if a.Index != n.index || string(a.HardwareAddr) != string(n.mac[:]) {
			return 0, fmt.Errorf("provider NIC %s was replaced", n.name)
		}
		if i == 0 {
			mtu = a.MTU
		}
		if a.MTU != mtu {
			return 0, fmt.Errorf("MTU of %s is %d, and %d on %s", n.name, a.MTU, mtu, nics[0].name)
		}
	}
	return mtu, nil
}

// macs returns the MACs of NICs, in the order of the configuration.
func macs(nics []nic) []model.MAC {
	all := make([]model.MAC, len(nics))
	for i, n := range nics {
		all[i] = n.mac
	}
	return all
}

// slotOf returns the slot of the NIC with a MAC.
func slotOf(nics []nic, mac model.MAC) (slot uint8, ok bool) {
	for _, n := range nics {
		if n.mac == mac {
			return n.slot, true
		}
	}
	return 0, false
}

// planSlots gives each NIC its slot, and returns the slots of NICs that are no longer
// attached. Running programs may still send by these, so they are used last.
func planSlots(table []bpfNic, nics []nic) (stale []uint8, err error) {
	wanted := make(map[model.MAC]int, len(nics))
	for i, n := range nics {
		wanted[n.mac] = i
	}
	var free []uint8
	for slot, s := range table {
		i, ok := wanted[s.Mac.B]
		switch {
		case s.Place == 0:
			free = append(free, uint8(slot))
		case ok:
			nics[i].slot = uint8(slot)
			delete(wanted, s.Mac.B)
		default:
			stale = append(stale, uint8(slot))
		}
	}
	for i, n := range nics {
		if _, ok := wanted[n.mac]; !ok {
			continue
		}
		switch {
		case len(free) > 0:
			nics[i].slot, free = free[0], free[1:]
		case len(stale) > 0:
			nics[i].slot, stale = stale[0], stale[1:]
		default:
			return nil, fmt.Errorf("provider NIC %s has no free slot of %d", n.name, len(table))
		}
	}
	return stale, nil
}

// readTable returns the pinned table of NICs, by slot. An older version has no table.
func readTable(m *ebpf.Map) ([]bpfNic, error) {
	if m == nil {
		return nil, nil
	}
	table := make([]bpfNic, m.MaxEntries())
	for slot := range table {
		if err := m.Lookup(uint32(slot), &table[slot]); err != nil {
			return nil, fmt.Errorf("reading slot %d of provider NICs: %w", slot, err)
		}
	}
	return table, nil
}

// pinnedTable returns the table that an earlier process pinned.
func pinnedTable(dir string) ([]bpfNic, error) {
	m, err := ebpf.LoadPinnedMap(filepath.Join(dir, bpfMapNics), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("loading pinned map %s: %w", bpfMapNics, err)
	}
	defer m.Close()
	return readTable(m)
}

// attachedNICs returns the NICs of a table in the order of the configuration.
func attachedNICs(table []bpfNic) []nic {
	var slots []uint8
	for slot, s := range table {
		if s.Place != 0 {
			slots = append(slots, uint8(slot))
		}
	}
	slices.SortStableFunc(slots, func(a, b uint8) int { return cmp.Compare(table[a].Place, table[b].Place) })
	nics := make([]nic, len(slots))
	for i, slot := range slots {
		nics[i] = nic{index: int(table[slot].Ifindex), mac: table[slot].Mac.B, slot: slot}
	}
	return nics
}

// allocateSlots allocates the NICs' slots and writes them. It removes the entries of NICs
// that are no longer attached, and returns the slots of these NICs: they are to be released
// when no program needs them.
func (t *Translator) allocateSlots() (stale []uint8, err error) {
	table, err := readTable(t.nicTable)
	if err != nil {
		return nil, err
	}
	former := attachedNICs(table)
	if stale, err = planSlots(table, t.nics); err != nil {
		return nil, err
	}
	entries, err := t.Entries()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		_, had := slotOf(former, e.ENI)
		_, has := slotOf(t.nics, e.ENI)
		if had && !has {
			if err := t.remove(e); err != nil {
				return nil, err
			}
		}
	}
	for i, n := range t.nics {
		value := bpfNic{Ifindex: uint32(n.index), Place: uint16(i + 1)}
		value.Mac.B = n.mac
		if n.primary.Is4() {
			b := n.primary.As4()
			value.Primary = binary.NativeEndian.Uint32(b[:])
		}
		if err := t.nicTable.Put(uint32(n.slot), value); err != nil {
			return nil, fmt.Errorf("adding provider NIC %s to the table: %w", n.name, err)
		}
	}
	return stale, nil
}

// releaseSlots detaches the programs from NICs that are no longer attached, and clears
// their slots.
func (t *Translator) releaseSlots(slots []uint8) error {
	for _, slot := range slots {
		var was bpfNic
		if err := t.nicTable.Lookup(uint32(slot), &was); err != nil {
			return fmt.Errorf("reading slot %d of provider NICs: %w", slot, err)
		}
		left := nicHook(t.pinDir, nic{index: int(was.Ifindex), mac: was.Mac.B, slot: slot})
		if slices.ContainsFunc(t.nics, func(n nic) bool { return n.index == left.device }) {
			left.device = 0 // the ENI's MAC has changed: the filter is the new slot's
		}
		if err := left.detach(); err != nil {
			return err
		}
		if err := t.nicTable.Put(uint32(slot), bpfNic{}); err != nil {
			return fmt.Errorf("removing provider NIC %s from the table: %w", left.name, err)
		}
	}
	return nil
}

// nicHook is the hook at a NIC. The pin of the first slot has no number: it is that of the
// versions with a single NIC.
func nicHook(pinDir string, n nic) hook {
	pin := pinFromWire
	if n.slot > 0 {
		pin = fmt.Sprintf("%s_%d", pinFromWire, n.slot)
	}
	h := hook{device: n.index, name: n.name, pin: filepath.Join(pinDir, pin)}
	if h.name == "" {
		h.name = n.mac.String()
	}
	return h
}

// detachNICs detaches the programs from all NICs: those in the table, and those of the
// configuration.
func detachNICs(dir string, configured []NIC) error {
	table, err := pinnedTable(dir)
	errs := []error{err}
	for _, n := range attachedNICs(table) {
		errs = append(errs, nicHook(dir, n).detach())
	}
	for _, c := range configured {
		if l, err := netlink.LinkByName(c.Name); err == nil {
			errs = append(errs, nicHook(dir, nic{name: c.Name, index: l.Attrs().Index}).detach())
		}
	}
	return errors.Join(errs...)
}
