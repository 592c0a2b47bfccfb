// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"crypto/ed25519"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// allInOne is a node with every role.
func allInOne() nodeapi.OpenStack {
	return nodeapi.OpenStack{
		Cloud: "first", Region: "RegionOne", Node: "ip-10-0-0-11",
		Roles: []model.Role{model.Controller, model.Compute, model.Gateway},
		Management: nodeapi.Management{Address: netip.MustParseAddr("10.0.0.11"),
			Public: netip.MustParseAddr("198.51.100.10")},
		Controller: netip.MustParseAddr("10.0.0.11"),
		Provider: nodeapi.Provider{
			NICMAC: "0a:1b:2c:3d:4e:11", Subnet: netip.MustParsePrefix("10.0.1.0/24"),
			Gateway: netip.MustParseAddr("10.0.1.1"), Primary: netip.MustParseAddr("10.0.1.10"),
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.21"), netip.MustParseAddr("10.0.1.20"),
				netip.MustParseAddr("10.0.1.30")},
		},
		PhysicalNetwork: "provider", Bridge: "br-ex", ProviderPort: "mcw1",
	}
}

// knownSecrets are secrets that differ from everything else in a file.
func knownSecrets() secrets {
	s := secrets{
		Admin: "secret-admin", Rabbit: "secret-rabbit", Metadata: "secret-metadata", Dashboard: "secret-dashboard",
		Disks:    diskKeys{Client: knownKey(1), Host: knownKey(2)},
		Accounts: map[string]string{}, Databases: map[string]string{},
	}
	for _, a := range accounts {
		s.Accounts[a.user] = "secret-account-" + a.user
	}
	for _, d := range databases {
		s.Databases[d.user] = "secret-database-" + d.user
	}
	return s
}

// knownKey is an SSH key that is no other's.
func knownKey(seed byte) string {
	key, err := encodeSSHKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		panic(err)
	}
	return key
}

func renderAll(t *testing.T, s nodeapi.OpenStack, f facts) map[string]file {
	t.Helper()
	files, err := render(s, knownSecrets(), f)
	if err != nil {
		t.Fatal(err)
	}
	byPath := map[string]file{}
	for _, f := range files {
		byPath[f.Path] = f
	}
	return byPath
}

func TestRenderKeepsSecretsFromOthers(t *testing.T) {
	for name, s := range specs() {
		for path, f := range renderAll(t, s, facts{}) {
			for what, secret := range allSecrets(knownSecrets()) {
				if strings.Contains(string(f.Content), secret) && f.Mode&0o007 != 0 {
					t.Errorf("%s: %s holds the secret %s and has mode %o", name, path, what, f.Mode)
				}
			}
			if strings.Contains(string(f.Content), "secret-admin") && f.Mode != 0o600 {
				t.Errorf("%s: %s holds the administrator's password and has mode %o", name, path, f.Mode)
			}
		}
	}
}

func TestRenderReadersAreUnitsOfTheNode(t *testing.T) {
	for name, s := range specs() {
		units := unitsOf(onNode(s))
		for path, f := range renderAll(t, s, facts{}) {
			for _, r := range f.Readers {
				if !slices.Contains(units, r) {
					t.Errorf("%s: %s is read by %s, which the node does not run", name, path, r)
				}
			}
		}
	}
}

func TestRenderByRole(t *testing.T) {
	files := renderAll(t, specs()["compute"], facts{})
	for _, path := range []string{"/etc/keystone/keystone.conf", "/etc/mysql/mariadb.conf.d/90-macaw.cnf",
		"/etc/macaw/admin-openrc"} {
		if _, ok := files[path]; ok {
			t.Errorf("a compute node has %s", path)
		}
	}
	nova := string(files["/etc/nova/nova.conf"].Content)
	if strings.Contains(nova, "secret-database") {
		t.Error("a compute node knows the password of Nova's database")
	}
	if !strings.Contains(nova, "my_ip = 10.0.2.11\n") || !strings.Contains(nova, "@10.0.0.11:5672/") {
		t.Errorf("nova.conf confuses the node with its controller:\n%s", nova)
	}
}

// The package step writes the same units as Apply; otherwise Apply would have to reload systemd
// every time.
func TestRenderUnitsAgrees(t *testing.T) {
	early, err := renderUnits(services)
	if err != nil {
		t.Fatal(err)
	}
	late := renderAll(t, allInOne(), facts{KVM: true, KernelOVS: true})
	for _, name := range []string{"controller", "gateway-compute", "compute"} {
		maps.Copy(late, renderAll(t, specs()[name], facts{KVM: true, KernelOVS: true}))
	}
	for _, f := range early {
		if diff := cmp.Diff(string(f.Content), string(late[f.Path].Content)); diff != "" {
			t.Errorf("%s (-package step +apply):\n%s", f.Path, diff)
		}
	}
}

func TestServicesNameFilesOnce(t *testing.T) {
	seen := map[string]configFile{}
	for _, svc := range services {
		for _, c := range svc.files {
			c.readers = nil
			if first, ok := seen[c.path]; ok && !cmp.Equal(first, c, cmp.AllowUnexported(configFile{})) {
				t.Errorf("%s is two different files: %+v and %+v", c.path, first, c)
			}
			seen[c.path] = c
		}
	}
}
