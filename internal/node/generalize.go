// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"macaw.example/internal/execute"
	"macaw.example/internal/graph"
)

// An image is a copy of a machine's disk (EC2 API Reference, CreateImage). Whatever identifies that
// machine, or lets somebody into it, would be in every machine made from the image. What to remove
// is in "Safely Building Images" (https://systemd.io/BUILDING_IMAGES), in machine-id(5), in "clean"
// in cloud-init's documentation, and in "Guidelines for shared Linux AMIs" in the EC2 User Guide.

// cloudInitState is cloud-init's record of its instance; without it the next boot is the first.
// "cloud-init clean", which runs before, removes most of it.
var cloudInitState = []string{
	"var/lib/cloud/*",
	"etc/netplan/*-cloud-init.yaml", "etc/systemd/network/*-cloud-init-*", "etc/network/interfaces.d/*-cloud-init*",
	"etc/udev/rules.d/*-cloud-init-*", "etc/hostname",
	"var/lib/dhcpcd/*", "var/lib/dhcp/*", // leases
}

// traces are records of what has been done on the machine, and by whom.
var traces = []string{
	"var/log/journal/*",
	"root/.*_history", "home/*/.*_history", "root/.lesshst", "home/*/.lesshst", "root/.viminfo", "home/*/.viminfo",
	"root/.cache", "home/*/.cache",
	"var/lib/apt/lists/*", "var/cache/apt/archives/*.deb", "var/cache/apt/*.bin",
	"var/lib/systemd/coredump/*", "var/crash/*",
}

// identities are values that a machine, or a package in it, generates once for itself.
var identities = []string{
	"var/lib/systemd/random-seed", "var/lib/systemd/credential.secret", "var/lib/dbus/machine-id",
	"boot/efi/loader/random-seed", "boot/loader/random-seed",
	// RabbitMQ's package gives the broker its cookie; Apply makes one for the cloud.
	strings.TrimPrefix(rabbitCookiePath, "/"),
	"var/lib/openstack-dashboard/secret-key/*", // for signing the dashboard's sessions
	"etc/ssl/private/ssl-cert-snakeoil.key", "etc/ssl/certs/ssl-cert-snakeoil.pem",
}

// access has SSH's host keys and authorized keys. cloud-init makes the next machine's host keys. It
// adds the key of that instance's key pair to the authorized keys already in the file.
var access = []string{
	"etc/ssh/ssh_host_*",
	"root/.ssh/*", "home/*/.ssh/*",
}

// Generalize removes a machine's identity, after Install, for an image of it. It may be killed and
// run again. After it has succeeded, nobody can log in until the machine is booted as another
// instance.
func Generalize(ctx context.Context, progress Progress) error {
	held, err := lock(ctx, lockPath, progress)
	if err != nil {
		return err
	}
	defer held.Close()
	n := &node{root: "/", run: execute.On(held), note: notes(progress)}
	return n.generalize(ctx, progress)
}

func (n *node) generalize(ctx context.Context, progress Progress) error {
	if _, err := os.Stat(filepath.Join(n.root, "etc/macaw")); !errors.Is(err, fs.ErrNotExist) {
		return errors.New("making this machine ready for an image: " +
			"it is the node of a cloud, with the cloud's secrets in /etc/macaw")
	}
	return runGraph(ctx, []graph.Step{
		{Name: "Debian's upgrades", Run: n.packages().EndUpgrades},
		{Name: "cloud-init's records", Needs: []string{"Debian's upgrades"}, Run: n.forgetInstance},
		{Name: "logs and traces", Needs: []string{"cloud-init's records"}, Run: n.forgetTraces},
		{Name: "identities", Needs: []string{"logs and traces"}, Run: n.forgetIdentities},
		// Last, so that the operator can log in again until then.
		{Name: "host keys and authorized keys", Needs: []string{"identities"}, Run: func(context.Context) error {
			if err := n.drop(access); err != nil {
				return err
			}
			unix.Sync()
			return nil
		}},
	}, progress)
}

// forgetInstance does not use cloud-init's --machine-id. That option writes "uninitialized", for
// which systemd enables every unit again that its presets and packages enable (machine-id(5),
// "First Boot Semantics"), including those that the package step has disabled.
func (n *node) forgetInstance(ctx context.Context) error {
	clean := command{Args: []string{"cloud-init", "clean", "--logs", "--seed", "--configs", "all"}}
	if _, err := n.run(ctx, clean); err != nil {
		return fmt.Errorf("making cloud-init forget its instance: %w", err)
	}
	return n.drop(cloudInitState)
}

func (n *node) forgetTraces(ctx context.Context) error {
	// From here on the journal is in memory.
	if _, err := n.run(ctx, command{Args: []string{"journalctl", "--relinquish-var"}}); err != nil {
		return fmt.Errorf("taking the journal off the disk: %w", err)
	}
	// It writes to its log when it is stopped.
	const upgrades = "unattended-upgrades.service"
	if _, err := os.Stat(filepath.Join(n.root, "usr/lib/systemd/system", upgrades)); err == nil {
		if _, err := n.run(ctx, command{Args: []string{"systemctl", "stop", upgrades}}); err != nil {
			return fmt.Errorf("stopping %s: %w", upgrades, err)
		}
	}
	if err := n.drop(traces); err != nil {
		return err
	}
	return n.emptyLogs()
}

// emptyLogs keeps the files: not every program makes its own, with the right owner.
func (n *node) emptyLogs() error {
	ours, err := os.Stdout.Stat() // this run's log, which is being followed
	if err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(n.root, "var/log"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err != nil || os.SameFile(info, ours) {
			return ignoreGone(err)
		}
		return ignoreGone(os.Truncate(path, 0))
	})
}

func (n *node) forgetIdentities(ctx context.Context) error {
	// It would write a new seed when the machine is stopped.
	if _, err := n.run(ctx, command{Args: []string{"systemctl", "stop", "systemd-random-seed.service"}}); err != nil {
		return fmt.Errorf("keeping the random seed off the disk: %w", err)
	}
	if err := n.drop(identities); err != nil {
		return err
	}
	// open-iscsi generates a name when it starts and finds this content.
	if path := filepath.Join(n.root, "etc/iscsi/initiatorname.iscsi"); exists(path) {
		if err := os.WriteFile(path, []byte("GenerateName=yes\n"), 0o600); err != nil {
			return err
		}
	}
	// An empty file is filled at the next boot (machine-id(5)).
	if path := filepath.Join(n.root, "etc/machine-id"); exists(path) {
		return os.Truncate(path, 0)
	}
	return nil
}

// drop removes the files that match the patterns, which are below root.
func (n *node) drop(patterns []string) error {
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(n.root, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// ignoreGone is for files that disappear during the walk.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
