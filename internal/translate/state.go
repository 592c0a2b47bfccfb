package translate

import (
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
)

// Count is a number of frames and of their octets, Ethernet headers included.
// A frame the NIC merged of several (GRO) counts once.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Entries returns what is translated now, in order of address.
func (t *Translator) Entries() ([]Entry, error) {
	var all []Entry
	for _, m := range []*ebpf.Map{t.addresses4, t.addresses6} {
		entries, err := entriesOf(m)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	sortEntries(all)
	return all, nil
}

// Sync makes the entries these and no others. Additions and changes come first,
// so an address that moves is never without an entry.
func (t *Translator) Sync(entries []Entry) (Changes, error) {
	seen, err := t.Entries()
	if err != nil {
		return Changes{}, err
	}
	changes := diff(entries, seen)
	for _, e := range changes.Set {
		err := put(t.addresses4, t.addresses6, e)
		if err == nil {
			err = t.setNear(e.Addr, e.MAC)
		}
		if err != nil {
			return Changes{}, err
		}
	}
	for _, e := range changes.Removed {
		m, key := t.addresses4, e.Addr.AsSlice()
		if e.Addr.Is6() {
			m = t.addresses6
		}
		if err := t.setNear(e.Addr, MAC{}); err != nil {
			return Changes{}, err
		}
		if err := m.Delete(key); err != nil {
			return Changes{}, fmt.Errorf("removing translation of %s: %w", e.Addr, err)
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

// Counters returns what became of frames since the first Attach, for every
// reason.
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

// put adds or changes one entry in the map of its family.
func put(v4, v6 *ebpf.Map, e Entry) error {
	addr, m := e.Addr.Unmap(), v4
	if addr.Is6() {
		m = v6
	}
	var value bpfEntry
	value.Mac.B = e.MAC
	if err := m.Put(addr.AsSlice(), value); err != nil {
		return fmt.Errorf("translating %s to %s: %w", e.Addr, e.MAC, err)
	}
	return nil
}

// entriesOf reads an address map. In every version the key is the address and
// the value begins with the MAC.
func entriesOf(m *ebpf.Map) ([]Entry, error) {
	var entries []Entry
	var key, value []byte
	for it := m.Iterate(); ; {
		if !it.Next(&key, &value) {
			if err := it.Err(); err != nil {
				return nil, fmt.Errorf("reading translated addresses: %w", err)
			}
			return entries, nil
		}
		addr, ok := netip.AddrFromSlice(key)
		if !ok || len(value) < len(MAC{}) {
			return nil, fmt.Errorf("reading translated addresses: key of %d, value of %d octets", len(key), len(value))
		}
		entries = append(entries, Entry{Addr: addr, MAC: MAC(value[:6])})
	}
}
