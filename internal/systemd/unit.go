// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Unit is the state of a unit.
type Unit struct {
	Name     string
	Missing  string    // "masked", "not-found" or another LoadState without which it cannot start; empty if it can
	Enabled  bool      // starts at boot by a link of its own
	Active   bool      // running, or a oneshot that has run
	Starting bool      // its process may run already, and have read its files
	Queued   bool      // systemd has a job for it, such as a start that waits for other units
	Started  time.Time // when its main process began to read its configuration
	Outdated bool      // its unit files have changed since systemd read them
}

// properties are those that parse reads.
const properties = "Id,LoadState,UnitFileState,ActiveState,Job,ExecMainStartTimestamp,ActiveEnterTimestamp," +
	"NeedDaemonReload"

// Show returns the states of units, in their order. A unit that does not exist, or is masked, is in
// the answer like the others.
func (s System) Show(ctx context.Context, units ...string) ([]Unit, error) {
	args := []string{"systemctl", "show", "--timestamp=us+utc", "--property=" + properties, "--"}
	out, err := s.Run(ctx, append(args, units...)...)
	if err != nil {
		return nil, fmt.Errorf("reading the state of units: %w", err)
	}
	return parse(out, units)
}

// parse parses the output of systemctl show, which has a block for each unit.
func parse(out string, units []string) ([]Unit, error) {
	blocks := strings.Split(strings.TrimSpace(out), "\n\n")
	if len(blocks) != len(units) {
		return nil, fmt.Errorf("systemd described %d units of %d", len(blocks), len(units))
	}
	var states []Unit
	for i, block := range blocks {
		p := map[string]string{}
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			p[key] = value
		}
		if p["LoadState"] == "" {
			return nil, fmt.Errorf("systemd described unit %s without its LoadState", units[i])
		}
		u := Unit{Name: units[i], Active: p["ActiveState"] == "active", Starting: p["ActiveState"] == "activating",
			Enabled: strings.HasPrefix(p["UnitFileState"], "enabled"), Outdated: p["NeedDaemonReload"] == "yes",
			Queued: p["Job"] != "" && p["Job"] != "0"}
		if p["LoadState"] != "loaded" {
			u.Missing = p["LoadState"]
		}
		for _, key := range []string{"ExecMainStartTimestamp", "ActiveEnterTimestamp"} {
			if v := p[key]; v != "" && v != "n/a" {
				t, err := time.Parse("Mon 2006-01-02 15:04:05.999999 MST", v)
				if err != nil {
					return nil, fmt.Errorf("reading when %s started: %w", units[i], err)
				}
				u.Started = t
				break
			}
		}
		states = append(states, u)
	}
	return states, nil
}
