package translate

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// MAC is an Ethernet address as a comparable value. Its text form is the usual
// colon notation.
type MAC [6]byte

// ParseMAC reads an Ethernet address in colon notation.
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != 6 {
		return MAC{}, fmt.Errorf("%q is not an Ethernet address", s)
	}
	return MAC(hw), nil
}

// String returns the address in colon notation.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// MarshalText returns the address in colon notation.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads an Ethernet address in colon notation.
func (m *MAC) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMAC(string(text))
	return err
}

// Entry is one translated address: frames to Addr go to MAC, and frames from
// Addr may leave. Addr is IPv4 or IPv6, never IPv4 mapped into IPv6.
type Entry struct {
	Addr netip.Addr `json:"addr"`
	MAC  MAC        `json:"mac"`
}

// Changes is what a Sync did, each list in order of address.
type Changes struct {
	Set     []Entry // added, or given another MAC
	Removed []Entry
}

// None tells that nothing was changed.
func (c Changes) None() bool { return len(c.Set)+len(c.Removed) == 0 }

// diff returns the changes that make seen equal to wanted. Of an address that
// is wanted twice the last entry counts.
func diff(wanted, seen []Entry) Changes {
	want, have := index(wanted), index(seen)
	var c Changes
	for addr, mac := range want {
		if old, ok := have[addr]; !ok || old != mac {
			c.Set = append(c.Set, Entry{addr, mac})
		}
	}
	for addr, mac := range have {
		if _, ok := want[addr]; !ok {
			c.Removed = append(c.Removed, Entry{addr, mac})
		}
	}
	sortEntries(c.Set)
	sortEntries(c.Removed)
	return c
}

func index(entries []Entry) map[netip.Addr]MAC {
	m := make(map[netip.Addr]MAC, len(entries))
	for _, e := range entries {
		m[e.Addr.Unmap()] = e.MAC
	}
	return m
}

func sortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int {
		if c := a.Addr.Compare(b.Addr); c != 0 {
			return c
		}
		return bytes.Compare(a.MAC[:], b.MAC[:])
	})
}
