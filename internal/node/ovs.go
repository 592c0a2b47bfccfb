// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/tunnel"
)

var openvswitch = service{
	name:  "openvswitch",
	roles: []model.Role{model.Compute, model.Gateway},
	files: []configFile{
		// Without it every start of the database generates a new name for the chassis.
		{template: "system-id.conf", path: "/etc/openvswitch/system-id.conf"},
	},
	units: []string{"ovsdb-server.service", "ovs-vswitchd.service", "openvswitch-switch.service"},
}

// configureOVS describes the node's chassis and bridges in Open vSwitch's database. Writing
// existing values changes nothing in it.
func (n *node) configureOVS(ctx context.Context) error {
	// A running database may be empty: a killed run may have started it without describing the
	// chassis.
	if err := n.ensureRunning(ctx, "ovsdb-server.service"); err != nil && !errors.Is(err, errNothingToDo) {
		return err
	}
	if _, err := n.run(ctx, command{Args: ovsArgs(n.spec, n.facts)}); err != nil {
		return fmt.Errorf("describing the chassis in Open vSwitch: %w", err)
	}
	started := n.ensureRunning(ctx, openvswitch.units...)
	if started != nil && !errors.Is(started, errNothingToDo) {
		return started
	}
	// If it was running already, the bridge is new to it.
	routed, err := tunnel.Route(ctx, n.facts.Tunnel, n.tunnelRunner())
	if err != nil || routed {
		return err
	}
	return started
}

// ovsArgs is the one transaction that makes the chassis. It does not wait for ovs-vswitchd, so the
// provider port may come later.
func ovsArgs(s nodeapi.OpenStack, f facts) []string {
	datapath := "system"
	if !f.KernelOVS {
		datapath = "netdev"
	}
	args := []string{
		"ovs-vsctl", "--no-wait",
		"set", "Open_vSwitch", ".",
		"external_ids:system-id=" + s.Node,
		"external_ids:hostname=" + s.Node,
		fmt.Sprintf("external_ids:ovn-remote=ssl:%s:%d", s.Controller, nodeapi.SouthboundPort),
		"external_ids:ovn-encap-type=geneve",
		fmt.Sprintf("external_ids:ovn-encap-ip=%s", s.Management.Address),
		"external_ids:ovn-bridge-datapath-type=" + datapath,
	}
	if s.Has(model.Gateway) {
		args = append(args,
			fmt.Sprintf("external_ids:ovn-bridge-mappings=%s:%s", s.PhysicalNetwork, s.Bridge),
			"external_ids:ovn-cms-options=enable-chassis-as-gw")
	} else { // a node may have been a gateway
		args = append(args, "--", "remove", "Open_vSwitch", ".", "external_ids", "ovn-bridge-mappings", "ovn-cms-options")
		if s.Bridge != "" {
			args = append(args, "--", "--if-exists", "del-br", s.Bridge)
		}
	}
	bridge := func(name string, settings ...string) {
		args = append(args, "--", "--may-exist", "add-br", name,
			"--", "set", "Bridge", name, "datapath_type="+datapath)
		args = append(args, settings...)
	}
	bridge("br-int", "fail_mode=secure")
	if s.Has(model.Gateway) {
		bridge(s.Bridge)
		if s.ProviderPort != "" {
			args = append(args, "--", "--may-exist", "add-port", s.Bridge, s.ProviderPort)
		}
	}
	if f.Tunnel.IsZero() {
		args = append(args, "--", "--if-exists", "del-br", tunnel.Bridge)
	} else {
		bridge(tunnel.Bridge, `other_config:hwaddr="`+tunnel.BridgeMAC+`"`)
		args = append(args, "--", "--may-exist", "add-port", tunnel.Bridge, tunnel.Port)
	}
	// Nova's os-vif connects here; with OVN no agent opens it.
	return append(args, "--", "set-manager", "ptcp:6640:127.0.0.1")
}
