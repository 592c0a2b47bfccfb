// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"macaw.example/internal/systemd"
)

// configChanged returns the change time of the newest file that unit reads.
func (n *node) configChanged(unit string) time.Time {
	var newest time.Time
	for _, f := range n.files {
		if !slices.Contains(f.Readers, unit) {
			continue
		}
		if at := systemd.Changed(filepath.Join(n.root, f.Path)); at.After(newest) {
			newest = at
		}
	}
	return newest
}

func (n *node) system() systemd.System { return n.run.System() }

// ensureRunning makes units run with the configuration on disk, and waits until systemd reports
// them started.
func (n *node) ensureRunning(ctx context.Context, units ...string) error {
	did, err := n.system().Ensure(ctx, n.configChanged, units...)
	if err == nil && !did {
		return errNothingToDo
	}
	return err
}

// wantedBy is the directory whose links make a unit start at boot.
func wantedBy(unit string) string {
	switch filepath.Ext(unit) {
	case ".socket":
		return "/etc/systemd/system/sockets.target.wants"
	case ".timer":
		return "/etc/systemd/system/timers.target.wants"
	}
	return "/etc/systemd/system/multi-user.target.wants"
}

// enable makes units start at boot. It makes the link itself: systemctl would first run a script
// for every unit that has a counterpart in /etc/init.d, at a third of a second each.
func enable(root string, units []string) error {
	for _, unit := range units {
		target := "/usr/lib/systemd/system/" + unit
		if _, err := os.Lstat(filepath.Join(root, target)); errors.Is(err, fs.ErrNotExist) {
			target = "/etc/systemd/system/" + unit
		}
		link := filepath.Join(root, wantedBy(unit), unit)
		if seen, err := os.Readlink(link); err == nil && seen == target {
			continue
		}
		err := os.MkdirAll(filepath.Dir(link), 0o755)
		if err == nil {
			err = os.Symlink(target, link)
		}
		if errors.Is(err, fs.ErrExist) {
			err = nil // Debian's own link has the same effect
		}
		if err != nil {
			return fmt.Errorf("enabling %s: %w", unit, err)
		}
	}
	return nil
}

// disable keeps units from starting at boot, wherever their links are.
func disable(root string, units []string) error {
	var errs []error
	for _, unit := range units {
		links, _ := filepath.Glob(filepath.Join(root, "/etc/systemd/system/*.wants", unit))
		for _, link := range links {
			errs = append(errs, os.Remove(link))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("disabling units: %w", err)
	}
	return nil
}
