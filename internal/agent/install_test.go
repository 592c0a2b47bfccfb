// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os/exec"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/systemd"
)

// fakeNode is a machine with systemd, the agent's unit and networkd on it. Each step
// that it takes is a second, and it can be killed before each and after.
type fakeNode struct {
	now     time.Time
	files   map[string][]byte
	changed map[string]time.Time
	loaded  []byte         // the unit file as systemd has read it
	agent   map[string]any // what the agent has read when it started; nil: it does not run
	started time.Time
	network []byte // what networkd has read
	enabled bool
	did     []string // commands that change something
	warned  []string
	broken  error // of netplan set

	steps, killAt int
	lost          bool // killed after the step's effect, not before
}

var errKilled = errors.New("killed")

// errSilent is the error that netplan's exit status does not show.
var errSilent = errors.New("invalid YAML")

// step takes a step, unless the run is killed before it.
func (n *fakeNode) step(effect func()) error {
	n.steps++
	n.now = n.now.Add(time.Second)
	if n.killAt > 0 && n.steps >= n.killAt {
		if n.lost && n.steps == n.killAt {
			effect()
		}
		return errKilled
	}
	effect()
	return nil
}

func (n *fakeNode) put(path string, content []byte) {
	n.files[path], n.changed[path] = content, n.now
}

func (n *fakeNode) installer() installer {
	return installer{
		System: systemd.System{
			Run:     n.run,
			Changed: func(path string) time.Time { return n.changed[path] },
			Touch:   func(path string) error { return n.step(func() { n.put(path, nil) }) },
			Now:     func() time.Time { return n.now },
		},
		write: func(path string, _ fs.FileMode, content []byte) (bool, error) {
			if old, ok := n.files[path]; ok && bytes.Equal(old, content) {
				return false, nil
			}
			return true, n.step(func() { n.put(path, content) })
		},
		netplan: netplanOf{n},
		findNIC: func(mac model.MAC) (string, error) {
			if mac == eni1 {
				return "ens6", nil
			}
			return "", errors.New("no interface has that MAC")
		},
		warn: func(text string) { n.warned = append(n.warned, text) },
	}
}

// netplanFile is what cloud-init has written of two NICs.
const netplanFile = netplanDir + "/50-cloud-init.yaml"

// netplanOf is netplan's directory.
type netplanOf struct{ *fakeNode }

func (n netplanOf) Open(name string) (fs.File, error) {
	dir := fstest.MapFS{}
	for name, text := range n.files {
		if path.Dir(name) == netplanDir {
			dir[path.Base(name)] = &fstest.MapFile{Data: text}
		}
	}
	return dir.Open(name)
}

// cloudInit returns what cloud-init writes of NICs with these MACs.
func cloudInit(macs ...model.MAC) []byte {
	text := []byte("network:\n  version: 2\n  ethernets:\n")
	for i, m := range macs {
		text = fmt.Appendf(text, "    ens%d:\n      match: {macaddress: %q}\n      dhcp4: true\n", 5+i,
			strings.ToUpper(m.String()))
	}
	return text
}

const testBinary = "/usr/local/bin/macaw"

func (n *fakeNode) run(_ context.Context, args ...string) (string, error) {
	line := strings.Join(args, " ")
	act := func(effect func()) (string, error) {
		return "", n.step(func() { n.did = append(n.did, line); effect() })
	}
	start := func() {
		n.started = n.now
		n.agent = map[string]any{}
		for _, f := range []string{testBinary, DefaultConfigFile} {
			n.agent[f] = string(n.files[f])
		}
		n.agent[unitFile] = string(n.loaded)
	}
	switch {
	case strings.HasPrefix(line, "systemctl show") && args[len(args)-1] == UnitName:
		state, at, outdated := "inactive", "n/a", "no"
		if n.loaded == nil {
			n.loaded = n.files[unitFile]
		}
		if n.agent != nil {
			state, at = "active", n.started.Format("Mon 2006-01-02 15:04:05.999999 MST")
		}
		if !bytes.Equal(n.loaded, n.files[unitFile]) {
			outdated = "yes"
		}
		return fmt.Sprintf("LoadState=loaded\nActiveState=%s\nExecMainStartTimestamp=%s\nNeedDaemonReload=%s\n", state,
			at, outdated), nil
	case strings.HasPrefix(line, "systemctl show"): // networkd, since long before
		return "LoadState=loaded\nActiveState=active\nExecMainStartTimestamp=Mon 2000-01-03 00:00:00 UTC\n", nil
	case line == "systemctl daemon-reload":
		return act(func() { n.loaded = n.files[unitFile] })
	case line == "networkctl reload":
		return act(func() { n.network = n.files[networkFile] })
	case args[0] == "netplan" && n.broken != nil:
		if n.broken == errSilent {
			return "", nil
		}
		return "", fmt.Errorf("%s: %w", line, n.broken)
	case line == "netplan set --origin-hint=50-cloud-init ethernets.ens6=NULL":
		return act(func() { n.put(netplanFile, cloudInit(management)) })
	case strings.HasPrefix(line, "systemctl enable"):
		return "", n.step(func() { n.enabled = true })
	case line == "systemctl start -- "+UnitName:
		return act(func() {
			if n.agent == nil {
				start()
			}
		})
	case line == "systemctl restart -- "+UnitName:
		return act(start)
	case strings.HasPrefix(line, "systemctl reset-failed"):
		return "", nil
	}
	return "", fmt.Errorf("unexpected: %s", line)
}

// converged returns what still works from an older file.
func (n *fakeNode) converged() error {
	var errs []error
	for _, f := range []string{testBinary, DefaultConfigFile, unitFile} {
		if n.agent[f] != string(n.files[f]) {
			errs = append(errs, fmt.Errorf("the agent runs with another %s", f))
		}
	}
	if !bytes.Equal(n.network, n.files[networkFile]) {
		errs = append(errs, errors.New("networkd has not read its file"))
	}
	if string(n.files[CloudInitFile]) != CloudInitConfig {
		errs = append(errs, errors.New("cloud-init configures provider NICs"))
	}
	if string(n.files[netplanFile]) != string(cloudInit(management)) {
		errs = append(errs, fmt.Errorf("the next boot gets %s", n.files[netplanFile]))
	}
	if !n.enabled {
		errs = append(errs, errors.New("the unit is not enabled"))
	}
	return errors.Join(errs...)
}

var management = model.MAC{0x0a, 0, 0, 0, 0, 5}

func installConfig() Config {
	return Config{Cloud: "c", Node: "gw-1", Gateways: []string{"gw-1"}, Region: "r", Instance: "i-1",
		InstanceType: "t3.large",
		SubnetID:     "subnet-1", Network: "public", Policy: model.ElasticIPsAll,
		Range:  []netip.Prefix{netip.MustParsePrefix("10.20.1.8/29")},
		NICMAC: eni1, Primary: primary, Subnet: netip.MustParsePrefix("10.20.1.0/24"), AuthFile: "/etc/macaw/auth.json"}
}

// A run that is killed anywhere leaves nothing that the next one does not see,
// whatever has changed: it is not what a run writes that counts, but what runs.
func TestInstallKilledAnywhere(t *testing.T) {
	cfg := installConfig()
	other := cfg
	other.Policy, other.NICMAC = model.ElasticIPsOnDemand, model.MAC{0x0a, 0, 0, 0, 0, 9}
	for _, c := range []struct {
		name   string
		before bool // the agent runs
		change func(*fakeNode)
		cfg    Config
	}{
		{"first", false, func(*fakeNode) {}, cfg},
		{"configuration and NIC", true, func(*fakeNode) {}, other},
		{"program", true, func(n *fakeNode) { n.put(testBinary, []byte("new")) }, cfg},
		{"configuration, and the clock was set back", true, func(n *fakeNode) { n.now = n.now.Add(-time.Hour) }, other},
		{"netplan, after cloud-init ran again", true,
			func(n *fakeNode) { n.put(netplanFile, cloudInit(management, eni1)) }, cfg},
		{"unit", true, func(n *fakeNode) { n.put(unitFile, []byte("of an older macaw")) }, cfg},
	} {
		for _, lost := range []bool{false, true} {
			for kill := 1; ; kill++ {
				n := &fakeNode{now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), files: map[string][]byte{},
					changed: map[string]time.Time{}}
				n.put(testBinary, []byte("old"))
				n.put(netplanFile, cloudInit(management, eni1))
				if c.before {
					if _, err := n.installer().install(t.Context(), cfg, testBinary); err != nil {
						t.Fatal(err)
					}
				}
				n.now = n.now.Add(time.Minute)
				c.change(n)
				n.steps, n.killAt, n.lost = 0, kill, lost
				if _, err := n.installer().install(t.Context(), c.cfg, testBinary); err == nil {
					break // it had fewer steps
				}
				n.killAt = 0
				if _, err := n.installer().install(t.Context(), c.cfg, testBinary); err != nil {
					t.Fatal(err)
				}
				if err := n.converged(); err != nil {
					t.Errorf("%s: killed at step %d (lost: %v), and after the next run: %v", c.name, kill, lost, err)
				}
				if n.changed[testBinary].After(n.now) { // until the clock has caught up
					n.now = n.now.Add(2 * time.Hour)
					if _, err := n.installer().install(t.Context(), c.cfg, testBinary); err != nil {
						t.Fatal(err)
					}
				}
				n.did = nil
				if changed, err := n.installer().install(t.Context(), c.cfg, testBinary); err != nil || changed ||
					len(n.did) > 0 {
					t.Errorf("%s: a run with nothing to do said %v, %v and did %q", c.name, changed, err, n.did)
				}
			}
		}
	}
}

func TestNetplanNICs(t *testing.T) {
	mac := eni1.String()
	byMAC := "match: {macaddress: '" + strings.ToUpper(mac) + "'}"
	for _, c := range []struct{ name, text, more, want string }{
		{"no such file", "", "", "[]"},
		{"nothing of ours", "network: {version: 2, bridges: {br0: {}}}", "", "[]"},
		{"matched by MAC", "network: {ethernets: {nic: {" + byMAC + "}, other: {match: {name: 'en*'}}}}", "", "[{50-a nic}]"},
		{"an ID with dots", "network: {ethernets: {a.b: {" + byMAC + "}}}", "", `[{50-a a\.b}]`},
		{"no match: the ID is the name", "network: {ethernets: {ens6: {dhcp4: true}, ens5: {dhcp4: true}}}", "",
			"[{50-a ens6}]"},
		{"an empty definition", "network: {ethernets: {ens6: }}", "", "[{50-a ens6}]"},
		{"matched by name", "network: {ethernets: {nic: {match: {name: ens6}}}}", "", "[{50-a nic}]"},
		{"the name is another's ID", "network: {ethernets: {ens6: {match: {macaddress: '0a:00:00:00:00:77'}}}}", "", "[]"},
		{"every NIC matches", "network: {ethernets: {ens6: {match: {}}}}", "", "[]"},
		{"other NICs of this driver match", "network: {ethernets: {ens6: {match: {driver: ena}}}}", "", "[]"},
		{"in two files", "network: {ethernets: {nic: {" + byMAC + "}}}", "network: {ethernets: {nic: {mtu: 9001}}}",
			"[{50-a nic} {60-b nic}]"},
		{"in two files, by another MAC", "network: {ethernets: {ens6: {match: {macaddress: '0a:00:00:00:00:77'}}}}",
			"network: {ethernets: {ens6: {dhcp4: true}}}", "[]"},
	} {
		dir := fstest.MapFS{"README": {Data: []byte("{")}}
		if c.text != "" {
			dir["50-a.yaml"] = &fstest.MapFile{Data: []byte(c.text)}
		}
		if c.more != "" {
			dir["60-b.yaml"] = &fstest.MapFile{Data: []byte(c.more)}
		}
		got, unread := netplanNICs(dir, []string{mac}, []string{"ens6"})
		if fmt.Sprint(got) != c.want || len(unread) > 0 {
			t.Errorf("%s: %v, %v; want %s", c.name, got, unread, c.want)
		}
	}
}

// A file of netplan's that nobody can read keeps neither the agent from its installation, nor the other
// files from being changed.
func TestNetplanFilesThatAreBroken(t *testing.T) {
	const broken = netplanDir + "/40-custom.yaml"
	for _, c := range []struct {
		name, file string
		netplan    error  // of netplan set
		want       string // in the error
		warnings   int
	}{
		{"a broken file, and netplan works", "network: {", nil, "", 1},
		{"a broken file, and netplan fails", "network: {", errors.New("invalid YAML"), "", 2},
		{"a broken file, and netplan fails with status 0", "network: {", errSilent, "", 2},
		{"netplan does nothing", "network: {}", errSilent, "it is still there", 0},
		{"a file of another shape", "network: {ethernets: [ens6]}", nil, "", 1},
		{"netplan was removed", "network: {}", exec.ErrNotFound, "", 0},
		{"netplan fails", "network: {}", errors.New("read-only file system"), "read-only file system", 0},
	} {
		n := &fakeNode{now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), files: map[string][]byte{},
			changed: map[string]time.Time{}, broken: c.netplan}
		n.put(testBinary, []byte("old"))
		n.put(netplanFile, cloudInit(management, eni1))
		n.put(broken, []byte(c.file))
		_, err := n.installer().install(t.Context(), installConfig(), testBinary)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
		if len(n.warned) != c.warnings || c.warnings > 0 && !strings.Contains(n.warned[0], broken) {
			t.Errorf("%s: warnings %q; want %d", c.name, n.warned, c.warnings)
		}
		if n.network == nil {
			t.Errorf("%s: networkd does not know of the provider NIC", c.name)
		}
		if c.netplan == nil && string(n.files[netplanFile]) != string(cloudInit(management)) {
			t.Errorf("%s: the next boot gets %s", c.name, n.files[netplanFile])
		}
	}
}
