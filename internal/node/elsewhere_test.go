// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/nodeapi"
)

// fakeUnits answers for systemd: the units that are active, and what was run besides.
func fakeUnits(active ...string) (run runner, ran *[]string) {
	ran = new([]string)
	return func(_ context.Context, c command) (string, error) {
		if c.Args[0] == "systemctl" && c.Args[1] == "show" {
			var out strings.Builder
			for _, unit := range c.Args[slices.Index(c.Args, "--")+1:] {
				state := "inactive"
				if slices.Contains(active, unit) {
					state = "active"
				}
				out.WriteString("Id=" + unit + "\nLoadState=loaded\nActiveState=" + state + "\n\n")
			}
			return out.String(), nil
		}
		*ran = append(*ran, strings.Join(c.Args, " "))
		return "", nil
	}, ran
}

// A node that had all roles and is a compute now: the rest stops, does not start at boot, and not because
// another unit wants it.
func TestStopElsewhere(t *testing.T) {
	root := t.TempDir()
	write := func(path, content string) {
		if _, err := (file{Path: path, Mode: 0o644, Content: []byte(content)}).Write(root); err != nil {
			t.Fatal(err)
		}
	}
	write(agentUnitFile, "x")
	write(nodeapi.AgentConfig, "{}")
	write("/usr/lib/systemd/system/keystone.service", "x")
	write("/usr/lib/systemd/system/nova-compute.service", "x")
	if err := enable(root, []string{"keystone.service", "nova-compute.service", nodeapi.AgentUnit}); err != nil {
		t.Fatal(err)
	}
	run, ran := fakeUnits("keystone.service", "nova-compute.service", "mariadb.service", nodeapi.AgentUnit)
	n := &node{spec: specs()["compute"], root: root, run: run}
	if changed, err := n.stopElsewhere(t.Context()); err != nil || !changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
	want := []string{"systemctl daemon-reload", "systemctl stop -- mariadb.service keystone.service macaw-agent.service"}
	if diff := cmp.Diff(want, *ran); diff != "" {
		t.Errorf("ran (-want +got):\n%s", diff)
	}
	for path, want := range map[string]bool{
		"/etc/systemd/system/multi-user.target.wants/keystone.service":     false,
		"/etc/systemd/system/multi-user.target.wants/macaw-agent.service":  false,
		"/etc/systemd/system/multi-user.target.wants/nova-compute.service": true,
		elsewhereDropIn("keystone.service").Path:                           true,
		elsewhereDropIn("rabbitmq-server.service").Path:                    true,
		elsewhereDropIn("nova-compute.service").Path:                       false,
		agentUnitFile:       false,
		nodeapi.AgentConfig: false,
	} {
		if exists(filepath.Join(root, path)) != want {
			t.Errorf("%s is there: %v", path, !want)
		}
	}
	run, ran = fakeUnits("nova-compute.service")
	n.run = run
	if changed, err := n.stopElsewhere(t.Context()); err != nil || changed || len(*ran) > 0 {
		t.Errorf("again: changed %v, ran %q, %v", changed, *ran, err)
	}
	// It has all roles again.
	n.spec = specs()["all-in-one"]
	if changed, err := n.stopElsewhere(t.Context()); err != nil || !changed {
		t.Errorf("with all roles: changed %v, %v", changed, err)
	}
	// Nothing is left for others to run.
	n.spec = specs()["all-and-others"]
	n.spec.NAT = specs()["gateway-compute"].NAT
	if _, err := n.stopElsewhere(t.Context()); err != nil {
		t.Error(err)
	}
	if exists(filepath.Join(root, elsewhereDropIn("keystone.service").Path)) {
		t.Error("Keystone may not start, though the node is a controller again")
	}
}

// A gateway through which nodes reached the Internet, and do not any more: it stops forwarding, also after a boot, and
// has no rules for it.
func TestStopNAT(t *testing.T) {
	root := t.TempDir()
	run, ran := fakeUnits(natUnit)
	n := &node{spec: specs()["gateway-compute"], root: root, run: run}
	r := newRenderer(natTags(n.spec))
	r.add(nat.files[0], nil)
	var err error
	if n.files, err = r.sorted(); err != nil {
		t.Fatal(err)
	}
	if changed, err := n.writeFiles(); err != nil || !changed || !exists(filepath.Join(root, natRules)) {
		t.Fatalf("changed %v, %v", changed, err)
	}
	n.spec.NAT, n.files = nil, nil
	if changed, err := n.stopElsewhere(t.Context()); err != nil || !changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
	dropIn := filepath.Join(root, elsewhereDropIn(natUnit).Path)
	if !slices.Contains(*ran, "systemctl stop -- "+natUnit) || !exists(dropIn) {
		t.Errorf("ran %q", *ran)
	}
	if changed, err := n.writeFiles(); err != nil || !changed || exists(filepath.Join(root, natRules)) {
		t.Errorf("changed %v, %v, and the rules are there: %v", changed, err, exists(filepath.Join(root, natRules)))
	}
}

// libvirtd gets its sockets when it starts, so one that runs without that for migrations starts anew.
func TestStartLibvirt(t *testing.T) {
	const start = "systemctl start -- "
	for _, tt := range []struct {
		name, of string
		active   []string
		want     []string
	}{
		{"first time", "compute", nil,
			[]string{start + "virtlogd.socket libvirtd.socket libvirtd-tls.socket libvirtd.service"}},
		{"it has the socket", "compute", []string{"virtlogd.socket", "libvirtd.socket", "libvirtd-tls.socket",
			"libvirtd.service"}, nil},
		{"the first other compute came", "compute", []string{"virtlogd.socket", "libvirtd.socket", "libvirtd.service"},
			[]string{"systemctl stop -- libvirtd.socket libvirtd.service", start + "libvirtd-tls.socket"}},
		{"no other compute", "all-in-one", []string{"virtlogd.socket", "libvirtd.socket"},
			[]string{start + "libvirtd.service"}},
	} {
		run, ran := fakeUnits(tt.active...)
		n := &node{spec: specs()[tt.of], root: t.TempDir(), run: run}
		if err := n.startLibvirt(t.Context()); err != nil && err != errNothingToDo {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, *ran); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestSetNAT(t *testing.T) {
	root := t.TempDir()
	for name := range natSettings("ens5", true) {
		path := filepath.Join(root, "proc/sys", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var ran []string
	n := &node{spec: specs()["gateway-compute"], root: root, run: func(_ context.Context, c command) (string, error) {
		forwards, _ := os.ReadFile(filepath.Join(root, "proc/sys/net/ipv4/conf/ens5/forwarding"))
		ran = append(ran, strings.Join(c.Args, " ")+", forwarding "+strings.TrimSpace(string(forwards)))
		return "", nil
	}}
	for _, on := range []bool{true, false} {
		if err := n.setNAT(t.Context(), "ens5", on); err != nil {
			t.Fatal(err)
		}
	}
	// Never does the node forward without the rules.
	want := []string{nftables + " --define nic=ens5 --file " + filepath.Join(root, natRules) + ", forwarding ",
		nftables + " destroy table inet macaw_nat, forwarding 0"}
	if diff := cmp.Diff(want, ran); diff != "" {
		t.Errorf("ran (-want +got):\n%s", diff)
	}
}

func TestDiskCommand(t *testing.T) {
	const guest = "/var/lib/nova/instances/11111111-2222-3333-4444-555555555555"
	for sent, want := range map[string][]string{
		"mkdir -p " + guest:                    {"/usr/bin/mkdir", "-p", guest},
		"touch " + guest + "/0a1b.tmp":         {"/usr/bin/touch", guest + "/0a1b.tmp"},
		"rm " + guest + "/0a1b.tmp":            {"/usr/bin/rm", guest + "/0a1b.tmp"},
		"rm -rf " + guest + "_resize":          {"/usr/bin/rm", "-rf", guest + "_resize"},
		sftpServer:                             {sftpServer},
		"":                                     nil,
		"id":                                   nil,
		sftpServer + " -d /":                   nil,
		"rm -rf /var/lib/nova/instances":       nil,
		"rm -rf /var/lib/nova/instances/_base": nil,
		"rm -rf " + guest + "/..":              nil,
		"rm -rf " + guest + "/../_base":        nil,
		"rm -rf " + guest + " /etc":            nil,
		"rm -rf " + guest + "; id":             nil,
		"mkdir -p " + guest + "\n/etc":         nil,
		"touch /etc/passwd":                    nil,
		"chmod 777 " + guest:                   nil,
	} {
		got, err := DiskCommand(sent)
		if !cmp.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %q, %v; want %q", sent, got, err, want)
		}
	}
}

func TestSeveralGatewaysWatchEachOther(t *testing.T) {
	options := func(of string) (all []string) {
		for _, s := range (&node{spec: specs()[of]}).settings() {
			if strings.Contains(s.set, "bfd") {
				all = append(all, s.set)
			}
		}
		return all
	}
	want := []string{"set NB_Global . options:bfd-min-rx=200", "set NB_Global . options:bfd-min-tx=200",
		"set NB_Global . options:bfd-mult=3"}
	if diff := cmp.Diff(want, options("controller")); diff != "" {
		t.Errorf("with two gateways (-want +got):\n%s", diff)
	}
	if got := options("all-in-one"); len(got) > 0 {
		t.Errorf("with one gateway: %q", got)
	}
}

func TestMapHosts(t *testing.T) {
	for out, want := range map[string]error{"0\n0\n": errNothingToDo, "0\n1\n": nil} {
		n := &node{spec: specs()["controller"], run: func(_ context.Context, c command) (string, error) {
			for name, in := range map[string]bool{"gw-1": true, "cmp": true, "gw-2": false, "ctl": false} {
				if strings.Contains(c.Stdin, "'"+name+"'") != in {
					t.Errorf("%s is in the cell: %v", name, !in)
				}
			}
			return out, nil
		}}
		if err := n.mapHosts(t.Context()); err != want {
			t.Errorf("%q: %v", out, err)
		}
	}
}
