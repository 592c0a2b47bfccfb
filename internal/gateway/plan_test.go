package gateway

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw/internal/neutron"
	"macaw/internal/translate"
)

func TestPlan(t *testing.T) {
	idle := neutron.Address{Addr: addr12, Kind: neutron.KindFloating}
	down := router(addr11, mac1)
	down.Active = false
	for _, c := range []struct {
		name    string
		wanted  []neutron.Address
		entries []translate.Entry
		refused []neutron.Address
	}{
		{"nothing", nil, []translate.Entry{}, nil},
		{"two", []neutron.Address{router(addr10, mac1), router(addr11, mac2)}, []translate.Entry{{Addr: addr10, MAC: mac1}, {Addr: addr11, MAC: mac2}}, nil},
		{"idle and down", []neutron.Address{idle, down}, []translate.Entry{}, nil},
		{"not registered", []neutron.Address{router(foreign, mac1)}, []translate.Entry{}, []neutron.Address{router(foreign, mac1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries, refused := plan(c.wanted, []netip.Addr{addr10, addr11, addr12})
			if d := cmp.Diff(c.entries, entries, byValue); d != "" {
				t.Errorf("entries (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.refused, refused, byValue); d != "" {
				t.Errorf("refused (-want +got):\n%s", d)
			}
		})
	}
}

func TestDoubts(t *testing.T) {
	registered := []netip.Addr{addr10}
	begin := time.Unix(0, 0)
	d := doubts{}
	raise := func(a netip.Addr, m translate.MAC, after time.Duration) bool {
		return d.raise(translate.Event{Addr: a, MAC: m}, registered, begin.Add(after))
	}
	if raise(foreign, mac1, 0) {
		t.Error("doubt about an address that is not registered")
	}
	if !raise(addr10, mac1, 0) || raise(addr10, mac1, time.Second) {
		t.Error("want one doubt")
	}
	if !raise(addr10, mac2, 2*time.Second) {
		t.Error("another MAC is another doubt")
	}
	for i := 1; i < doubtTries; i++ {
		if got := d.settle([]translate.Entry{{Addr: addr10, MAC: mac1}}); got != i {
			t.Errorf("settle: %d, want %d", got, i)
		}
	}
	if got := d.settle(nil); got != 0 {
		t.Errorf("asked often enough, settle: %d", got)
	}
	if raise(addr10, mac2, 30*time.Second) || !raise(addr10, mac2, 63*time.Second) {
		t.Error("want a rest of a minute")
	}
	if got := d.settle([]translate.Entry{{Addr: addr10, MAC: mac2}}); got != 0 || len(d) != 0 {
		t.Errorf("answered, settle: %d, left %v", got, d)
	}
}
