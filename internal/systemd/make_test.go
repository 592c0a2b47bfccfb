// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/hint"
)

func TestPlan(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	seen := []Unit{
		{Name: "down"},
		{Name: "fresh", Active: true, Started: at(20)},
		{Name: "stale", Active: true, Started: at(5)},
		{Name: "at-once", Active: true, Started: at(10)},
		{Name: "reads-nothing", Active: true, Started: at(1)},
		{Name: "failed", Started: at(5)},
		{Name: "starts", Starting: true, Started: at(20)},
		{Name: "starts-stale", Starting: true, Started: at(5)},
		{Name: "before-the-clock-was-set-back", Active: true, Started: at(99)},
	}
	got := plan(seen, at(30), func(u string) time.Time {
		if u == "reads-nothing" {
			return time.Time{}
		}
		return at(10)
	})
	want := actions{start: []string{"down", "failed", "starts"},
		restart: []string{"stale", "at-once", "starts-stale", "before-the-clock-was-set-back"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(actions{})); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// The time is that of renaming, not that of writing the content.
func TestChanged(t *testing.T) {
	dir := t.TempDir()
	path, beside := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if got := Changed(path); !got.IsZero() {
		t.Errorf("a file that is not there changed at %s", got)
	}
	if err := os.WriteFile(beside, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	long := time.Unix(1000, 0)
	if err := os.Chtimes(beside, long, long); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := os.Rename(beside, path); err != nil {
		t.Fatal(err)
	}
	if got := Changed(path); got.Add(timestampSlack).Before(began) {
		t.Errorf("a file that came to its place at %s changed at %s", began, got)
	}
	for range 2 {
		if err := Touch(filepath.Join(dir, "c", "d")); err != nil {
			t.Error(err)
		}
	}
	if got := Changed(filepath.Join(dir, "c", "d")); got.Before(Changed(path)) {
		t.Errorf("a file that was touched changed at %s", got)
	}
}

// networkd is reloaded for a file until it has read it, at its start or by a reload.
func TestReloadNetwork(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 11, 23, 1, 0, s, 0, time.UTC) }
	for _, tt := range []struct {
		name, state       string
		started, reloaded int // seconds; reloaded 0: never
		want              bool
	}{
		{"it runs, and was not reloaded", "active", 5, 0, true},
		{"it was reloaded before the file changed", "active", 5, 9, true},
		{"it was reloaded after that", "active", 5, 11, false},
		{"it was started after that", "active", 12, 0, false},
		{"it is being started, and may have read the old file", "activating", 9, 0, true},
		{"it was started before the clock was set back", "active", 59, 0, true},
		{"it was reloaded before the clock was set back", "active", 5, 59, true},
		{"it does not run", "inactive", 5, 0, false},
	} {
		var reloaded, touched bool
		s := System{
			Run: func(_ context.Context, args ...string) (string, error) {
				reloaded = reloaded || args[0] == "networkctl"
				return "LoadState=loaded\nActiveState=" + tt.state + "\nExecMainStartTimestamp=" +
					at(tt.started).Format("Mon 2006-01-02 15:04:05 MST") + "\n", nil
			},
			Changed: func(path string) time.Time {
				switch {
				case path == "file":
					return at(10)
				case tt.reloaded == 0:
					return time.Time{}
				}
				return at(tt.reloaded)
			},
			Touch: func(string) error { touched = true; return nil },
			Now:   func() time.Time { return at(30) },
		}
		if err := s.ReloadNetwork(t.Context(), "stamp", "file"); err != nil || reloaded != tt.want ||
			touched != tt.want {
			t.Errorf("%s: reloaded %v, stamped %v, %v; want %v", tt.name, reloaded, touched, err, tt.want)
		}
	}
}

// A unit that cannot be started is an error that names it, before anything is done.
func TestEnsureNamesAUnitThatCannotStart(t *testing.T) {
	for state, want := range map[string]string{"masked": "unit b.service is masked", "not-found": "unit b.service is not-found"} {
		var ran []string
		s := System{Run: func(_ context.Context, args ...string) (string, error) {
			ran = append(ran, args[1])
			return "LoadState=loaded\nActiveState=inactive\n\nLoadState=" + state + "\nActiveState=inactive\n", nil
		}}
		_, err := s.Ensure(t.Context(), func(string) time.Time { return time.Time{} }, "a.service", "b.service")
		if err == nil || err.Error() != want || len(ran) != 1 {
			t.Errorf("%v after %q; want %s", err, ran, want)
		}
		if hints := hint.All(err); (state == "masked") != (len(hints) == 1) {
			t.Errorf("%s: hints %q", state, hints)
		}
	}
}
