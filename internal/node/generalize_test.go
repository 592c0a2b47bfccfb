// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/configfile"
)

// machineOwn is what an image must not have of a machine; machineKept is what it must have.
var (
	machineOwn = []string{
		"etc/hostname", "etc/netplan/50-cloud-init.yaml", "etc/systemd/network/10-cloud-init-ens5.network",
		"etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_ed25519_key.pub", "etc/ssh/ssh_host_rsa_key",
		"home/admin/.ssh/authorized_keys", "home/admin/.bash_history", "home/admin/.python_history",
		"root/.ssh/authorized_keys", "root/.ssh/known_hosts", "root/.bash_history", "root/.cache/x",
		"var/lib/cloud/instance/obj.pkl", "var/lib/cloud/data/instance-id", "var/lib/dhcpcd/ens5.lease",
		"var/lib/systemd/random-seed", "var/lib/systemd/credential.secret", "var/lib/dbus/machine-id",
		"var/lib/rabbitmq/.erlang.cookie", "var/lib/openstack-dashboard/secret-key/.secret_key_store",
		"etc/ssl/private/ssl-cert-snakeoil.key", "var/log/journal/1234/system.journal",
		"var/lib/apt/lists/deb.debian.org_dists_trixie_InRelease",
		"var/cache/apt/archives/nova_1.deb", "var/cache/apt/pkgcache.bin",
	}
	machineEmptied = []string{
		"etc/machine-id", "var/log/cloud-init.log", "var/log/macaw/macaw-node-install.log", "var/log/apt/term.log",
		"var/log/wtmp",
	}
	machineKept = []string{
		"etc/ssh/sshd_config", "etc/systemd/network/80-ec2.network", "etc/nova/nova.conf",
		"home/admin/.bashrc", "root/.profile",
		"var/lib/macaw/installed", "var/lib/mysql/ibdata1", "var/lib/dpkg/status", "var/cache/macaw/python-entrypoints/1",
		"usr/local/bin/macaw-node", "etc/cloud/cloud.cfg.d/90-ec2.cfg",
	}
)

// usedMachine is a tree with all of that.
func usedMachine(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range slices.Concat(machineOwn, machineEmptied, machineKept) {
		writeBelow(t, root, name, "of "+name)
	}
	writeBelow(t, root, "etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.1993-08.org.debian:01:1234")
	return root
}

func writeBelow(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestGeneralize(t *testing.T) {
	root := usedMachine(t)
	var ran []string
	const upgrade = "apt-daily-upgrade.service"
	upgrading := 0 // times that Debian's upgrade is seen to run
	n := &node{root: root, note: func(string, string) {}, run: func(_ context.Context, c command) (string, error) {
		if slices.Contains(c.Args, "show") {
			states := map[string]string{"apt-daily.timer": running, "apt-daily-upgrade.timer": running,
				"apt-daily.service": stopped}
			if slices.Contains(c.Args, upgrade) {
				if upgrading++; upgrading < 3 {
					states[upgrade] = "LoadState=loaded ActiveState=activating"
				}
			}
			return units(c, stopped, states), nil
		}
		if c.Args[0] == "cloud-init" && upgrading < 3 {
			t.Error("Debian's upgrade is running")
		}
		ran = append(ran, strings.Join(c.Args, " "))
		records := exists(filepath.Join(root, "var/lib/cloud/data/instance-id"))
		if records && c.Args[0] != "cloud-init" && c.Args[len(c.Args)-1] != "apt-daily-upgrade.timer" {
			t.Errorf("%v: cloud-init's records are still there", ran)
		}
		if !exists(filepath.Join(root, "home/admin/.ssh/authorized_keys")) {
			t.Errorf("%v: nobody can log in any more", ran)
		}
		return "", nil
	}}
	for range 2 { // again, as after a killed run
		if err := n.generalize(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		for _, name := range machineOwn {
			if exists(filepath.Join(root, name)) {
				t.Errorf("%s is still there", name)
			}
		}
		for _, name := range machineEmptied {
			if text, err := os.ReadFile(filepath.Join(root, name)); err != nil || len(text) > 0 {
				t.Errorf("%s is %q, %v; want it empty", name, text, err)
			}
		}
		for _, name := range machineKept {
			if text, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(text) != "of "+name {
				t.Errorf("%s is %q, %v; want it untouched", name, text, err)
			}
		}
		name, err := os.ReadFile(filepath.Join(root, "etc/iscsi/initiatorname.iscsi"))
		if err != nil || string(name) != "GenerateName=yes\n" {
			t.Errorf("the iSCSI initiator is %q, %v", name, err)
		}
		writeBelow(t, root, "home/admin/.ssh/authorized_keys", "of a run after this one")
		writeBelow(t, root, "var/lib/cloud/data/instance-id", "the same")
	}
	once := []string{
		"systemctl stop -- apt-daily.timer apt-daily-upgrade.timer",
		"cloud-init clean --logs --seed --configs all", "journalctl --relinquish-var",
		"systemctl stop systemd-random-seed.service",
	}
	if diff := cmp.Diff(append(once, once...), ran); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

// After any failure, an operator can log in, and run it again.
func TestGeneralizeKeepsTheWayInUntilTheEnd(t *testing.T) {
	for _, fails := range []string{"cloud-init", "journalctl", "systemctl"} {
		root := usedMachine(t)
		n := &node{root: root, run: func(_ context.Context, c command) (string, error) {
			if slices.Contains(c.Args, "show") {
				return units(c, stopped, nil), nil
			}
			if c.Args[0] == fails {
				return "", errors.New("broken")
			}
			return "", nil
		}}
		if err := n.generalize(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("%s fails: %v", fails, err)
		}
		for _, name := range []string{"home/admin/.ssh/authorized_keys", "etc/ssh/ssh_host_ed25519_key"} {
			if !exists(filepath.Join(root, name)) {
				t.Errorf("%s fails: %s is gone", fails, name)
			}
		}
	}
}

func TestGeneralizeLeavesANodeAlone(t *testing.T) {
	root := usedMachine(t)
	writeBelow(t, root, "etc/macaw/secrets.json", "{}")
	n := &node{root: root, run: func(_ context.Context, c command) (string, error) {
		t.Errorf("ran %v", c.Args)
		return "", nil
	}}
	if err := n.generalize(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the node of a cloud") {
		t.Errorf("generalize: %v", err)
	}
	if !exists(filepath.Join(root, "var/lib/cloud/data/instance-id")) {
		t.Error("it was changed")
	}
}

// The broker's cookie is not the image's, and does not change in a cloud.
func TestRabbitCookieIsMadeOnce(t *testing.T) {
	root := t.TempDir()
	defer configfile.Remember("user rabbitmq", os.Getuid())()
	defer configfile.Remember("group rabbitmq", os.Getgid())()
	var before []byte
	for i := range 2 {
		if err := makeRabbitCookie(root); err != nil {
			t.Fatal(err)
		}
		cookie, err := os.ReadFile(filepath.Join(root, rabbitCookiePath))
		if err != nil || len(cookie) < 20 || i > 0 && string(cookie) != string(before) {
			t.Errorf("cookie %d: %q, %v; before %q", i, cookie, err, before)
		}
		before = cookie
	}
	info, err := os.Stat(filepath.Join(root, rabbitCookiePath))
	if err != nil || info.Mode() != fs.FileMode(0o400) {
		t.Errorf("mode: %v, %v", info, err)
	}
}
