// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"macaw.example/internal/execute"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/tunnel"
)

// tunnelConfig is for the unit, which runs at boot, before the node has its address.
const tunnelConfig = "/etc/macaw/tunnel.json"

// tunnels has Open vSwitch's userspace datapath send and receive tunnels to other nodes. The
// drop-in follows each start of ovs-vswitchd, which does not keep its routes.
var tunnels = service{
	name:  "tunnels",
	roles: []model.Role{model.Compute, model.Gateway},
	when:  nodeapi.OpenStack.Tunnels,
	files: []configFile{
		{template: "tunnel.json", path: tunnelConfig, readers: []string{"macaw-tunnel.service"}},
	},
	units: []string{"macaw-tunnel.service"},
	systemd: []configFile{
		{template: "macaw-tunnel.service", path: "/etc/systemd/system/macaw-tunnel.service",
			readers: []string{"macaw-tunnel.service"}},
		{template: "ovs-vswitchd-tunnel.conf", path: "/etc/systemd/system/ovs-vswitchd.service.d/macaw-tunnel.conf"},
	},
}

// tunnelOf returns the configuration of a node's tunnels, for as long as its kernel does not forward for
// Open vSwitch.
func tunnelOf(s nodeapi.OpenStack, kernelOVS bool) (tunnel.Config, error) {
	if kernelOVS || !tunnels.on(s) {
		return tunnel.Config{}, nil
	}
	c, err := tunnel.Find(s.Management.Address)
	if err != nil {
		return c, fmt.Errorf("configuring tunnels to other nodes: %w", err)
	}
	return c, nil
}

// tunnelTag is the content of tunnelConfig; {} means that there is nothing to do.
func tunnelTag(c tunnel.Config) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // a MAC and a prefix
	}
	return string(b)
}

// ensureTunnels does itself what the unit does, so that an upgrade of this program, or a pair that somebody
// has removed, does not wait for the next boot.
func (n *node) ensureTunnels(ctx context.Context) error {
	started := n.ensureRunning(ctx, tunnels.units...)
	if started != nil && !errors.Is(started, errNothingToDo) {
		return started
	}
	if err := tunnel.Ensure(ctx, n.facts.Tunnel, n.tunnelRunner()); err != nil {
		return err
	}
	return started
}

// endTunnels undoes what is left of the tunnels of a cloud that has no other node any more.
func (n *node) endTunnels() error {
	path := filepath.Join(n.root, tunnelConfig)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := errors.Join(tunnel.Remove(), disable(n.root, tunnels.units)); err != nil {
		return err
	}
	return os.Remove(path) // last: a killed run begins again
}

func (n *node) tunnelRunner() tunnel.Runner {
	return func(ctx context.Context, args ...string) (string, error) { return n.run(ctx, command{Args: args}) }
}

// EnsureTunnels makes this node's tunnels work, at boot and after each start of ovs-vswitchd.
func EnsureTunnels(ctx context.Context) error {
	n := &node{root: "/", run: execute.On(nil)}
	var c tunnel.Config
	b, err := os.ReadFile(tunnelConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return fmt.Errorf("reading the configuration of tunnels: %w", err)
	}
	return tunnel.Ensure(ctx, c, n.tunnelRunner())
}
