package systemd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// System is a machine that systemd runs.
type System struct {
	// Run runs a command and returns what it wrote to its standard output.
	Run func(ctx context.Context, args ...string) (string, error)
	// Changed is when a file came to be as it is and where it is; Changed of this
	// package, but in tests.
	Changed func(path string) time.Time
	// Touch makes a file that is empty, or makes it anew; Touch of this package, but
	// in tests.
	Touch func(path string) error
	// Now is the time by the clock that the others go by.
	Now func() time.Time
}

// New is a machine whose files are those of this one.
func New(run func(ctx context.Context, args ...string) (string, error)) System {
	return System{Run: run, Changed: Changed, Touch: Touch, Now: time.Now}
}

// Changed is when a file came to be as it is and where it is, the zero time if it is
// not there. A file that is written beside its place and renamed is older than its
// being there, so it goes by the time of the inode's last change, which renaming sets
// too (inode(7), "Last status change timestamp").
func Changed(path string) time.Time {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return time.Time{}
	}
	return time.Unix(st.Ctim.Unix())
}

// Touch makes an empty file, or makes it anew.
func Touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err == nil {
		return nil
	}
	return os.WriteFile(path, nil, 0o644)
}

// grain is how much older than the truth a file's time may be: that of the kernel's
// last tick, of which there are 100 a second at least.
const grain = 10 * time.Millisecond

// unseen says whether who read its files at read has not seen what was changed at
// changed.
func unseen(read, changed time.Time) bool {
	return !changed.IsZero() && read.Before(changed.Add(grain))
}

// past is a time of reading if it can be compared with what was changed since: one that is yet to come was taken
// before the clock was set back, and what was changed then and later may be older by the clock.
func past(read, now time.Time) time.Time {
	if read.After(now) {
		return time.Time{}
	}
	return read
}

// todo is what has to happen to units.
type todo struct{ start, restart []string }

// plan starts what is down and restarts what has not seen its files as they are.
// changed tells when a unit's files were changed last.
func plan(seen []Unit, now time.Time, changed func(unit string) time.Time) todo {
	var p todo
	for _, u := range seen {
		switch {
		case (u.Active || u.Starting) && unseen(past(u.Started, now), changed(u.Name)):
			p.restart = append(p.restart, u.Name)
		case !u.Active: // of what is on its way already, systemctl awaits the end
			p.start = append(p.start, u.Name)
		}
	}
	return p
}

// Ensure makes units run with the files that are on disk, and returns when systemd
// calls them started. changed tells when a unit's files were changed last. did says
// whether there was anything to do.
func (s System) Ensure(ctx context.Context, changed func(unit string) time.Time, units ...string) (did bool, err error) {
	seen, err := s.Reload(ctx, units...)
	if err != nil {
		return false, err
	}
	p := plan(seen, s.Now(), changed)
	for _, verb := range []struct {
		name  string
		units []string
	}{{"start", p.start}, {"restart", p.restart}} {
		if len(verb.units) == 0 {
			continue
		}
		// A unit that has failed too often needs to be forgiven first; it costs nothing where there is nothing.
		if _, err := s.Run(ctx, append([]string{"systemctl", verb.name, "--"}, verb.units...)...); err != nil {
			_, _ = s.Run(ctx, append([]string{"systemctl", "reset-failed", "--"}, verb.units...)...) // the next line has the error
			if _, err = s.Run(ctx, append([]string{"systemctl", verb.name, "--"}, verb.units...)...); err != nil {
				return false, fmt.Errorf("%sing %s: %w", verb.name, strings.Join(verb.units, ", "), err)
			}
		}
	}
	return len(p.start)+len(p.restart) > 0, nil
}

// Reload makes systemd read unit files that it has not read since they were changed,
// and returns the units' states.
func (s System) Reload(ctx context.Context, units ...string) ([]Unit, error) {
	seen, err := s.Show(ctx, units...)
	if err != nil || !slices.ContainsFunc(seen, func(u Unit) bool { return u.Outdated }) {
		return seen, err
	}
	if _, err := s.Run(ctx, "systemctl", "daemon-reload"); err != nil {
		return nil, fmt.Errorf("telling systemd of changed units: %w", err)
	}
	return seen, nil
}

// networkd is the unit of the machine's network management.
const networkd = "systemd-networkd.service"

// ReloadNetwork makes systemd-networkd read files that it has not read since they were
// changed, by its start or by a reload. It does not tell of reloads, so stamp, a file
// that a reboot removes, says when it was told last;
// each of its callers has one of its own.
func (s System) ReloadNetwork(ctx context.Context, stamp string, files ...string) error {
	seen, err := s.Show(ctx, networkd)
	if err != nil {
		return err
	}
	if !seen[0].Active && !seen[0].Starting {
		return nil // it will read them when it starts
	}
	now := s.Now()
	read := past(seen[0].Started, now)
	if t := past(s.Changed(stamp), now); t.After(read) {
		read = t
	}
	if !slices.ContainsFunc(files, func(f string) bool { return unseen(read, s.Changed(f)) }) {
		return nil
	}
	if _, err := s.Run(ctx, "networkctl", "reload"); err != nil {
		return fmt.Errorf("telling networkd of %s: %w", strings.Join(files, ", "), err)
	}
	if err := s.Touch(stamp); err != nil {
		return fmt.Errorf("noting that networkd was told: %w", err)
	}
	return nil
}
