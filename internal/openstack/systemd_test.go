package openstack

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const shown = `Id=keystone.service
LoadState=loaded
ActiveState=active
ExecMainStartTimestamp=Mon 2026-11-23 01:04:40.123456 UTC
ActiveEnterTimestamp=Mon 2026-11-23 01:04:41.000000 UTC

ExecMainStartTimestamp=n/a
Id=libvirtd.socket
LoadState=loaded
ActiveState=active
ActiveEnterTimestamp=Mon 2026-11-23 01:00:00.500000 UTC

Id=apache2.service
LoadState=loaded
ActiveState=failed
ExecMainStartTimestamp=
ActiveEnterTimestamp=
NeedDaemonReload=yes
`

func TestParseUnits(t *testing.T) {
	units := []string{"keystone.service", "libvirtd.socket", "apache2.service"}
	got, err := parseUnits(shown, units)
	if err != nil {
		t.Fatal(err)
	}
	want := []unitState{
		{Name: "keystone.service", Active: true, Started: time.Date(2026, 11, 23, 1, 4, 40, 123456000, time.UTC)},
		{Name: "libvirtd.socket", Active: true, Started: time.Date(2026, 11, 23, 1, 0, 0, 500000000, time.UTC)},
		{Name: "apache2.service", Outdated: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
	if _, err := parseUnits("Id=x.service\nLoadState=not-found\nActiveState=inactive\n", []string{"x.service"}); err == nil {
		t.Error("a unit that does not exist is taken for one")
	}
	if _, err := parseUnits(shown, units[:2]); err == nil {
		t.Error("three answers to two questions are accepted")
	}
}

func TestPlanUnits(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	seen := []unitState{
		{Name: "down"},
		{Name: "fresh", Active: true, Started: at(20)},
		{Name: "stale", Active: true, Started: at(5)},
		{Name: "reads-nothing", Active: true, Started: at(1)},
	}
	changed := map[string]time.Time{"down": at(10), "fresh": at(10), "stale": at(10)}
	got := planUnits(seen, func(u string) time.Time { return changed[u] })
	want := unitPlan{start: []string{"down"}, restart: []string{"stale"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(unitPlan{})); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestConfigChangedIsWhenTheNewestReadFileWasWritten(t *testing.T) {
	n := &node{root: t.TempDir(), files: []file{
		{Path: "/etc/a", Readers: []string{"x.service"}},
		{Path: "/etc/b", Readers: []string{"x.service", "y.service"}},
		{Path: "/etc/c", Readers: []string{"z.service"}},
	}}
	old, recent := time.Unix(1000, 0), time.Unix(2000, 0)
	for path, when := range map[string]time.Time{"/etc/a": old, "/etc/b": recent, "/etc/c": old} {
		path = filepath.Join(n.root, path)
		os.MkdirAll(filepath.Dir(path), 0o755)
		os.WriteFile(path, nil, 0o644)
		os.Chtimes(path, when, when)
	}
	for unit, want := range map[string]time.Time{"x.service": recent, "y.service": recent, "z.service": old, "other.service": {}} {
		if got := n.configChanged(unit); !got.Equal(want) {
			t.Errorf("configuration of %s changed at %v, want %v", unit, got, want)
		}
	}
}

func TestEnableDisable(t *testing.T) {
	root := t.TempDir()
	os.MkdirAll(filepath.Join(root, "usr/lib/systemd/system"), 0o755)
	os.WriteFile(filepath.Join(root, "usr/lib/systemd/system/a.service"), nil, 0o644)
	units := []string{"a.service", "b.socket"}
	for range 2 {
		if err := enable(root, units); err != nil {
			t.Fatal(err)
		}
	}
	for link, want := range map[string]string{
		"multi-user.target.wants/a.service": "/usr/lib/systemd/system/a.service",
		"sockets.target.wants/b.socket":     "/etc/systemd/system/b.socket",
	} {
		if got, err := os.Readlink(filepath.Join(root, "etc/systemd/system", link)); got != want {
			t.Errorf("%s leads to %q (%v), want %q", link, got, err, want)
		}
	}
	if err := disable(root, units); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "etc/systemd/system/*.wants/*")); len(left) > 0 {
		t.Errorf("still enabled: %v", left)
	}
}
