// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"net/netip"
	"slices"

	"macaw.example/internal/model"
)

// Entry is one translated address: frames to Addr go to MAC, and frames from Addr may
// leave, by the NIC of the ENI on which it is registered. Addr is IPv4 or IPv6, never
// IPv4 mapped into IPv6.
type Entry struct {
	Addr netip.Addr `json:"addr"`
	MAC  model.MAC  `json:"mac"`
	ENI  model.MAC  `json:"eni,omitzero"` // the ENI's MAC; zero: that of the first NIC of the configuration
}

// Changes are the changes of a Sync, each list in order of address.
type Changes struct {
	Set     []Entry // added, or given another MAC or ENI
	Removed []Entry
	Missing []Entry // wanted, but their ENI is not attached
}

// None tells whether nothing was changed.
func (c Changes) None() bool { return len(c.Set)+len(c.Removed) == 0 }

// resolve returns the entries with their ENIs filled in, and separately those whose ENI is
// not attached, both in order of address. Of two entries for one address the last counts.
// Entries without an ENI get the first one.
func resolve(entries []Entry, enis []model.MAC) (resolved, missing []Entry) {
	for _, e := range index(entries) {
		if e.ENI == (model.MAC{}) && len(enis) > 0 {
			e.ENI = enis[0]
		}
		if slices.Contains(enis, e.ENI) {
			resolved = append(resolved, e)
		} else {
			missing = append(missing, e)
		}
	}
	sortEntries(resolved)
	sortEntries(missing)
	return resolved, missing
}

// diff returns the changes that make seen equal to wanted.
func diff(wanted, seen []Entry) Changes {
	want, have := index(wanted), index(seen)
	var c Changes
	for addr, e := range want {
		if old, ok := have[addr]; !ok || old != e {
			c.Set = append(c.Set, e)
		}
	}
	for addr, e := range have {
		if _, ok := want[addr]; !ok {
			c.Removed = append(c.Removed, e)
		}
	}
	sortEntries(c.Set)
	sortEntries(c.Removed)
	return c
}

// index returns the last entry of each address.
func index(entries []Entry) map[netip.Addr]Entry {
	m := make(map[netip.Addr]Entry, len(entries))
	for _, e := range entries {
		e.Addr = e.Addr.Unmap()
		m[e.Addr] = e
	}
	return m
}

func sortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return a.Addr.Compare(b.Addr) })
}
