package translate

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	a, b, c := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::1")
	m1, m2 := MAC{2, 0, 0, 0, 0, 1}, MAC{2, 0, 0, 0, 0, 2}
	for _, x := range []struct {
		name         string
		wanted, seen []Entry
		want         Changes
	}{
		{"nothing", nil, nil, Changes{}},
		{"the same in another order", []Entry{{a, m1}, {b, m2}}, []Entry{{b, m2}, {a, m1}}, Changes{}},
		{"added", []Entry{{c, m1}, {a, m1}}, nil, Changes{Set: []Entry{{a, m1}, {c, m1}}}},
		{"moved", []Entry{{a, m2}}, []Entry{{a, m1}}, Changes{Set: []Entry{{a, m2}}}},
		{"removed", nil, []Entry{{c, m1}, {a, m1}}, Changes{Removed: []Entry{{a, m1}, {c, m1}}}},
		{"twice", []Entry{{a, m1}, {a, m2}}, nil, Changes{Set: []Entry{{a, m2}}}},
		{"IPv4 in IPv6", []Entry{{netip.AddrFrom16(a.As16()), m1}}, []Entry{{a, m1}}, Changes{}},
	} {
		if d := cmp.Diff(x.want, diff(x.wanted, x.seen), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, d)
		}
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
	for _, r := range []Reason{OutUnregisteredIPv4, OutUnregisteredARP, OutLinkLocal, OutVLAN, InVLAN} {
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
	var mac MAC
	for _, bad := range []string{"", "02:00", "02:00:00:00:00:00:00:01"} {
		if err := mac.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read as a MAC", bad)
		}
	}
}
