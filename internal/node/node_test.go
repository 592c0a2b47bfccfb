// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/tunnel"
)

func TestSpecValidate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*nodeapi.OpenStack)
		want   string
	}{
		{"good", func(*nodeapi.OpenStack) {}, ""},
		{"no role", func(s *nodeapi.OpenStack) { s.Roles = nil }, "has no role"},
		{"unknown role", func(s *nodeapi.OpenStack) { s.Roles = []model.Role{"cook"} }, `role "cook"`},
		{"quote in a name", func(s *nodeapi.OpenStack) { s.Node = "a'b" }, `name of the node is "a'b"`},
		{"address elsewhere", func(s *nodeapi.OpenStack) { s.Provider.Addresses[0] = netip.MustParseAddr("10.9.9.9") },
			"10.9.9.9 is outside"},
		{"the NIC's own address", func(s *nodeapi.OpenStack) { s.Provider.Addresses[0] = s.Provider.Primary },
			"not Neutron's to give"},
		{"IPv6", func(s *nodeapi.OpenStack) { s.Provider.IPv6 = dualStack() }, ""},
		{"IPv6 without addresses",
			func(s *nodeapi.OpenStack) { s.Provider.IPv6 = dualStack(); s.Provider.IPv6.Addresses = nil },
			"no addresses of the IPv6"},
		{"IPv6 without a gateway",
			func(s *nodeapi.OpenStack) { s.Provider.IPv6 = dualStack(); s.Provider.IPv6.Gateway = netip.Addr{} },
			"no gateway of the IPv6"},
		{"IPv6 address elsewhere", func(s *nodeapi.OpenStack) {
			s.Provider.IPv6 = dualStack()
			s.Provider.IPv6.Addresses[1] = netip.MustParseAddr("2001:db8:0:2::1:0")
		}, "2001:db8:0:2::1:0 is outside"},
		{"AWS's own IPv6 address", func(s *nodeapi.OpenStack) {
			s.Provider.IPv6 = dualStack()
			s.Provider.IPv6.Addresses[1] = s.Provider.IPv6.Gateway
		}, "not Neutron's to give"},
		{"IPv6 addresses of nothing", func(s *nodeapi.OpenStack) { s.Provider.IPv6.Addresses = dualStack().Addresses },
			"is not IPv6"},
		{"two controllers", func(s *nodeapi.OpenStack) { s.Controller = netip.MustParseAddr("10.0.0.99") },
			"the controller's address is 10.0.0.99"},
	} {
		s := allInOne()
		tt.change(&s)
		err := s.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

func dualStack() nodeapi.ProviderIPv6 {
	return nodeapi.ProviderIPv6{Subnet: netip.MustParsePrefix("2001:db8:0:1::/64"),
		Gateway:   netip.MustParseAddr("2001:db8:0:1::1"),
		Addresses: []netip.Addr{netip.MustParseAddr("2001:db8:0:1::1:0"), netip.MustParseAddr("2001:db8:0:1::1:1")}}
}

func TestSpecSurvivesJSON(t *testing.T) {
	want := allInOne()
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "ipv6") {
		t.Errorf("a node without IPv6 is told of it: %s", b)
	}
	want.Provider.IPv6 = dualStack()
	if b, err = json.Marshal(want); err != nil {
		t.Fatal(err)
	}
	var got nodeapi.OpenStack
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestFileWrite(t *testing.T) {
	root := t.TempDir()
	f := file{Path: "/etc/x/y.conf", Mode: 0o640, Content: []byte("a\n")}
	for i, want := range []bool{true, false} {
		if changed, err := f.Write(root); changed != want || err != nil {
			t.Errorf("write %d: changed %v, %v; want %v", i+1, changed, err, want)
		}
	}
	os.Chmod(filepath.Join(root, f.Path), 0o644)
	if changed, _ := f.Write(root); !changed {
		t.Error("another mode is not noticed")
	}
	f.Content = []byte("b\n")
	if changed, _ := f.Write(root); !changed {
		t.Error("another content is not noticed")
	}
	left, _ := os.ReadDir(filepath.Join(root, "etc/x"))
	if len(left) != 1 {
		t.Errorf("files left behind: %v", left)
	}
}

func TestSecretsAreMadeOnce(t *testing.T) {
	root := t.TempDir()
	if _, err := loadSecrets(root, []model.Role{model.Compute}); err == nil {
		t.Error("a node that is not the controller makes up secrets")
	}
	first, err := loadSecrets(root, model.Roles())
	if err != nil {
		t.Fatal(err)
	}
	if first.Admin == "" || first.Admin == first.Rabbit || len(first.Accounts) != len(accounts) ||
		len(first.Databases) != len(databases) {
		t.Errorf("incomplete: %d accounts, %d databases", len(first.Accounts), len(first.Databases))
	}
	again, err := loadSecrets(root, model.Roles())
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("second time %v (-first +second):\n%s", err, diff)
	}
	if info, _ := os.Stat(filepath.Join(root, secretsPath)); info.Mode() != 0o600 {
		t.Errorf("mode %o", info.Mode())
	}
}

func TestMissingFlavors(t *testing.T) {
	if got := missingFlavors(nil); len(got) != len(flavors) {
		t.Errorf("%d of %d flavors", len(got), len(flavors))
	}
	var all []string
	for _, f := range flavors {
		all = append(all, f.Name)
	}
	if got := missingFlavors(all); len(got) != 0 {
		t.Errorf("makes again %v", got)
	}
}

func TestOVSArgs(t *testing.T) {
	s := allInOne()
	for _, tt := range []struct {
		kernel bool
		roles  []model.Role
		want   []string
		not    string
		tunnel tunnel.Config
	}{
		{true, s.Roles, []string{"ovn-bridge-datapath-type=system", "add-port br-ex mcw1",
			"ovn-bridge-mappings=provider:br-ex", "enable-chassis-as-gw", "--if-exists del-br br-phy"}, "netdev",
			tunnel.Config{}},
		{false, s.Roles, []string{"ovn-bridge-datapath-type=netdev", "set Bridge br-ex datapath_type=netdev",
			"set Bridge br-int datapath_type=netdev"}, "=system ", tunnel.Config{}},
		{true, []model.Role{model.Compute}, []string{"ovn-encap-ip=10.0.0.11", "--if-exists del-br br-ex",
			"remove Open_vSwitch . external_ids ovn-bridge-mappings ovn-cms-options"}, "add-br br-ex", tunnel.Config{}},
		{false, []model.Role{model.Compute}, []string{"set Bridge br-phy datapath_type=netdev other_config:hwaddr=",
			"--may-exist add-port br-phy mcg1"}, "del-br br-phy", someTunnel()},
	} {
		s.Roles = tt.roles
		got := strings.Join(ovsArgs(s, facts{KernelOVS: tt.kernel, Tunnel: tt.tunnel}), " ")
		for _, w := range tt.want {
			if !strings.Contains(got, w) {
				t.Errorf("kernel %v, roles %v: no %q in %s", tt.kernel, tt.roles, w, got)
			}
		}
		if strings.Contains(got, tt.not) {
			t.Errorf("kernel %v, roles %v: %q in %s", tt.kernel, tt.roles, tt.not, got)
		}
	}
}

func TestEnsureSchemasSkipsWhatIsThere(t *testing.T) {
	root := t.TempDir()
	installed, tables, passwords := "python3-nova 2:31.0.0-6\n", "0\n", "0\n"
	var ran []string
	run := func(_ context.Context, c command) (string, error) {
		switch {
		case c.Args[0] == "dpkg-query":
			ran = append(ran, "dpkg-query")
			return installed, nil
		case strings.Contains(c.Stdin, "information_schema"):
			return tables, nil
		case strings.Contains(c.Stdin, "keystone.password"):
			return passwords, nil
		case c.Args[0] == "mariadb":
			ran = append(ran, strings.Fields(c.Stdin)[0])
		default:
			ran = append(ran, c.Args[0])
		}
		return "", nil
	}
	for _, tt := range []struct {
		name   string
		before func()
		want   []string
		err    string
	}{
		{"a cloud's data without its files: nothing is dropped", func() { tables, passwords = "1\n", "5\n" },
			[]string{"dpkg-query"}, "the databases hold a cloud's data"},
		{"first time: whatever an interrupted run left is dropped", func() { passwords = "0\n" },
			[]string{"dpkg-query", "DROP", "python3"}, ""},
		{"nothing new", func() {}, []string{"dpkg-query"}, ""},
		{"upgraded, in use: nothing is dropped", func() {
			installed, passwords = "python3-nova 2:31.0.1-1\n", "5\n"
			loadSecrets(root, model.Roles())
		}, []string{"dpkg-query", "CREATE", "python3"}, ""},
	} {
		ran = nil
		tt.before()
		err := ensureSchemas(t.Context(), run, root)
		if tt.err == "" && err != nil && err != errNothingToDo || tt.err != "" &&
			(err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Fatalf("%s: %v, want %q", tt.name, err, tt.err)
		}
		if diff := cmp.Diff(tt.want, ran); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPackagesHash(t *testing.T) {
	if h := packagesHash(); len(h) != 16 || h != packagesHash() {
		t.Errorf("hash %q is not one name", h)
	}
	if h := packagesHash(); h != nodeapi.PackagesHash {
		t.Errorf("the package step has changed: nodeapi.PackagesHash is %q and must be %q", nodeapi.PackagesHash, h)
	}
}

func TestLockIsHeldByWhatAKilledRunLeaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := lock(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	left := exec.Command("sleep", "60")
	left.ExtraFiles = []*os.File{held}
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	held.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	var states []State
	if _, err := lock(ctx, path, func(e Event) { states = append(states, e.State) }); err == nil {
		t.Error("the lock is free while a child of the killed run is at work")
	}
	left.Process.Kill()
	left.Wait()
	again, err := lock(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if diff := cmp.Diff([]State{Started}, states); diff != "" {
		t.Errorf("what was told of the wait (-want +got):\n%s", diff)
	}
}
