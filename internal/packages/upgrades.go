// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"context"
	"fmt"
	"time"
)

// Debian's own upgrades: these units run apt without being asked, often right after the first boot. A
// machine may lack them, or somebody may have masked them.
var (
	aptTimers   = []string{"apt-daily.timer", "apt-daily-upgrade.timer"}
	aptServices = []string{"apt-daily.service", "apt-daily-upgrade.service"}
)

// resumeLimit bounds the start of timers after a run that was told to end.
const resumeLimit = 30 * time.Second

// pauseUpgrades keeps Debian's timers from starting apt, until resume. What it has started already goes
// on: runApt waits for it. resume starts every timer that starts at boot, not only those that were
// running: a killed run has left them stopped. It is never nil, and works after the end of a context.
func (m *Machine) pauseUpgrades(ctx context.Context) (resume func(context.Context) error, err error) {
	resume = func(context.Context) error { return nil }
	seen, err := m.Run.System().Show(ctx, aptTimers...)
	if err != nil {
		return resume, err
	}
	var active, wanted []string
	for _, u := range seen {
		if u.Active {
			active = append(active, u.Name)
		}
		if u.Missing == "" && (u.Active || u.Enabled) {
			wanted = append(wanted, u.Name)
		}
	}
	resume = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resumeLimit)
		defer cancel()
		if err := m.Run.Systemctl(ctx, "start", wanted); err != nil {
			return fmt.Errorf("starting Debian's timers of upgrades again: %w", err)
		}
		return nil
	}
	if err := m.Run.Systemctl(ctx, "stop", active); err != nil {
		return resume, fmt.Errorf("stopping Debian's timers of upgrades: %w", err)
	}
	return resume, nil
}

// EndUpgrades keeps Debian's timers from starting apt until the next boot, and waits for what they have
// started: an image of the disk must not show an upgrade half done. The package step has started them
// again, and one whose time has passed meanwhile runs at once (systemd.timer(5), Persistent=).
func (m *Machine) EndUpgrades(ctx context.Context) error {
	if _, err := m.pauseUpgrades(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, aptLimit, fmt.Errorf("not done after %s", aptLimit))
	defer cancel()
	return m.awaitApt(ctx)
}
