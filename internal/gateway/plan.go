package gateway

import (
	"net/netip"
	"slices"
	"time"

	"macaw/internal/neutron"
	"macaw/internal/translate"
)

// plan returns the entries that the translation should have, and the addresses
// that Neutron uses although AWS does not know them: their frames would be
// dropped by the fabric, so nothing translates them.
func plan(wanted []neutron.Address, registered []netip.Addr) (entries []translate.Entry, refused []neutron.Address) {
	entries = []translate.Entry{} // none is an answer too
	for _, a := range wanted {
		if !a.Active || len(a.MAC) != len(translate.MAC{}) {
			continue
		}
		if !slices.Contains(registered, a.Addr) {
			refused = append(refused, a)
			continue
		}
		entries = append(entries, translate.Entry{Addr: a.Addr, MAC: translate.MAC(a.MAC)})
	}
	return entries, refused
}

// onlyRegistered returns the entries that may stay: another process, or an older
// configuration, may have left more.
func onlyRegistered(entries []translate.Entry, registered []netip.Addr) []translate.Entry {
	var kept []translate.Entry
	for _, e := range entries {
		if slices.Contains(registered, e.Addr) {
			kept = append(kept, e)
		}
	}
	return kept
}

// doubts are addresses that a frame raised and that the map does not answer for
// yet: the frame may be faster than Neutron's database.
type doubts map[netip.Addr]doubt

type doubt struct {
	mac    translate.MAC
	raised time.Time
	asked  int // how often Neutron was asked since
}

const (
	// doubtTries is how often Neutron is asked for the sake of one address. At
	// intervals that double from one second that is 15 s; then the poll takes
	// over.
	doubtTries = 5
	// doubtRest is how long the same address and MAC raise no new doubt: a
	// machine that uses an address of its own choice goes on sending.
	doubtRest = time.Minute
)

// raise notes an event. False: there is nothing to ask.
func (d doubts) raise(e translate.Event, registered []netip.Addr, now time.Time) bool {
	if !slices.Contains(registered, e.Addr) {
		return false
	}
	if old, ok := d[e.Addr]; ok && old.mac == e.MAC && now.Sub(old.raised) < doubtRest {
		return false
	}
	d[e.Addr] = doubt{mac: e.MAC, raised: now}
	return true
}

// settle counts a question whose answer was entries. It returns how often the
// least asked of the doubts that are worth another question was asked; 0: none
// is.
func (d doubts) settle(entries []translate.Entry) int {
	least := 0
	for addr, doubt := range d {
		if slices.Contains(entries, translate.Entry{Addr: addr, MAC: doubt.mac}) {
			delete(d, addr)
			continue
		}
		doubt.asked++
		d[addr] = doubt
		if doubt.asked < doubtTries && (least == 0 || doubt.asked < least) {
			least = doubt.asked
		}
	}
	return least
}
