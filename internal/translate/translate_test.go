// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
)

func TestDiff(t *testing.T) {
	a, b, c := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::1")
	m1, m2 := model.MAC{2, 0, 0, 0, 0, 1}, model.MAC{2, 0, 0, 0, 0, 2}
	e1, e2, gone := model.MAC{2, 1}, model.MAC{2, 2}, model.MAC{2, 3}
	for _, x := range []struct {
		name         string
		wanted, seen []Entry
		want         Changes
	}{
		{"nothing", nil, nil, Changes{}},
		{"the same in another order", []Entry{{a, m1, e1}, {b, m2, e1}}, []Entry{{b, m2, e1}, {a, m1, e1}}, Changes{}},
		{"added", []Entry{{c, m1, e1}, {a, m1, e1}}, nil, Changes{Set: []Entry{{a, m1, e1}, {c, m1, e1}}}},
		{"moved", []Entry{{a, m2, e1}}, []Entry{{a, m1, e1}}, Changes{Set: []Entry{{a, m2, e1}}}},
		{"moved to another ENI", []Entry{{a, m1, e2}}, []Entry{{a, m1, e1}}, Changes{Set: []Entry{{a, m1, e2}}}},
		{"removed", nil, []Entry{{c, m1, e1}, {a, m1, e2}}, Changes{Removed: []Entry{{a, m1, e2}, {c, m1, e1}}}},
		{"twice", []Entry{{a, m1, e1}, {a, m2, e1}}, nil, Changes{Set: []Entry{{a, m2, e1}}}},
		{"IPv4 in IPv6", []Entry{{netip.AddrFrom16(a.As16()), m1, e1}}, []Entry{{a, m1, e1}}, Changes{}},
		{"on the first ENI", []Entry{{a, m1, model.MAC{}}}, []Entry{{a, m1, e1}}, Changes{}},
		{"ENI missing", []Entry{{b, m1, gone}, {a, m1, e2}}, nil,
			Changes{Set: []Entry{{a, m1, e2}}, Missing: []Entry{{b, m1, gone}}}},
		{"ENI gone", []Entry{{a, m1, gone}}, []Entry{{a, m1, e1}},
			Changes{Removed: []Entry{{a, m1, e1}}, Missing: []Entry{{a, m1, gone}}}},
	} {
		wanted, missing := resolve(x.wanted, []model.MAC{e1, e2})
		got := diff(wanted, x.seen)
		got.Missing = missing
		if d := cmp.Diff(x.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, d)
		}
	}
}

// NICs that stay keep their slots; new ones take no slot that programs may still use.
func TestPlanSlots(t *testing.T) {
	mac := func(i int) model.MAC { return model.MAC{2, 0, 0, 0, 0, byte(i)} }
	for _, x := range []struct {
		name   string
		slots  []int // of the table, the MACs; 0: empty
		nics   []int
		want   []uint8
		stale  []uint8
		failed bool
	}{
		{name: "a new table", slots: []int{0, 0, 0}, nics: []int{1, 2}, want: []uint8{0, 1}},
		{name: "as before", slots: []int{1, 2, 0}, nics: []int{1, 2}, want: []uint8{0, 1}},
		{name: "in another order", slots: []int{1, 2, 0}, nics: []int{2, 1}, want: []uint8{1, 0}},
		{name: "one more, first", slots: []int{1, 0, 0}, nics: []int{2, 1}, want: []uint8{1, 0}},
		{name: "the first removed", slots: []int{1, 2, 0}, nics: []int{2}, want: []uint8{1}, stale: []uint8{0}},
		{name: "another for one", slots: []int{1, 2, 0}, nics: []int{1, 3}, want: []uint8{0, 2}, stale: []uint8{1}},
		{name: "no other slot", slots: []int{1, 2, 3}, nics: []int{1, 4}, want: []uint8{0, 1}, stale: []uint8{2}},
		{name: "too many", slots: []int{1, 2}, nics: []int{1, 2, 3}, failed: true},
	} {
		table := make([]bpfNic, len(x.slots))
		for i, m := range x.slots {
			if m != 0 {
				table[i].Place, table[i].Mac.B = uint16(i+1), mac(m)
			}
		}
		nics := make([]nic, len(x.nics))
		for i, m := range x.nics {
			nics[i].mac = mac(m)
		}
		stale, err := planSlots(table, nics)
		if (err != nil) != x.failed {
			t.Errorf("%s: %v", x.name, err)
		}
		if err != nil {
			continue
		}
		var got []uint8
		for _, n := range nics {
			got = append(got, n.slot)
		}
		if d := cmp.Diff([][]uint8{x.want, x.stale}, [][]uint8{got, stale}); d != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, d)
		}
	}
}

func TestAliases(t *testing.T) {
	m1, m2 := model.MAC{0xfa, 0x16, 0x3e, 0x11, 0x22, 0x33}, model.MAC{2, 0, 0, 0, 0, 2}
	at := netip.MustParseAddr
	want := map[netip.Addr]netip.Addr{at("fe80::f816:3eff:fe11:2233"): at("fd00::1"),
		at("fe80::ff:fe00:2"): at("fd00::3")}
	got := aliases([]Entry{
		{Addr: at("10.0.0.1"), MAC: m1}, {Addr: at("fd00::2"), MAC: m1}, {Addr: at("fd00::1"), MAC: m1},
		{Addr: at("fe80::1"), MAC: m2}, {Addr: at("fd00::3"), MAC: m2},
	})
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("aliases (-want +got):\n%s", d)
	}
}

// Counters are printed, stored and compared by these texts.
func TestTextsRoundTrip(t *testing.T) {
	for r := range reasons {
		if reasonTexts[r] == "" {
			t.Fatalf("reason %d has no text", r)
		}
		out, err := json.Marshal(map[Reason]Count{r: {Packets: 1}})
		if err != nil {
			t.Fatal(err)
		}
		var back map[Reason]Count
		if err := json.Unmarshal(out, &back); err != nil || back[r].Packets != 1 {
			t.Errorf("%s became %v, %v", out, back, err)
		}
		if r.Out() != (r.String()[:3] == "out") {
			t.Errorf("%s goes the other way", r)
		}
	}
	for _, r := range []Reason{OutUnregisteredIPv4, OutUnregisteredARP, OutLinkLocal, OutVLAN, OutMetadata,
		OutSpoofedIPv4, OutSpoofedND, InVLAN, InMetadata} {
		if !r.Dropped() {
			t.Errorf("%s is a drop", r)
		}
	}
	for _, r := range []Reason{OutIPv4, OutMoved, OutUntouched, InIPv4, InHost, InUntouched} {
		if r.Dropped() {
			t.Errorf("%s is no drop", r)
		}
	}
	for _, m := range []Mode{Translate, Off} {
		text, _ := m.MarshalText()
		var back Mode
		if err := back.UnmarshalText(text); err != nil || back != m {
			t.Errorf("%s became %s, %v", m, back, err)
		}
	}
	var mac model.MAC
	for _, bad := range []string{"", "02:00", "02:00:00:00:00:00:00:01"} {
		if err := mac.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read as a MAC", bad)
		}
	}
}
