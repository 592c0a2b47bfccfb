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
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/internal/nodeapi"
)

const (
	policyPath = "/usr/sbin/policy-rc.d"
	// policy keeps packages from starting services before they are configured.
	policy = "#!/bin/sh\n# Written by macaw while it installs packages.\nexit 101\n"
)

// heldBack keeps Debian's unattended-upgrades, which is in its image for EC2, from packages whose
// upgrade restarts a service of the cloud or leaves one running with files of two versions: each
// restart of Open vSwitch or MariaDB is an outage that nobody asked for. The patterns match the
// beginnings of names (Unattended-Upgrade::Package-Blacklist, in the package's README.md).
var heldBack = file{Path: "/etc/apt/apt.conf.d/60macaw-held-back", Mode: 0o644, Content: []byte(
	`// Written by macaw. Upgrades of these packages restart services of the cloud: install them at a
// time of your choice, with apt-get upgrade.
Unattended-Upgrade::Package-Blacklist {
	"apache2";
	"dnsmasq";
	"erlang-";
	"glance-";
	"haproxy$";
	"keystone";
	"libapache2-mod-wsgi-py3$";
	"libvirt";
	"mariadb-";
	"memcached$";
	"neutron-";
	"nova-";
	"openstack-dashboard";
	"openvswitch-";
	"ovn-";
	"placement-";
	"python3-(glance|keystone|neutron|nova|openvswitch|ovn|placement)$";
	"qemu-";
	"rabbitmq-server$";
	"uwsgi-";
};
`)}

// aptUnits upgrade packages without being asked, often right after the first boot.
var (
	aptTimers   = []string{"apt-daily.timer", "apt-daily-upgrade.timer"}
	aptServices = []string{"apt-daily.service", "apt-daily-upgrade.service"}
)

// aptLocks are the locks of apt and dpkg, in the order in which apt takes them.
var aptLocks = []string{
	"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock",
}

// aptOptions are those of each installation. dpkg need not sync each file, see withoutSync.
var aptOptions = []string{"-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-unsafe-io", "-o",
	"Dpkg::Options::=--force-confold"}

// aptLimit bounds the wait for another apt; the first upgrade of an old image takes minutes.
const aptLimit = 20 * time.Minute

func (n *node) installPackages(ctx context.Context) error {
	env := []string{"DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true"}
	ours := true
	if seen, err := os.ReadFile(filepath.Join(n.root, policyPath)); err == nil {
		ours = string(seen) == policy
	}
	if ours {
		if _, err := (file{Path: policyPath, Mode: 0o755, Content: []byte(policy)}).write(n.root); err != nil {
			return err
		}
	}
	if _, err := heldBack.write(n.root); err != nil {
		return err
	}
	resume, err := n.pauseUpgrades(ctx)
	if err != nil {
		return err
	}
	for _, c := range []command{
		{Args: []string{"dpkg", "--configure", "-a", "--force-confold"}, Env: env},
		{Args: []string{"apt-get", "update"}, Env: env},
	} {
		if err := n.runApt(ctx, c); err != nil {
			return fmt.Errorf("installing packages: %w", err)
		}
	}
	options, quick, err := n.quickApt(ctx, env)
	if err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	options = append(options, "-o", fmt.Sprintf("APT::Status-Fd=%d", statusFD))
	stop := n.compileMeanwhile(ctx)
	err = n.runApt(ctx, command{
		Args: slices.Concat([]string{"apt-get", "install"}, aptOptions, options, nodeapi.Packages()), Env: quick,
		Status: func(line string) {
			if text := describeStatus(line); text != "" {
				n.note("packages", text)
			}
		},
	})
	stop()
	if err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	if err := n.finishPackages(ctx); err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	// dbus-daemon does not notice rules that packages have added. Until a reload, polkitd, which
	// libvirt needs, cannot own its name on the bus.
	if _, err := n.run(ctx, command{Args: []string{"systemctl", "reload", "dbus.service"}}); err != nil {
		return fmt.Errorf("telling the message bus of new packages: %w", err)
	}
	if ours { // only now, so that it still applies after a killed run
		if err := os.Remove(filepath.Join(n.root, policyPath)); err != nil {
			return err
		}
	}
	return resume(ctx)
}

// pauseUpgrades keeps Debian's timers from starting apt. What it has started already goes on:
// runApt waits for it. After a killed run the timers stay stopped until the next boot.
func (n *node) pauseUpgrades(ctx context.Context) (resume func(context.Context) error, err error) {
	seen, err := n.system().Show(ctx, aptTimers...)
	if err != nil {
		return nil, err
	}
	var active []string
	for i, u := range seen {
		if u.Active {
			active = append(active, aptTimers[i])
		}
	}
	systemctl := func(ctx context.Context, verb string) error {
		if len(active) == 0 {
			return nil
		}
		_, err := n.run(ctx, command{Args: append([]string{"systemctl", verb, "--"}, active...)})
		return err
	}
	if err := systemctl(ctx, "stop"); err != nil {
		return nil, fmt.Errorf("stopping Debian's timers of upgrades: %w", err)
	}
	return func(ctx context.Context) error {
		if err := systemctl(ctx, "start"); err != nil {
			return fmt.Errorf("starting Debian's timers of upgrades again: %w", err)
		}
		return nil
	}, nil
}

// runApt runs apt-get or dpkg when no other one is running.
func (n *node) runApt(ctx context.Context, c command) error {
	ctx, cancel := context.WithTimeoutCause(ctx, aptLimit, fmt.Errorf("not done after %s", aptLimit))
	defer cancel()
	for {
		if err := n.awaitApt(ctx); err != nil {
			return err
		}
		_, err := n.run(ctx, c)
		if err == nil {
			return nil
		}
		// Somebody was faster.
		if n.aptHolder() == "" || !strings.Contains(err.Error(), "lock") {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// awaitApt waits until no apt or dpkg is running, and says which one it waits for.
func (n *node) awaitApt(ctx context.Context) error {
	var said string
	for {
		holder := n.aptHolder()
		if holder == "" {
			// Between two commands of theirs no lock is held.
			seen, err := n.system().Show(ctx, aptServices...)
			if err != nil {
				return err
			}
			for i, u := range seen {
				if u.Starting || u.Active {
					holder = aptServices[i]
				}
			}
		}
		if holder == "" {
			return nil
		}
		if holder != said {
			n.note("packages", "waiting for "+holder+", which is installing packages")
			said = holder
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s, which is installing packages: %w", holder, context.Cause(ctx))
		case <-time.After(pollEvery):
		}
	}
}

// aptHolder returns the program that holds a lock of apt or dpkg, such as "unattended-upgr (process
// 812)", or the empty string.
func (n *node) aptHolder() string {
	for _, path := range aptLocks {
		f, err := os.Open(filepath.Join(n.root, path))
		if err != nil {
			continue // apt makes it
		}
		lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET}
		err = unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock)
		f.Close()
		if err != nil || lock.Type == unix.F_UNLCK {
			continue
		}
		if lock.Pid <= 0 {
			return "another program"
		}
		name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(int(lock.Pid)), "comm"))
		if errors.Is(err, fs.ErrNotExist) { // it has ended since
			continue
		}
		return fmt.Sprintf("%s (process %d)", strings.TrimSpace(string(name)), lock.Pid)
	}
	return ""
}
