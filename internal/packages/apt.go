// SPDX-License-Identifier: Apache-2.0

package packages

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

	"macaw.example/internal/configfile"
	"macaw.example/internal/execute"
	"macaw.example/internal/nodeapi"
)

const (
	policyPath = "/usr/sbin/policy-rc.d"
	// policy keeps packages from starting services before they are configured.
	policy = "#!/bin/sh\n# Written by macaw while it installs packages.\nexit 101\n"
)

// HeldBack keeps Debian's unattended-upgrades, which is in its image for EC2, from packages whose
// upgrade restarts a service of the cloud or leaves one running with files of two versions: each
// restart of Open vSwitch or MariaDB is an outage that nobody asked for. The patterns match the
// beginnings of names (Unattended-Upgrade::Package-Blacklist, in the package's README.md).
var HeldBack = configfile.File{Path: "/etc/apt/apt.conf.d/60macaw-held-back", Mode: 0o644, Content: []byte(
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

// aptLocks are the locks of apt and dpkg, in the order in which apt takes them.
var aptLocks = []string{
	"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock",
}

// aptOptions are those of each installation.
var aptOptions = []string{"-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"}

const (
	// aptLimit bounds the wait for another apt; the first upgrade of an old image takes minutes.
	aptLimit = 20 * time.Minute
	// pollEvery is the pause between two looks at locks.
	pollEvery = 100 * time.Millisecond
	// installLimit bounds one run of apt or dpkg: a script of a package may hang. Six hundred packages on a
	// small instance with a slow mirror take half an hour.
	installLimit = 2 * time.Hour
	// installGrace is how long the present run of dpkg may take after that.
	installGrace = 15 * time.Minute
)

func (m *Machine) installPackages(ctx context.Context) (err error) {
	env := []string{"DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true"}
	unsynced, err := m.beginUnsynced()
	if err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	ours := true
	if seen, err := os.ReadFile(filepath.Join(m.Root, policyPath)); err == nil {
		ours = string(seen) == policy
	}
	if ours {
		if _, err := (configfile.File{Path: policyPath, Mode: 0o755, Content: []byte(policy)}).Write(m.Root); err != nil {
			return err
		}
	}
	if _, err := HeldBack.Write(m.Root); err != nil {
		return err
	}
	resume, err := m.pauseUpgrades(ctx)
	defer func() { err = errors.Join(err, resume(ctx)) }() // after a failure too: the next run may be far off
	if err != nil {
		return err
	}
	configure := execute.Command{Args: []string{"dpkg", "--configure", "-a", "--force-confold"}, Env: env}
	if err := m.runApt(ctx, configure); err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	if err := m.updateLists(ctx, env); err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	options, quick, err := m.quickApt(ctx, env, unsynced)
	if err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	options = append(options, "-o", fmt.Sprintf("APT::Status-Fd=%d", execute.StatusFD))
	stop := m.compileMeanwhile(ctx)
	err = m.runApt(ctx, execute.Command{
		Args: slices.Concat([]string{"apt-get", "install"}, aptOptions, options, nodeapi.Packages()), Env: quick,
		Status: func(line string) {
			if text := describeStatus(line); text != "" {
				m.Note("packages", text)
			}
		},
	})
	stop()
	if err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	if err := m.finishPackages(ctx); err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	// dbus-daemon does not notice rules that packages have added. Until a reload, polkitd, which
	// libvirt needs, cannot own its name on the bus.
	if _, err := m.Run(ctx, execute.Command{Args: []string{"systemctl", "reload", "dbus.service"}}); err != nil {
		return fmt.Errorf("telling the message bus of new packages: %w", err)
	}
	if ours { // only now, so that it still applies after a killed run
		if err := os.Remove(filepath.Join(m.Root, policyPath)); err != nil {
			return err
		}
	}
	return nil
}

// updateLists runs apt-get update. The way of a node without a public address to the Internet is a gateway,
// which may be made at the same time: such a node tries until it works.
func (m *Machine) updateLists(ctx context.Context, env []string) error {
	update := execute.Command{Args: []string{"apt-get", "update"}, Env: env}
	if m.Gateway == 0 {
		return m.runApt(ctx, update)
	}
	// Without these it tries for minutes, and an index that it does not get is only a warning (apt.conf(5)).
	update.Args = append(update.Args, "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::http::Timeout=10",
		"-o", "Acquire::https::Timeout=10")
	waiting, cancel := context.WithTimeoutCause(ctx, m.Gateway, fmt.Errorf("not done after %s", m.Gateway))
	defer cancel()
	for {
		err := m.runApt(waiting, update)
		if err == nil {
			return nil
		}
		m.Note("packages", "waiting for the gateway through which this node reaches Debian's packages")
		select {
		case <-waiting.Done():
			return fmt.Errorf("waiting for the way to Debian's packages: %w: %w", context.Cause(waiting), err)
		case <-time.After(retryUpdate):
		}
	}
}

// retryUpdate is the pause between two tries to reach Debian's packages.
const retryUpdate = 3 * time.Second

// runApt runs apt-get or dpkg when no other one is running.
func (m *Machine) runApt(ctx context.Context, c execute.Command) error {
	waiting, cancel := context.WithTimeoutCause(ctx, aptLimit, fmt.Errorf("not done after %s", aptLimit))
	defer cancel()
	for {
		if err := m.awaitApt(waiting); err != nil {
			return err
		}
		err := m.runPackager(ctx, c)
		if err == nil || !lockTaken(err) {
			return err
		}
		// Another one was faster, and may have ended since.
		select {
		case <-waiting.Done():
			return fmt.Errorf("waiting for the locks of apt and dpkg: %w: %w", context.Cause(waiting), err)
		case <-time.After(pollEvery):
		}
	}
}

// runPackager runs apt-get or dpkg within installLimit. It interrupts one that takes longer, which ends
// it after the present run of dpkg (apt's pkgDPkgPM::Go), and kills it only if that does not end either.
func (m *Machine) runPackager(ctx context.Context, c execute.Command) error {
	ctx, cancel := context.WithTimeoutCause(ctx, installLimit, fmt.Errorf("not done after %s", installLimit))
	defer cancel()
	c.Grace = installGrace
	_, err := m.Run(ctx, c)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// lockErrors are parts of the messages of apt and dpkg about a lock that another program holds: those of
// apt's GetLock (apt-pkg/contrib/fileutl.cc) and debSystem, and of dpkg's file_lock (lib/dpkg/file.c).
var lockErrors = []string{"Could not get lock", "is another process using it", "locked by another process"}

// lockTaken reports whether apt or dpkg has failed because another one was running.
func lockTaken(err error) bool {
	return slices.ContainsFunc(lockErrors, func(part string) bool { return strings.Contains(err.Error(), part) })
}

// awaitApt waits until no apt or dpkg is running, and says which one it waits for.
func (m *Machine) awaitApt(ctx context.Context) error {
	var said string
	for {
		holder := m.aptHolder()
		if holder == "" {
			// Between two commands of theirs no lock is held.
			seen, err := m.Run.System().Show(ctx, aptServices...)
			if err != nil {
				return err
			}
			for _, u := range seen {
				if u.Starting || u.Active {
					holder = u.Name
				}
			}
		}
		if holder == "" {
			return nil
		}
		if holder != said {
			m.Note("packages", "waiting for "+holder+", which is installing packages")
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
func (m *Machine) aptHolder() string {
	for _, path := range aptLocks {
		f, err := os.Open(filepath.Join(m.Root, path))
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
