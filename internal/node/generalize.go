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

	"macaw.example/internal/graph"
)

// An image is the disk of a machine as it is (EC2 API Reference, CreateImage). What
// tells that machine from others, or lets somebody into it, would be in every machine
// that is made from the image: what to take out is told by "Safely Building Images"
// (https://systemd.io/BUILDING_IMAGES), by machine-id(5), by "clean" in cloud-init's
// documentation, and by "Guidelines for shared Linux AMIs" in the EC2 User Guide.

// cloudInitState is what cloud-init knows of its instance; without it the next boot
// is the first. Its own command, which comes before, knows of most.
var cloudInitState = []string{
	"var/lib/cloud/*",
	"etc/netplan/*-cloud-init.yaml", "etc/systemd/network/*-cloud-init-*", "etc/network/interfaces.d/*-cloud-init*",
	"etc/hostname",
	"var/lib/dhcpcd/*", "var/lib/dhcp/*", // leases
}

// traces are what has been done here, and by whom.
var traces = []string{
	"var/log/journal/*",
	"root/.*_history", "home/*/.*_history", "root/.lesshst", "home/*/.lesshst", "root/.viminfo", "home/*/.viminfo",
	"root/.cache", "home/*/.cache",
	"var/lib/apt/lists/*", "var/cache/apt/archives/*.deb", "var/cache/apt/*.bin",
	"var/lib/systemd/coredump/*", "var/crash/*",
}

// identities are what a machine, or a package in it, makes up once for itself.
var identities = []string{
	"var/lib/systemd/random-seed", "var/lib/systemd/credential.secret", "var/lib/dbus/machine-id",
	"boot/efi/loader/random-seed", "boot/loader/random-seed",
	// RabbitMQ's package gives the broker its cookie; Apply makes one for the cloud.
	strings.TrimPrefix(rabbitCookiePath, "/"),
	"var/lib/openstack-dashboard/secret-key/*", // of the dashboard's sessions
	"etc/ssl/private/ssl-cert-snakeoil.key", "etc/ssl/certs/ssl-cert-snakeoil.pem",
}

// access is what SSH knows machines and people by. cloud-init makes the next
// machine's host keys and lets in whom its instance's key pair says, beside those who
// are in the file already.
var access = []string{
	"etc/ssh/ssh_host_*",
	"root/.ssh/*", "home/*/.ssh/*",
}

// Generalize takes from a machine, after Install, what is its own, so that an image of
// it is nobody's. It may be killed and run again. When it has succeeded nobody can log
// in any more until the machine is booted as another instance.
func Generalize(ctx context.Context, progress Progress) error {
	held, err := lock(ctx, lockPath, progress)
	if err != nil {
		return err
	}
	defer held.Close()
	n := &node{root: "/", run: executor(held)}
	return n.generalize(ctx, progress)
}

func (n *node) generalize(ctx context.Context, progress Progress) error {
	if _, err := os.Stat(filepath.Join(n.root, "etc/macaw")); !errors.Is(err, fs.ErrNotExist) {
		return errors.New("making this machine ready for an image: " +
			"it is the node of a cloud, with the cloud's secrets in /etc/macaw")
	}
	return runGraph(ctx, []graph.Step{
		{Name: "what cloud-init knows", Run: n.forgetInstance},
		{Name: "logs and traces", Needs: []string{"what cloud-init knows"}, Run: n.forgetTraces},
		{Name: "identities", Needs: []string{"logs and traces"}, Run: n.forgetIdentities},
		// The last thing: whoever looks on must be able to come back until then.
		{Name: "host keys and authorized keys", Needs: []string{"identities"}, Run: func(context.Context) error {
			if err := n.drop(access); err != nil {
				return err
			}
			unix.Sync()
			return nil
		}},
	}, progress)
}

// forgetInstance does not use cloud-init's --machine-id. That option says
// "uninitialized", for which systemd enables every unit again that its presets and
// packages would have running (machine-id(5), "First Boot Semantics"), also those that
// the package step has switched off.
func (n *node) forgetInstance(ctx context.Context) error {
	clean := command{Args: []string{"cloud-init", "clean", "--logs", "--seed", "--configs", "all"}}
	if _, err := n.run(ctx, clean); err != nil {
		return fmt.Errorf("making cloud-init forget its instance: %w", err)
	}
	return n.drop(cloudInitState)
}

func (n *node) forgetTraces(ctx context.Context) error {
	// The journal goes on in memory.
	if _, err := n.run(ctx, command{Args: []string{"journalctl", "--relinquish-var"}}); err != nil {
		return fmt.Errorf("taking the journal off the disk: %w", err)
	}
	if err := n.drop(traces); err != nil {
		return err
	}
	return n.emptyLogs()
}

// emptyLogs keeps the files: not every program makes its own, with the right owner.
func (n *node) emptyLogs() error {
	ours, err := os.Stdout.Stat() // the log of this run, which somebody follows
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
	// open-iscsi makes a name up when it is started and finds this.
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

// drop removes what matches the patterns, which are below root.
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

// ignoreGone is for what ends while it is looked at.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
