// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"macaw.example/internal/nodeapi"
)

// bake returns the ID of the cloud's image, which this build of Macaw has made, now or earlier. An
// image of another build has the same packages, but may have been cleaned otherwise.
func bake(t testing.TB, file string) string {
	t.Helper()
	image := func(args ...string) string {
		t.Helper()
		var out struct{ Image string }
		if err := json.Unmarshal([]byte(must(t, macaw, append(args, "--output", "json")...)), &out); err != nil {
			t.Fatal(err)
		}
		return out.Image
	}
	id := image("bake", file)
	want, err := os.ReadFile("../../bin/macaw-node")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join(imageRoot(id), nodeapi.Program))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Log("the image is another build's: baking it again")
		id = image("bake", file, "--force")
	}
	return id
}

// imageRoot is the directory in which the lab stores an image's files.
func imageRoot(id string) string { return filepath.Join("/var/lib/macaw/lab/images", id, "rootfs") }

// testImage checks the files of a baked image, which the lab stores as AWS would.
func testImage(t *testing.T, id string) {
	faults, err := imageFaults(imageRoot(id))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

// unpackaged matches the files that an image may have in addition to the file lists of its
// packages: files made by packages' scripts and by the package step. Logs must be empty.
var unpackaged = regexp.MustCompile(`^/(` + strings.Join([]string{
	`etc/(\.pwd\.lock|\.updated|group-?|gshadow-?|hosts|ld\.so\.cache|locale\.conf|machine-id)`,
	`etc/(passwd-?|shadow-?|sub[gu]id-?|modules)`,
	`etc/apt/(apt\.conf\.d/60macaw-held-back|mirrors/debian(-security)?\.list)`, `etc/cloud/cloud\.cfg\.d/95-macaw\.cfg`,
	`etc/(sysctl\.d|systemd/resolved\.conf\.d)/60-macaw-boot\.conf`,
	`etc/(alternatives|rc[0-6S]\.d|systemd/system|xml|sgml|fonts/conf\.d)/.*`,
	`etc/apache2/(conf|mods|sites)-enabled/.*`, `etc/apparmor\.d/local/.*`, `etc/ssl/certs/.*`,
	`etc/(dbconfig-common/config|memcached\.conf|mysql/(debian|my)\.cnf|rabbitmq/rabbitmq-env\.conf)`,
	`etc/iscsi/initiatorname\.iscsi`,
	`etc/default/[^/]*`, `etc/(glance|keystone|neutron|nova|openstack-dashboard|placement)/.*`,
	`etc/libvirt/(nwfilter|qemu/networks)/.*`, `etc/openvswitch/(conf\.db|\.conf\.db\.~lock~)`,
	`etc/sudoers\.d/90-cloud-init-users`,
	`home/admin/\.(bash_logout|bashrc|profile|sudo_as_admin_successful)`,
	`usr/local/(bin/macaw-node|lib/python3[^/]*/.*|share/ca-certificates/macaw-lab\.crt)`,
	`var/(\.updated|www/html/index\.html)`, `var/cache/(apt|debconf|fontconfig|ldconfig|macaw|man)/.*`, `var/log/.*`,
	`var/lib/(apache2|dpkg|mysql|sgml-base|ucf|xml-core)/.*`, `var/lib/apt/(extended_states|lists/lock)`,
	`var/lib/dbus/machine-id`, // a link to the one in etc
	`var/lib/macaw/(archive/.*|installed|schemas\.json)`, `var/lib/openstack-dashboard/(static|secret-key)/.*`,
	`var/lib/systemd/(catalog/database|deb-systemd-helper-.*|deb-systemd-user-helper-.*|timers/.*|timesync/.*)`,
	`var/lib/(private/systemd/timesync|wtmpdb|lastlog)/.*`, `var/lib/man-db/auto-update`,
}, "|") + `)$`)

var (
	privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----\n`)
	secret     = regexp.MustCompile(
		`(?m)^[ \t]*\w*(password|passwd|secret|secret_key|token|transport_url)[ \t]*=[ \t]*[^ \t\n].*`)
)

// imageFaults returns the files and contents below root that an image must not have.
func imageFaults(root string) (faults []string, err error) {
	packaged, err := packagedFiles(root)
	if err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, pattern := range []string{
		"etc/ssh/ssh_host_*", "etc/hostname", "etc/macaw", "etc/*/fernet-keys", "root/.ssh/*", "home/*/.ssh/*",
		"root/.*_history", "home/*/.*_history", "var/lib/cloud/*", "var/lib/dhcpcd/*", "var/lib/systemd/random-seed",
		"var/log/journal/*",
		"var/lib/rabbitmq/.erlang.cookie", "etc/netplan/*cloud-init*", "etc/systemd/network/*cloud-init*",
	} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
				continue // a whiteout: the layer deletes the file below it
			}
			bad("the image has /%s", strings.TrimPrefix(path, root+"/"))
		}
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root)
		if err != nil || d.IsDir() || d.Type()&fs.ModeCharDevice != 0 || packaged[name] {
			return err
		}
		switch {
		case strings.HasPrefix(name, "/usr/") && !strings.HasPrefix(name, "/usr/local/"):
			return nil // files compiled by Python, and the like
		case !unpackaged.MatchString(name):
			bad("the image has %s, which is of no package", name)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		log := strings.HasPrefix(name, "/var/log/") && !lateLog.MatchString(name)
		if info.Size() > 0 && (name == "/etc/machine-id" || log) {
			bad("%s is not empty", name)
		}
		if info.Size() > 1<<20 || strings.HasPrefix(name, "/var/lib/openstack-dashboard/static/") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if privateKey.Match(text) {
			bad("%s has a private key", name)
		}
		if line := secret.Find(text); line != nil && strings.HasPrefix(name, "/etc/") {
			bad("%s says %q", name, bytes.TrimSpace(line))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	shadow, err := os.ReadFile(filepath.Join(root, "etc/shadow"))
	for line := range strings.Lines(string(shadow)) {
		if f := strings.Split(line, ":"); len(f) > 1 && strings.Trim(f[1], "!*") != "" {
			bad("user %s has a password", f[0])
		}
	}
	return faults, err
}

// lateLog matches the logs that are written after the logs were emptied: the names of the
// last steps, and the shutdown.
var lateLog = regexp.MustCompile(`^/var/log/(macaw/macaw-node-generalize\.log|[wb]tmp)$`)

// packagedFiles returns the file lists of the packages in the layer.
func packagedFiles(root string) (map[string]bool, error) {
	packaged := map[string]bool{}
	for _, kind := range []string{"list", "conffiles"} {
		lists, err := filepath.Glob(filepath.Join(root, "var/lib/dpkg/info/*."+kind))
		if err != nil {
			return nil, err
		}
		for _, list := range lists {
			text, err := os.ReadFile(list)
			if err != nil {
				return nil, err
			}
			for line := range strings.Lines(string(text)) {
				packaged[strings.TrimSpace(line)] = true
			}
		}
	}
	return packaged, nil
}

// testBakedMachine checks a machine from a baked image: it has made what the image lacks,
// and accepts only one key, the cloud's.
func testBakedMachine(t *testing.T, file string) {
	out := must(t, macaw, "ssh", file, "--", `
id=$(cat /etc/machine-id); echo "machine-id ${#id}"
ls /etc/ssh/ssh_host_*_key | wc -l | sed 's/^/host-keys /'
sudo cat /home/admin/.ssh/authorized_keys | wc -l | sed 's/^/admin-keys /'
sudo cat /root/.ssh/authorized_keys 2>/dev/null | grep -v 'Please login as the user' | wc -l | sed 's/^/root-keys /'
sudo stat -c 'cookie %a %U' /var/lib/rabbitmq/.erlang.cookie
hostname | sed 's/^/hostname /'
`)
	for _, want := range []string{
		"machine-id 32\n", "admin-keys 1\n", "root-keys 0\n", "cookie 400 rabbitmq\n", "hostname cloud-1\n",
	} {
		if !strings.Contains("\n"+out, "\n"+want) {
			t.Errorf("the machine says %q, want %q", out, want)
		}
	}
	if strings.Contains(out, "host-keys 0\n") {
		t.Error("the machine has no host keys")
	}
	if host, err := os.ReadFile("/etc/machine-id"); err == nil && len(bytes.TrimSpace(host)) > 0 &&
		strings.TrimSpace(must(t, macaw, "ssh", file, "--", "cat", "/etc/machine-id")) == string(bytes.TrimSpace(host)) {
		t.Error("the machine's ID is this host's")
	}
}
