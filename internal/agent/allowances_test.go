// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// fakeNICs are the counters of NICs' drivers; an error where there are none.
type fakeNICs map[string]any

func (f fakeNICs) nics() ([]string, error) { return slices.Collect(maps.Keys(f)), nil }

func (f fakeNICs) nicCounters(name string) (map[string]uint64, error) {
	if err, ok := f[name].(error); ok {
		return nil, fmt.Errorf("asking for %s's counters: %w", name, err)
	}
	return f[name].(map[string]uint64), nil
}

// ena returns what a driver of ENA counts, in the order of ethtool -S of the EC2 User Guide.
func ena(in, out, pps, conntrack, linkLocal uint64) map[string]uint64 {
	return map[string]uint64{
		"bw_in_allowance_exceeded": in, "bw_out_allowance_exceeded": out, "pps_allowance_exceeded": pps,
		"conntrack_allowance_exceeded": conntrack, "linklocal_allowance_exceeded": linkLocal,
		"conntrack_allowance_available": 136812, "queue_0_tx_cnt": 7, "tx_timeout": 0,
	}
}

func TestReadAllowances(t *testing.T) {
	old := map[string]uint64{"bw_in_allowance_exceeded": 3, "tx_timeout": 1} // an earlier driver
	available := uint64(136812)
	seen, err := readAllowances(fakeNICs{
		"ens6": ena(1, 2, 3, 4, 5), "ens5": old, "enp1": map[string]uint64{"rx_packets": 9},
		"tap0": unix.EOPNOTSUPP, "ens7": unix.ENODEV,
	})
	want := []nodeapi.Allowances{
		{NIC: "ens5", Exceeded: map[string]uint64{"bw_in_allowance_exceeded": 3}},
		{NIC: "ens6", ConnectionsAvailable: &available, Exceeded: map[string]uint64{
			"bw_in_allowance_exceeded": 1, "bw_out_allowance_exceeded": 2, "pps_allowance_exceeded": 3,
			"conntrack_allowance_exceeded": 4, "linklocal_allowance_exceeded": 5}},
	}
	if d := cmp.Diff(want, seen); d != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, d)
	}
	seen, err = readAllowances(fakeNICs{"ens5": unix.EPERM, "ens6": old})
	if len(seen) != 1 || err == nil || !strings.Contains(err.Error(), "ens5") {
		t.Errorf("one NIC is unreadable: %v, %v", seen, err)
	}
}

func TestAllowanceFindings(t *testing.T) {
	start := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	type reading struct {
		minute int
		nics   fakeNICs
		want   []string // codes, and what the text must have
	}
	for _, tt := range []struct {
		name     string
		readings []reading
	}{
		{"what was counted before is not known to be recent", []reading{
			{0, fakeNICs{"ens6": ena(9, 9, 9, 9, 9)}, nil}, {1, fakeNICs{"ens6": ena(9, 9, 9, 9, 9)}, nil}}},
		{"each allowance", []reading{
			{0, fakeNICs{"ens6": ena(0, 0, 0, 0, 0)}, nil},
			{1, fakeNICs{"ens6": ena(1, 2, 3, 4, 5)}, []string{
				"bandwidth-in-exceeded: AWS queued or dropped 1 packet of gw-1 since 2026-11-30 08:00:00 UTC, the last " +
					"before 08:01:00: the instance received more than the bandwidth of its type (bw_in_allowance_exceeded of ens6)",
				"bandwidth-out-exceeded: AWS queued or dropped 2 packets of gw-1 since",
				"packet-rate-exceeded: AWS queued or dropped 3 packets of gw-1 since",
				"connections-exceeded: AWS dropped 4 packets of gw-1 since",
				"link-local-exceeded: AWS dropped 5 packets of gw-1 since"}}}},
		{"it goes on, at two NICs, and ends", []reading{
			{0, fakeNICs{"ens5": ena(0, 0, 5, 0, 0), "ens6": ena(0, 0, 0, 0, 0)}, nil},
			{3, fakeNICs{"ens5": ena(0, 0, 5, 0, 0), "ens6": ena(0, 0, 10, 0, 0)},
				[]string{"packet-rate-exceeded: AWS queued or dropped 10 packets of gw-1 since 2026-11-30 08:00:00"}},
			{9, fakeNICs{"ens5": ena(0, 0, 6, 0, 0), "ens6": ena(0, 0, 30, 0, 0)}, []string{
				"dropped 31 packets of gw-1 since 2026-11-30 08:00:00 UTC, the last before 08:09:00: the instance sent and " +
					"received more packets per second than its type may (pps_allowance_exceeded of ens5, ens6)"}},
			{19, fakeNICs{"ens5": ena(0, 0, 6, 0, 0), "ens6": ena(0, 0, 30, 0, 0)}, []string{"31 packets"}},
			{20, fakeNICs{"ens5": ena(0, 0, 6, 0, 0), "ens6": ena(0, 0, 30, 0, 0)}, nil},
			{21, fakeNICs{"ens5": ena(0, 0, 6, 0, 0), "ens6": ena(0, 0, 32, 0, 0)},
				[]string{"2 packets of gw-1 since 2026-11-30 08:20:00"}}}},
		{"the driver was reset", []reading{
			{0, fakeNICs{"ens6": ena(0, 0, 100, 0, 0)}, nil},
			{1, fakeNICs{"ens6": ena(0, 0, 7, 0, 0)}, []string{"7 packets"}}}},
		{"a NIC is replaced by another", []reading{
			{0, fakeNICs{"ens6": ena(0, 0, 1, 0, 0)}, nil},
			{1, fakeNICs{}, nil},
			{2, fakeNICs{"ens6": ena(0, 0, 50, 0, 0)}, nil}}},
		{"no such driver", []reading{
			{0, fakeNICs{"eth0": unix.EOPNOTSUPP, "eth1": map[string]uint64{"rx": 1}}, nil},
			{1, fakeNICs{"eth0": unix.EOPNOTSUPP, "eth1": map[string]uint64{"rx": 2}}, nil}}},
	} {
		var w allowanceWatch
		for _, r := range tt.readings {
			seen, err := readAllowances(r.nics)
			if err != nil {
				t.Fatal(err)
			}
			w.observe(start.Add(time.Duration(r.minute)*time.Minute), seen)
			var got []string
			for _, f := range w.findings("gw-1") {
				got = append(got, string(f.Code)+": "+f.Text)
			}
			same := slices.EqualFunc(got, r.want, strings.Contains)
			if !same {
				t.Errorf("%s, minute %d: got\n%s\nwant\n%s", tt.name, r.minute, strings.Join(got, "\n"),
					strings.Join(r.want, "\n"))
			}
		}
	}
}

// The report has the finding and the counters whether or not Neutron and AWS answer, and the
// journal has the finding once.
func TestAllowancesInReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.json")
	synctest.Test(t, func(t *testing.T) {
		var journal bytes.Buffer
		nics := fakeNICs{"ens6": ena(0, 0, 0, 0, 0)}
		r := newReporter(path, "gw-1", nics, slog.New(slog.NewTextHandler(&journal, nil)))
		codes := func() (all []model.Code) {
			got, err := readReport(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range got.Findings {
				all = append(all, f.Code)
			}
			return all
		}
		r.reconciled(firstOfTwo, outcome{})
		if got := codes(); got != nil {
			t.Errorf("nothing was dropped: findings %v", got)
		}
		nics["ens6"] = ena(0, 0, 0, 12, 0)
		time.Sleep(time.Minute)
		r.queried(errors.New("no answer"))
		if got := codes(); !slices.Equal(got, []model.Code{"connections-exceeded"}) {
			t.Errorf("findings %v", got)
		}
		for range 3 {
			time.Sleep(time.Minute)
			r.reconciled(firstOfTwo, outcome{})
		}
		got, err := readReport(path)
		if err != nil || len(got.Findings) != 1 || len(got.Allowances) != 1 ||
			got.Allowances[0].Exceeded["conntrack_allowance_exceeded"] != 12 {
			t.Errorf("%v, report %+v", err, got)
		}
		nics["ens6"] = unix.EPERM
		for range 15 {
			time.Sleep(time.Minute)
			r.reconciled(firstOfTwo, outcome{})
		}
		if got := codes(); got != nil {
			t.Errorf("long ago: findings %v", got)
		}
		for _, text := range []string{"code=connections-exceeded hint=", "level=INFO msg=resolved",
			"operation not permitted"} {
			if n := strings.Count(journal.String(), text); n != 1 {
				t.Errorf("%d lines with %q, want one:\n%s", n, text, &journal)
			}
		}
	})
}

func TestAllowanceMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(allowanceMetrics{fakeNICs{
		"ens5": map[string]uint64{"bw_in_allowance_exceeded": 3}, "ens6": ena(1, 2, 30, 4, 5), "tap0": unix.EOPNOTSUPP}})
	const want = `# HELP macaw_allowance_exceeded_packets_total Packets that AWS queued or dropped since the driver was reset, ` +
		`by NIC and exceeded allowance of the instance.
# TYPE macaw_allowance_exceeded_packets_total counter
macaw_allowance_exceeded_packets_total{allowance="bw_in",nic="ens5"} 3
macaw_allowance_exceeded_packets_total{allowance="bw_in",nic="ens6"} 1
macaw_allowance_exceeded_packets_total{allowance="bw_out",nic="ens6"} 2
macaw_allowance_exceeded_packets_total{allowance="conntrack",nic="ens6"} 4
macaw_allowance_exceeded_packets_total{allowance="linklocal",nic="ens6"} 5
macaw_allowance_exceeded_packets_total{allowance="pps",nic="ens6"} 30
# HELP macaw_conntrack_allowance_available Connections that AWS can track in addition to the present ones, by NIC.
# TYPE macaw_conntrack_allowance_available gauge
macaw_conntrack_allowance_available{nic="ens6"} 136812
`
	out := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(out, httptest.NewRequest("GET", "/metrics", nil))
	if d := cmp.Diff(want, out.Body.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A finding says what helps, and is in the documentation; so is each metric.
func TestEveryAllowanceIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/floating-ips.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"`macaw_allowance_exceeded_packets_total`", "`macaw_conntrack_allowance_available`"}
	for _, a := range allowances {
		words = append(words, "| `"+string(a.code)+"` |")
		if a.hint == "" {
			t.Errorf("no hint for %s", a.code)
		}
	}
	for _, w := range words {
		if !strings.Contains(string(doc), w) {
			t.Errorf("docs/floating-ips.md does not have %s", w)
		}
	}
}
