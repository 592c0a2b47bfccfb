// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// specs are nodes of each kind: one that is a cloud by itself, and those of clouds with several. The first
// cloud of several has a controller, a gateway that is nothing else, one that runs guests too, and a compute
// without a public address; in the others a node takes some of these roles together.
func specs() map[string]nodeapi.OpenStack {
	c, g, k := model.Controller, model.Gateway, model.Compute
	peer := func(name, address string, roles ...model.Role) nodeapi.Peer {
		return nodeapi.Peer{Name: name, Address: netip.MustParseAddr(address), Roles: roles}
	}
	ctl, cmpt := peer("ctl", "10.0.0.11", c), peer("cmp", "10.0.2.11", k)
	cmpt.Spot = true
	gw1, gw2 := peer("gw-1", "10.0.0.12", g, k), peer("gw-2", "10.0.0.13", g)
	spec := func(of nodeapi.Peer, nodes ...nodeapi.Peer) nodeapi.OpenStack {
		s := allInOne()
		s.Node, s.Roles, s.Management.Address, s.Nodes = of.Name, of.Roles, of.Address, nodes
		if !of.Has(g) {
			s.Provider.NICMAC, s.Provider.Primary, s.ProviderPort = "", netip.Addr{}, ""
		}
		if !of.Has(c) {
			s.Public = "198.51.100.10"
			s.Management.Public = netip.MustParseAddr("198.51.100.20")
		}
		if !of.Has(c) && !of.Has(g) {
			s.Management.Public = netip.Addr{}
			s.Provider, s.PhysicalNetwork, s.Bridge = nodeapi.Provider{}, "", ""
		}
		s.Spot = of.Spot
		if of.Has(c) && len(nodes) > 2 {
			s.Evacuate = &nodeapi.Evacuate{Region: "eu-central-1", Cloud: s.Cloud}
		}
		if of.Name == "gw-1" {
			s.NAT = []netip.Prefix{netip.MustParsePrefix("10.0.2.0/24")}
		}
		return s
	}
	apart := []nodeapi.Peer{ctl, gw1, gw2, cmpt}
	one := func(roles ...model.Role) nodeapi.Peer { return peer("one", "10.0.0.11", roles...) }
	all, both, guests := one(c, g, k), one(c, g), one(c, k)
	return map[string]nodeapi.OpenStack{
		"all-in-one":         allInOne(),
		"controller":         spec(ctl, apart...),
		"gateway-compute":    spec(gw1, apart...),
		"gateway":            spec(gw2, apart...),
		"compute":            spec(cmpt, apart...),
		"all-and-others":     spec(all, all, cmpt),
		"controller-gateway": spec(both, both, cmpt),
		"controller-compute": spec(guests, guests, gw2),
	}
}

func TestSpecsAreValid(t *testing.T) {
	for name, s := range specs() {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b, err := json.Marshal(nodeapi.Spec{OpenStack: s})
		if err != nil {
			t.Fatal(err)
		}
		var got nodeapi.Spec
		if err := json.Unmarshal(b, &got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(s, got.OpenStack, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s (-sent +received):\n%s", name, diff)
		}
	}
}

func TestSpecValidateOfSeveralNodes(t *testing.T) {
	for _, tt := range []struct {
		name, of string
		change   func(*nodeapi.OpenStack)
		want     string
	}{
		{"provider NIC without the role", "compute", func(s *nodeapi.OpenStack) { s.Provider.NICMAC = "0a:00:00:00:00:01" },
			"node cmp is no gateway, but has the provider NIC"},
		{"provider port without the role", "controller", func(s *nodeapi.OpenStack) { s.ProviderPort = "mcw1" },
			"node ctl is no gateway, but has the provider port mcw1"},
		{"gateway without bridge", "gateway", func(s *nodeapi.OpenStack) { s.Bridge = "" }, "name of the bridge"},
		{"controller without network", "controller", func(s *nodeapi.OpenStack) { s.PhysicalNetwork = "" },
			"name of the physical network"},
		{"nobody is told where consoles are", "compute", func(s *nodeapi.OpenStack) { s.Public = "" },
			"name of the controller for clients outside"},
		{"controller by another name", "controller", func(s *nodeapi.OpenStack) { s.Public = "a.example" },
			"told that clients reach the controller as a.example"},
		{"not in the list", "compute", func(s *nodeapi.OpenStack) { s.Node = "other" }, "node other is not in the list"},
		{"other roles in the list", "compute", func(s *nodeapi.OpenStack) { s.Nodes[3].Roles = model.Roles() },
			"with the roles [compute], but at 10.0.2.11 with [controller compute gateway] in the list"},
		{"other address in the list", "compute", func(s *nodeapi.OpenStack) {
			s.Nodes[3].Address = netip.MustParseAddr("10.0.2.99")
		}, "but at 10.0.2.99"},
		{"twice the same name", "compute", func(s *nodeapi.OpenStack) { s.Nodes[2].Name = "gw-1" },
			"two nodes have the name gw-1"},
		{"twice the same address", "compute", func(s *nodeapi.OpenStack) { s.Nodes[2].Address = s.Nodes[1].Address },
			"two nodes have the address 10.0.0.12"},
		{"two controllers", "compute", func(s *nodeapi.OpenStack) { s.Nodes[1].Roles = []model.Role{model.Controller} },
			"node gw-1 at 10.0.0.12 is a controller, but the controller's address is 10.0.0.11"},
		{"no controller", "compute", func(s *nodeapi.OpenStack) { s.Nodes = s.Nodes[1:] }, "no controller in the list"},
		{"a node with quotes", "compute", func(s *nodeapi.OpenStack) { s.Nodes[1].Name = "a'b" },
			`name of the node is "a'b"`},
		{"a node without address", "compute", func(s *nodeapi.OpenStack) { s.Nodes[1].Address = netip.Addr{} },
			"node gw-1 has no management address"},
		{"the controller's address", "compute", func(s *nodeapi.OpenStack) { s.Controller = s.Management.Address },
			"node cmp is not the controller, but has the controller's address"},
		{"masquerading without the role", "compute", func(s *nodeapi.OpenStack) {
			s.NAT = []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")}
		}, "node cmp is no gateway, but is to masquerade"},
		{"masquerading itself", "gateway", func(s *nodeapi.OpenStack) {
			s.NAT = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
		}, "is in 10.0.0.0/24, which it is to masquerade"},
		{"masquerading no network", "gateway", func(s *nodeapi.OpenStack) {
			s.NAT = []netip.Prefix{netip.MustParsePrefix("10.0.3.1/24")}
		}, "10.0.3.1/24 to masquerade is no IPv4 network"},
		{"masquerading IPv6", "gateway", func(s *nodeapi.OpenStack) {
			s.NAT = []netip.Prefix{netip.MustParsePrefix("2001:db8::/64")}
		}, "2001:db8::/64 to masquerade is no IPv4 network"},
	} {
		s := specs()[tt.of]
		s.Nodes = slices.Clone(s.Nodes)
		tt.change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// allSecrets are the secrets, by what they are.
func allSecrets(s secrets) map[string]string {
	all := map[string]string{"admin": s.Admin, "rabbit": s.Rabbit, "metadata": s.Metadata, "dashboard": s.Dashboard,
		"disks client": s.Disks.Client, "disks host": s.Disks.Host}
	for user, password := range s.Accounts {
		all["account "+user] = password
	}
	for user, password := range s.Databases {
		all["database "+user] = password
	}
	return all
}

// Each kind of node gets these secrets and no other, and its files have them and no other.
func TestSecretsByRole(t *testing.T) {
	compute := []string{"account neutron", "account nova", "account placement", "disks client", "disks host", "metadata",
		"rabbit"}
	for name, want := range map[string][]string{
		"compute":         compute,
		"gateway":         {"account macaw-gateway"},
		"gateway-compute": slices.Sorted(slices.Values(append([]string{"account macaw-gateway"}, compute...))),
	} {
		s := specs()[name]
		part := knownSecrets().part(s.Roles)
		var given, used []string
		for what, secret := range allSecrets(part) {
			if secret != "" {
				given = append(given, what)
			}
		}
		files, err := render(s, part, facts{})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, f := range files {
			text.Write(f.Content)
			text.WriteByte('\n')
		}
		for what, secret := range allSecrets(knownSecrets()) {
			// At its end is a character that is not of a longer secret.
			if slices.ContainsFunc([]string{"\n", "@", "\""}, func(end string) bool {
				return strings.Contains(text.String(), secret+end)
			}) {
				used = append(used, what)
			}
		}
		slices.Sort(given)
		slices.Sort(used)
		if diff := cmp.Diff(want, given); diff != "" {
			t.Errorf("%s is given (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want, used); diff != "" {
			t.Errorf("%s has in its files (-want +got):\n%s", name, diff)
		}
		// Nothing is rendered from a secret that the node does not have.
		all, err := render(s, knownSecrets(), facts{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all, files); diff != "" {
			t.Errorf("%s lacks secrets for its files (-with all +with its own):\n%s", name, diff)
		}
	}
}

func TestSecretsForAnotherNode(t *testing.T) {
	root := t.TempDir()
	roles := []model.Role{model.Compute, model.Gateway}
	part, err := secretsFor(root, roles)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := loadSecrets(root, model.Roles())
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"administrator's password": whole.Admin,
		"database's password": whole.Databases["nova"], "dashboard's key": whole.Dashboard} {
		if secret == "" || strings.Contains(string(part), secret) {
			t.Errorf("the part has the %s", what)
		}
	}
	other := t.TempDir()
	write := func(content []byte) {
		if _, err := (file{Path: secretsPath, Mode: 0o600, Content: content}).Write(other); err != nil {
			t.Fatal(err)
		}
	}
	write(part)
	for _, of := range [][]model.Role{roles, {model.Compute}, {model.Gateway}} {
		if _, err := loadSecrets(other, of); err != nil {
			t.Errorf("a part for %v does not do for %v: %v", roles, of, err)
		}
	}
	if _, err := loadSecrets(other, model.Roles()); err == nil {
		t.Error("a controller makes up what another node's part lacks")
	}
	if again, err := secretsFor(root, roles); err != nil || string(again) != string(part) {
		t.Errorf("the second time another part: %v", err)
	}
	less, err := secretsFor(root, []model.Role{model.Gateway})
	if err != nil {
		t.Fatal(err)
	}
	write(less)
	if _, err := loadSecrets(other, roles); err == nil || !strings.Contains(err.Error(), "no password of the account") {
		t.Errorf("a gateway's part for a compute: %v", err)
	}
	for _, of := range [][]model.Role{nil, {model.Controller}, {"cook"}} {
		if _, err := secretsFor(root, of); err == nil {
			t.Errorf("a part for the roles %v", of)
		}
	}
}

func TestPlanHosts(t *testing.T) {
	const own = "127.0.0.1 localhost\n127.0.1.1 gw-1\n"
	nodes := specs()["gateway-compute"].Nodes[:2]
	block := hostsBegin + "\n10.0.0.11\tctl\n10.0.0.12\tgw-1\n" + hostsEnd + "\n"
	for _, tt := range []struct {
		name, seen string
		nodes      []nodeapi.Peer
		want       string
	}{
		{"one node", own, nil, own},
		{"new", own, nodes, own + block},
		{"there", own + block, nodes, own + block},
		{"no end of line", "127.0.0.1 localhost", nodes, "127.0.0.1 localhost\n" + block},
		{"other nodes, and lines after it", hostsBegin + "\n10.0.0.9 old\n" + hostsEnd + "\n" + own, nodes, block + own},
		{"one node again", own + block + "1.2.3.4 mine\n", nil, own + "1.2.3.4 mine\n"},
		{"no end of the block", own + hostsBegin + "\n1.2.3.4 mine\n", nodes, own + block + "1.2.3.4 mine\n"},
		{"no file", "", nodes, block},
	} {
		got := planHosts([]byte(tt.seen), tt.nodes)
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if again := planHosts(got, tt.nodes); string(again) != string(got) {
			t.Errorf("%s: the second time it is\n%s", tt.name, again)
		}
	}
}

// A node that loses a role loses its files, and only those that Apply has written.
func TestWriteFilesRemovesThoseOfALostRole(t *testing.T) {
	root := t.TempDir()
	plain := func(path string) file { return file{Path: path, Mode: 0o644, Content: []byte("x\n")} }
	n := &node{spec: specs()["compute"], root: root, files: []file{plain("/etc/a"), plain("/etc/b")}}
	if _, err := plain("/etc/c").Write(root); err != nil { // somebody else's
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if changed, err := n.writeFiles(); err != nil || changed != want {
			t.Fatalf("run %d: changed %v, %v", i+1, changed, err)
		}
	}
	n.files = n.files[:1]
	if changed, err := n.writeFiles(); err != nil || !changed {
		t.Errorf("after the loss: changed %v, %v", changed, err)
	}
	for name, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if exists(filepath.Join(root, "etc", name)) != want {
			t.Errorf("/etc/%s is there: %v", name, !want)
		}
	}
	if changed, err := n.writeFiles(); err != nil || changed {
		t.Errorf("again: changed %v, %v", changed, err)
	}
}

// What a node with these roles does not run does not start, and all the rest may.
func TestElsewhere(t *testing.T) {
	for name, not := range map[string][]string{
		"all-in-one": {"libvirtd-tls.socket", computeKeeperUnit, "macaw-disks.service", gatewayKeeperUnit, natUnit,
			spotReportUnit, "macaw-tunnel.service"},
		"compute": {"apache2.service", "glance-api.service", "haproxy.service", "keystone.service",
			computeKeeperUnit, gatewayKeeperUnit, natUnit,
			"mariadb.service", "memcached.service", "neutron-api.service", "neutron-ovn-maintenance-worker.service",
			"nova-api-metadata.service", "nova-api.service", "nova-conductor.service", "nova-novncproxy.service",
			"nova-scheduler.service", "ovn-central.service", "ovn-northd.service", "ovn-ovsdb-server-nb.service",
			"ovn-ovsdb-server-sb.service", "placement-api.service", "rabbitmq-server.service"},
		"controller": {"libvirtd-tls.socket", "libvirtd.service", "libvirtd.socket", "macaw-disks.service", natUnit,
			spotReportUnit, "macaw-tunnel.service",
			"neutron-ovn-metadata-agent.service", "nova-compute.service", "openvswitch-switch.service",
			"ovn-controller.service", "ovn-host.service", "ovs-vswitchd.service", "ovsdb-server.service", "virtlogd.socket"},
	} {
		got := elsewhere(specs()[name])
		slices.Sort(got)
		if diff := cmp.Diff(not, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A guest is defined in libvirt whether it runs or not; libvirt's own files are no guests.
func TestCheckGuests(t *testing.T) {
	for _, tt := range []struct {
		files []string
		want  string // of a node that is no compute
	}{
		{[]string{"run/libvirt/qemu/driver.pid", "run/libvirt/qemu/autostarted",
			"etc/libvirt/qemu/networks/default.xml"}, ""},
		{[]string{"run/libvirt/qemu/driver.pid", "etc/libvirt/qemu/instance-00000002.xml"},
			"ending the role compute of node gw-2: 1 guests are on it: instance-00000002"},
		{[]string{"run/libvirt/qemu/instance-00000001.xml", "run/libvirt/qemu/instance-00000001.pid",
			"etc/libvirt/qemu/instance-00000001.xml", "etc/libvirt/qemu/instance-00000002.xml"},
			"ending the role compute of node gw-2: 2 guests are on it: instance-00000001 instance-00000002"},
		{[]string{"run/libvirt/qemu/instance-00000001.xml"},
			"ending the role compute of node gw-2: 1 guests are on it: instance-00000001"},
	} {
		root := t.TempDir()
		for _, path := range tt.files {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := (&node{spec: specs()["compute"], root: root}).checkGuests(); err != nil {
			t.Errorf("a compute with %q: %v", tt.files, err)
		}
		got := ""
		if err := (&node{spec: specs()["gateway"], root: root}).checkGuests(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("a gateway with %q: %q", tt.files, got)
		}
	}
}
