// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"macaw.example/internal/model"
)

const goodConfig = `{
  "cloud": "first", "node": "gw-1", "gateways": ["gw-1", "gw-2"],
  "region": "us-east-1", "instance": "i-1", "instance_type": "m8i.large", "subnet_id": "subnet-1",
  "policy": "on-demand",
  "nic_mac": "02:0a:0b:0c:0d:0e", "primary": "10.20.1.5", "subnet": "10.20.1.0/24",
  "range": ["10.20.1.64/26", "2001:db8::100/120"], "metrics": "10.20.0.5:9478",
  "network": "provider", "auth_file": "AUTH"}`

const goodAuth = `{"auth_url": "http://10.20.0.5:5000/v3", "username": "macaw", "password": "secret",
  "project_name": "service", "region_name": "RegionOne", "interface": "internal"}`

func TestLoadConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		os.Remove(path)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	authFile := write("auth.json", goodAuth, 0o600)
	good := strings.Replace(goodConfig, "AUTH", authFile, 1)
	cfg, err := LoadConfig(write("agent.json", good, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	if auth, err := cfg.auth(); err != nil || auth.Password != "secret" {
		t.Errorf("auth: %v", err)
	}
	if cfg.State != DefaultStateFile || cfg.NICMAC.String() != "02:0a:0b:0c:0d:0e" {
		t.Errorf("read as %+v", cfg)
	}
	for text, want := range map[string]model.Wait{"": DefaultReleaseAfter, `"release_after": "0s", `: 0,
		`"release_after": "never", `: model.Never} {
		cfg, err := LoadConfig(write("release.json", strings.Replace(good, `"cloud"`, text+`"cloud"`, 1), 0o644))
		if err != nil || cfg.ReleaseAfter != want {
			t.Errorf("with %q releases wait %v, want %v; %v", text, cfg.ReleaseAfter, want, err)
		}
	}
	os.Chmod(authFile, 0o640)
	if _, err := cfg.auth(); err == nil || !strings.Contains(err.Error(), "0640") {
		t.Errorf("credentials that others read: %v", err)
	}

	inline := strings.Replace(goodConfig, `"auth_file": "AUTH"`, `"auth": `+goodAuth, 1)
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		err        string
	}{
		{"inline", inline, 0o600, ""},
		{"inline for all to read", inline, 0o644, "mode 0644"},
		{"unknown key", strings.Replace(good, `"cloud"`, `"clod"`, 1), 0o600, "clod"},
		{"no MAC", strings.Replace(good, `"nic_mac": "02:0a:0b:0c:0d:0e",`, "", 1), 0o600, "nic_mac is missing"},
		{"bad MAC", strings.Replace(good, "02:0a", "0x:0a", 1), 0o600, "not an Ethernet address"},
		{"primary elsewhere", strings.Replace(good, "10.20.1.5", "10.20.2.5", 1), 0o600, "primary address 10.20.2.5"},
		{"range elsewhere", strings.Replace(good, "10.20.1.64/26", "10.20.2.64/26", 1), 0o600, "range 10.20.2.64/26"},
		{"range too large", strings.Replace(good, "10.20.1.64/26", "10.20.0.0/23", 1), 0o600, "range 10.20.0.0/23"},
		{"unknown policy", strings.Replace(good, "on-demand", "some", 1), 0o600, `policy "some"`},
		{"no gateway", strings.Replace(good, `"gw-1", "gw-2"`, `"gw-2"`, 1), 0o600, `node "gw-1" is not among`},
		{"no instance", strings.Replace(good, "i-1", "", 1), 0o600, "instance is missing"},
		{"no network", strings.Replace(good, `"provider"`, `""`, 1), 0o600, "network is missing"},
		{"no credentials", strings.Replace(good, authFile, "", 1), 0o600, "one of auth_file and auth"},
	} {
		_, err := LoadConfig(write("agent.json", c.text, c.mode))
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password", c.name)
		}
	}
}

// The translation gets the addresses that Neutron may allocate, and the VPC, of which the
// others are not behind it: a configuration that an older macaw wrote has the subnet.
func TestConfigOfTheTranslation(t *testing.T) {
	vpc, subnet := netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("10.20.1.0/24")
	allocatable := []netip.Prefix{netip.MustParsePrefix("10.20.1.64/26")}
	for _, c := range []struct{ vpc, want []netip.Prefix }{
		{[]netip.Prefix{vpc}, []netip.Prefix{vpc, subnet}},
		{nil, []netip.Prefix{subnet}},
	} {
		got := Config{Range: allocatable, Subnet: subnet, VPC: c.vpc}.translation(nil)
		if !slices.Equal(got.Range, allocatable) || !slices.Equal(got.VPC, c.want) || got.Subnet != subnet {
			t.Errorf("VPC %v: range %v, VPC %v, subnet %v", c.vpc, got.Range, got.VPC, got.Subnet)
		}
	}
}

func TestNotify(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notify("READY=1"); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	if err := notify("READY=1"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("systemd got %q, %v", buf[:n], err)
	}
}

func TestUnit(t *testing.T) {
	unit := Unit("/usr/local/bin/macaw", DefaultConfigFile)
	for _, line := range []string{
		"ExecStart=/usr/local/bin/macaw agent --config /etc/macaw/agent.json",
		"Type=notify",
		"DefaultDependencies=no",
	} {
		if !strings.Contains(unit, line+"\n") {
			t.Errorf("no line %q in\n%s", line, unit)
		}
	}
	for _, other := range []string{"openvswitch-switch.service", "ovs-vswitchd.service", "ovn-controller.service"} {
		if !strings.Contains(unit, other) {
			t.Errorf("not ordered before %s", other)
		}
	}
}
