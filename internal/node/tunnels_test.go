// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"macaw.example/internal/graph"
	"macaw.example/internal/model"
	"macaw.example/internal/tunnel"
)

func someTunnel() tunnel.Config {
	return tunnel.Config{NIC: model.MAC{2, 10, 0, 0, 0, 18}, Address: netip.MustParsePrefix("10.0.0.12/24")}
}

func TestTunnelConfigIsReadAsWritten(t *testing.T) {
	for want, text := range map[tunnel.Config]string{
		{}:           "{}",
		someTunnel(): `{"nic":"02:0a:00:00:00:12","address":"10.0.0.12/24"}`,
	} {
		if got := tunnelTag(want); got != text {
			t.Errorf("%v is %s, want %s", want, got, text)
		}
		var got tunnel.Config
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
	}
}

// Only where Open vSwitch forwards in user space, and to other nodes, has the machine to have
// the management address: here it has not.
func TestTunnelsOnlyWhereNeeded(t *testing.T) {
	nowhere := netip.MustParseAddr("192.0.2.77")
	for _, tt := range []struct {
		kernel bool
		spec   string
		needed bool
	}{
		{false, "compute", true},
		{false, "all-and-others", true},
		{true, "compute", false},
		{false, "all-in-one", false},
		{false, "controller", false},
	} {
		s := specs()[tt.spec]
		s.Management.Address = nowhere
		c, err := tunnelOf(s, tt.kernel)
		if tt.needed && (err == nil || !strings.Contains(err.Error(), nowhere.String())) {
			t.Errorf("%+v: %v, want an error that names the address", tt, err)
		}
		if !tt.needed && (err != nil || !c.IsZero()) {
			t.Errorf("%+v: %v, %v; want nothing", tt, c, err)
		}
	}
}

func TestTunnelsPrecedeOpenVSwitch(t *testing.T) {
	for name, tunnels := range map[string]bool{"all-in-one": false, "all-and-others": true, "compute": true} {
		s := specs()[name]
		steps := (&node{spec: s}).steps()
		at := func(name string) int {
			return slices.IndexFunc(steps, func(s graph.Step) bool { return s.Name == name })
		}
		if i := at("tunnels"); i >= 0 != tunnels {
			t.Errorf("%s: step %d", name, i)
		}
		if needs := slices.Contains(steps[at("openvswitch")].Needs, "tunnels"); needs != tunnels {
			t.Errorf("%s: Open vSwitch waits for them: %t", name, needs)
		}
		if err := (&node{spec: s, root: t.TempDir()}).endTunnels(); err != nil {
			t.Errorf("a node that never had any: %v", err)
		}
	}
}

// cloud-init-local asks for a lease on a device that it takes for the machine's only one: at that time there must
// be no other with a carrier.
func TestTunnelsComeAfterCloudInit(t *testing.T) {
	text, err := templates.ReadFile("files/macaw-tunnel.service")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		order, ok := strings.CutPrefix(line, "After=")
		if ok && slices.Contains(strings.Fields(order), "network-pre.target") {
			return
		}
	}
	t.Errorf("the unit does not wait for network-pre.target:\n%s", text)
}
