package openstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// unitState is what systemd knows of a unit.
type unitState struct {
	Name     string
	Active   bool      // running, or a oneshot that has run
	Started  time.Time // when its main process began to read its configuration
	Outdated bool      // systemd has not read its unit files since they were changed
}

// unitProperties are what parseUnits reads.
const unitProperties = "Id,LoadState,ActiveState,ExecMainStartTimestamp,ActiveEnterTimestamp,NeedDaemonReload"

// showUnits asks systemd for the states of units, in their order.
func showUnits(ctx context.Context, run runner, units []string) ([]unitState, error) {
	out, err := run(ctx, command{Args: append([]string{"systemctl", "show", "--timestamp=us+utc", "--property=" + unitProperties, "--"}, units...)})
	if err != nil {
		return nil, fmt.Errorf("asking systemd for the state of units: %w", err)
	}
	return parseUnits(out, units)
}

// parseUnits reads the output of systemctl show, which has one block a unit.
func parseUnits(out string, units []string) ([]unitState, error) {
	blocks := strings.Split(strings.TrimSpace(out), "\n\n")
	if len(blocks) != len(units) {
		return nil, fmt.Errorf("systemd described %d units of %d", len(blocks), len(units))
	}
	var states []unitState
	for i, block := range blocks {
		p := map[string]string{}
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			p[key] = value
		}
		if p["LoadState"] != "loaded" {
			return nil, fmt.Errorf("unit %s is %s", units[i], p["LoadState"])
		}
		s := unitState{Name: units[i], Active: p["ActiveState"] == "active", Outdated: p["NeedDaemonReload"] == "yes"}
		for _, key := range []string{"ExecMainStartTimestamp", "ActiveEnterTimestamp"} {
			if v := p[key]; v != "" && v != "n/a" {
				t, err := time.Parse("Mon 2006-01-02 15:04:05.999999 MST", v)
				if err != nil {
					return nil, fmt.Errorf("reading when %s started: %w", units[i], err)
				}
				s.Started = t
				break
			}
		}
		states = append(states, s)
	}
	return states, nil
}

// unitPlan is what has to happen to units.
type unitPlan struct {
	start   []string
	restart []string
}

// planUnits starts what is down and restarts what began to run before a file that it reads was last changed:
// the rule of make. It needs no record, so it can be killed anywhere.
// changed tells when a unit's configuration was last changed.
func planUnits(seen []unitState, changed func(unit string) time.Time) unitPlan {
	var p unitPlan
	for _, u := range seen {
		switch {
		case !u.Active:
			p.start = append(p.start, u.Name)
		case u.Started.Before(changed(u.Name)):
			p.restart = append(p.restart, u.Name)
		}
	}
	return p
}

// configChanged is when the newest file that unit reads was written.
func (n *node) configChanged(unit string) time.Time {
	var newest time.Time
	for _, f := range n.files {
		if !slices.Contains(f.Readers, unit) {
			continue
		}
		if info, err := os.Stat(filepath.Join(n.root, f.Path)); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest
}

// ensureRunning makes units run with the configuration that is on disk, and waits until systemd calls them started.
func (n *node) ensureRunning(ctx context.Context, units ...string) error {
	seen, err := showUnits(ctx, n.run, units)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(seen, func(u unitState) bool { return u.Outdated }) {
		// Only after a run that was killed between writing them and telling systemd.
		if _, err := n.run(ctx, command{Args: []string{"systemctl", "daemon-reload"}}); err != nil {
			return fmt.Errorf("telling systemd of changed units: %w", err)
		}
	}
	plan := planUnits(seen, n.configChanged)
	if len(plan.start)+len(plan.restart) == 0 {
		return errNothingToDo
	}
	for _, verb := range []struct {
		name  string
		units []string
	}{{"start", plan.start}, {"restart", plan.restart}} {
		if len(verb.units) == 0 {
			continue
		}
		// A unit that has failed too often needs to be forgiven first; it costs nothing where there is nothing.
		if _, err := n.run(ctx, command{Args: append([]string{"systemctl", verb.name, "--"}, verb.units...)}); err != nil {
			n.run(ctx, command{Args: append([]string{"systemctl", "reset-failed", "--"}, verb.units...)})
			if _, err = n.run(ctx, command{Args: append([]string{"systemctl", verb.name, "--"}, verb.units...)}); err != nil {
				return fmt.Errorf("%sing %s: %w", verb.name, strings.Join(verb.units, ", "), err)
			}
		}
	}
	return nil
}

// wantedBy is the directory whose links make a unit start at boot.
func wantedBy(unit string) string {
	if strings.HasSuffix(unit, ".socket") {
		return "/etc/systemd/system/sockets.target.wants"
	}
	return "/etc/systemd/system/multi-user.target.wants"
}

// enable makes units start at boot. It makes the link itself: systemctl would first run a script for
// every unit that has a counterpart in /etc/init.d, at a third of a second each.
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
			err = nil // Debian's own link says the same another way
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
