// SPDX-License-Identifier: Apache-2.0

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

	"macaw.example/internal/hint"
)

// System is a machine that systemd runs.
type System struct {
	// Run runs a command and returns what it wrote to its standard output.
	Run func(ctx context.Context, args ...string) (string, error)
	// Changed returns when a file changed last; in tests another function than Changed of
	// this package.
	Changed func(path string) time.Time
	// Touch makes an empty file, or updates its time; the same in tests.
	Touch func(path string) error
	// Now returns the time by the clock of the others.
	Now func() time.Time
}

// New returns the system of this machine.
func New(run func(ctx context.Context, args ...string) (string, error)) System {
	return System{Run: run, Changed: Changed, Touch: Touch, Now: time.Now}
}

// Changed returns when a file came to have its present content at its path, the zero time
// if there is none. A file that was written under another name and renamed was modified
// earlier, so this is the time of the inode's last change, which renaming sets too
// (inode(7), "Last status change timestamp").
func Changed(path string) time.Time {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return time.Time{}
	}
	return time.Unix(st.Ctim.Unix())
}

// Touch makes an empty file, or updates the time of the one that is there.
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

// timestampSlack is how much too old a file's time may be: it is that of the kernel's last
// tick, of which there are at least 100 a second.
const timestampSlack = 10 * time.Millisecond

// stale tells whether a daemon that read its files at read has not seen a change at
// changed.
func stale(read, changed time.Time) bool {
	return !changed.IsZero() && read.Before(changed.Add(timestampSlack))
}

// dropFuture returns the time of a read if it can be compared with changes since then, or
// the zero time. One in the future was taken before the clock was set back, and later
// changes may have earlier times.
func dropFuture(read, now time.Time) time.Time {
	if read.After(now) {
		return time.Time{}
	}
	return read
}

// actions are the units to start and those to restart.
type actions struct{ start, restart []string }

// plan starts units that are down and restarts those that have not read their files as they
// are. changed returns when a unit's files changed last.
func plan(seen []Unit, now time.Time, changed func(unit string) time.Time) actions {
	var p actions
	for _, u := range seen {
		switch {
		case (u.Active || u.Starting) && stale(dropFuture(u.Started, now), changed(u.Name)):
			p.restart = append(p.restart, u.Name)
		case !u.Active: // if it is starting already, systemctl waits for it
			p.start = append(p.start, u.Name)
		}
	}
	return p
}

// Ensure makes units run with the files that are on disk, and returns when systemd calls
// them started. changed returns when a unit's files changed last, and did whether there was
// anything to do.
func (s System) Ensure(
	ctx context.Context, changed func(unit string) time.Time, units ...string,
) (did bool, err error) {
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
		if err := s.systemctl(ctx, verb.name, verb.units); err == nil {
			continue
		}
		// A unit that has failed too often does not start before it is reset.
		_ = s.systemctl(ctx, "reset-failed", verb.units) // the next line has the error
		if err := s.systemctl(ctx, verb.name, verb.units); err != nil {
			return false, fmt.Errorf("%sing %s: %w", verb.name, strings.Join(verb.units, ", "), err)
		}
	}
	return len(p.start)+len(p.restart) > 0, nil
}

func (s System) systemctl(ctx context.Context, verb string, units []string) error {
	_, err := s.Run(ctx, append([]string{"systemctl", verb, "--"}, units...)...)
	return err
}

// Reload makes systemd reload unit files that have changed since it read them, and returns
// the units' states. Each of them must be one that can be started.
func (s System) Reload(ctx context.Context, units ...string) ([]Unit, error) {
	seen, err := s.Show(ctx, units...)
	if err != nil {
		return nil, err
	}
	for _, u := range seen {
		if u.Missing == "masked" {
			return nil, hint.With(fmt.Errorf("unit %s is masked", u.Name), "sudo systemctl unmask %s, on that node", u.Name)
		}
		if u.Missing != "" {
			return nil, fmt.Errorf("unit %s is %s", u.Name, u.Missing)
		}
	}
	if !slices.ContainsFunc(seen, func(u Unit) bool { return u.Outdated }) {
		return seen, nil
	}
	if _, err := s.Run(ctx, "systemctl", "daemon-reload"); err != nil {
		return nil, fmt.Errorf("reloading unit files: %w", err)
	}
	return seen, nil
}

// networkd is the unit of the machine's network management.
const networkd = "systemd-networkd.service"

// ReloadNetwork makes systemd-networkd reload files that have changed since it read them, at
// its start or by a reload. networkd does not show the time of a reload, so that is the time
// of stamp, a file that a reboot removes. Each caller has a stamp of its own.
func (s System) ReloadNetwork(ctx context.Context, stamp string, files ...string) error {
	seen, err := s.Show(ctx, networkd)
	if err != nil {
		return err
	}
	if !seen[0].Active && !seen[0].Starting {
		return nil // it will read them when it starts
	}
	now := s.Now()
	read := dropFuture(seen[0].Started, now)
	if t := dropFuture(s.Changed(stamp), now); t.After(read) {
		read = t
	}
	if !slices.ContainsFunc(files, func(f string) bool { return stale(read, s.Changed(f)) }) {
		return nil
	}
	if _, err := s.Run(ctx, "networkctl", "reload"); err != nil {
		return fmt.Errorf("reloading networkd for %s: %w", strings.Join(files, ", "), err)
	}
	if err := s.Touch(stamp); err != nil {
		return fmt.Errorf("writing the stamp of networkd's reload: %w", err)
	}
	return nil
}
