// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
)

// Count is a number of frames and of their octets, Ethernet headers included. A frame that
// the kernel merged of several (GRO), or that the NIC has yet to cut (TSO), counts once.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Entries returns what is translated now, in order of address.
func (t *Translator) Entries() ([]Entry, error) {
	table, err := readTable(t.nicTable)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, m := range []*ebpf.Map{t.addresses4, t.addresses6} {
		entries, err := entriesOf(m, table)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	sortEntries(all)
	return all, nil
}

// Sync replaces the entries, but for those whose ENI is not attached: Changes.Missing has
// them. Additions and changes come first, so that an address that moves always has an entry.
func (t *Translator) Sync(entries []Entry) (Changes, error) {
	seen, err := t.Entries()
	if err != nil {
		return Changes{}, err
	}
	if len(t.nics) == 0 {
		return Changes{}, fmt.Errorf("translating %d addresses without a NIC: %w", len(entries), ErrNotAttached)
	}
	wanted, missing := resolve(entries, macs(t.nics))
	changes := diff(wanted, seen)
	changes.Missing = missing
	for _, e := range changes.Set {
		if err := t.put(e); err != nil {
			return Changes{}, err
		}
		if err := t.setDense(e, true); err != nil {
			return Changes{}, err
		}
	}
	if err := syncLinks(t.links6, wanted); err != nil {
		return Changes{}, err
	}
	for _, e := range changes.Removed {
		if err := t.setDense(e, false); err != nil {
			return Changes{}, err
		}
		if err := t.remove(e); err != nil {
			return Changes{}, err
		}
	}
	return changes, nil
}

// Mode returns what the programs do now.
func (t *Translator) Mode() (Mode, error) {
	var s bpfSetting
	if err := t.settings.Lookup(uint32(0), &s); err != nil {
		return 0, fmt.Errorf("reading mode of translation: %w", err)
	}
	return Mode(s.Mode), nil
}

// SetMode switches the programs, from the next frame on.
func (t *Translator) SetMode(m Mode) error {
	if err := t.settings.Put(uint32(0), bpfSetting{Mode: bpfMode(m)}); err != nil {
		return fmt.Errorf("switching translation to %s: %w", m, err)
	}
	return nil
}

// Counters returns the counts of every reason since the first Attach.
func (t *Translator) Counters() (map[Reason]Count, error) {
	counters := make(map[Reason]Count, reasons)
	for r := range reasons {
		var perCPU []bpfCount
		if err := t.counters.Lookup(uint32(r), &perCPU); err != nil {
			return nil, fmt.Errorf("reading counter %s: %w", r, err)
		}
		var sum Count
		for _, c := range perCPU {
			sum.Packets += c.Packets
			sum.Bytes += c.Bytes
		}
		counters[r] = sum
	}
	return counters, nil
}

// addresses returns the map of an address's family.
func (t *Translator) addresses(addr netip.Addr) *ebpf.Map {
	if addr.Is6() {
		return t.addresses6
	}
	return t.addresses4
}

// put adds or changes one entry, whose ENI is attached.
func (t *Translator) put(e Entry) error {
	if err := t.addresses(e.Addr).Put(e.Addr.AsSlice(), t.value(e)); err != nil {
		return fmt.Errorf("translating %s to %s: %w", e.Addr, e.MAC, err)
	}
	return nil
}

// remove removes one entry.
func (t *Translator) remove(e Entry) error {
	if err := ignoreGone(t.addresses(e.Addr).Delete(e.Addr.AsSlice())); err != nil {
		return fmt.Errorf("removing translation of %s: %w", e.Addr, err)
	}
	return nil
}

// ignoreGone makes a success of removing what is gone already.
func ignoreGone(err error) error {
	for _, gone := range []error{ebpf.ErrKeyNotExist, unix.ENOENT, unix.ENODEV, unix.ESRCH} {
		if errors.Is(err, gone) {
			return nil
		}
	}
	return err
}

// value is an entry's value in the maps.
func (t *Translator) value(e Entry) bpfEntry {
	var value bpfEntry
	value.Mac.B = e.MAC
	value.Nic, _ = slotOf(t.nics, e.ENI)
	return value
}

// The offset of the NIC's slot in an entry, and an entry's size, of this version.
const (
	entryNIC  = 6
	entrySize = 8
)

// entriesOf reads an address map. In every version the key is the address and
// the value begins with the MAC; the ENI is that of the table's slot, if known.
func entriesOf(m *ebpf.Map, table []bpfNic) ([]Entry, error) {
	var entries []Entry
	var key, value []byte
	for it := m.Iterate(); ; {
		if !it.Next(&key, &value) {
			if err := it.Err(); err != nil {
				return nil, fmt.Errorf("reading entries: %w", err)
			}
			return entries, nil
		}
		addr, ok := netip.AddrFromSlice(key)
		if !ok || len(value) < len(model.MAC{}) {
			return nil, fmt.Errorf("reading entries: key of %d and value of %d octets", len(key), len(value))
		}
		e := Entry{Addr: addr, MAC: model.MAC(value[:6])}
		if len(value) == entrySize && int(value[entryNIC]) < len(table) {
			e.ENI = table[value[entryNIC]].Mac.B
		}
		entries = append(entries, e)
	}
}
