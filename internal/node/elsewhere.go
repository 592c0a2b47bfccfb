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
	"slices"
	"strings"

	"macaw.example/internal/hint"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// Every node has all packages, so every node could run every service. What belongs to roles that a node
// does not have, or not any more, is stopped, and does not start again: not at boot, and not because another
// unit asks for it. Debian's units of Nova and Neutron want those of Keystone, MariaDB and RabbitMQ, and a
// drop-in cannot take that from them (systemd.unit(5)).

// elsewhere returns the units of the cloud that this node does not run.
func elsewhere(s nodeapi.OpenStack) []string {
	here := unitsOf(onNode(s))
	return slices.DeleteFunc(unitsOf(services), func(unit string) bool { return slices.Contains(here, unit) })
}

// elsewhereDropIn keeps a unit from starting: its condition is never true.
func elsewhereDropIn(unit string) file {
	return file{Path: "/etc/systemd/system/" + unit + ".d/macaw-elsewhere.conf", Mode: 0o644, Content: []byte(
		"# Written by macaw. This node does not have the role that this unit belongs to.\n[Unit]\nConditionPathExists=!/\n")}
}

// stopElsewhere stops what other nodes run, and allows what this node runs.
func (n *node) stopElsewhere(ctx context.Context) (changed bool, err error) {
	if err := n.checkGuests(); err != nil {
		return false, err
	}
	others := elsewhere(n.spec)
	for _, unit := range others {
		wrote, err := elsewhereDropIn(unit).Write(n.root)
		if err != nil {
			return changed, err
		}
		changed = changed || wrote
	}
	for _, unit := range unitsOf(onNode(n.spec)) {
		switch err := os.Remove(filepath.Join(n.root, elsewhereDropIn(unit).Path)); {
		case err == nil:
			changed = true
		case !errors.Is(err, fs.ErrNotExist):
			return changed, fmt.Errorf("allowing %s to run on this node: %w", unit, err)
		}
	}
	if changed {
		if _, err := n.run(ctx, command{Args: []string{"systemctl", "daemon-reload"}}); err != nil {
			return changed, fmt.Errorf("telling systemd of changed units: %w", err)
		}
	}
	if !n.spec.Has(model.Gateway) && exists(filepath.Join(n.root, agentUnitFile)) {
		others = append(others, nodeapi.AgentUnit)
	}
	if len(others) == 0 {
		return changed, nil
	}
	seen, err := n.system().Show(ctx, others...)
	if err != nil {
		return changed, err
	}
	var running []string
	for _, u := range seen {
		if u.Active || u.Starting || u.Queued {
			running = append(running, u.Name)
		}
	}
	// It would keep the socket that systemd has given it. Its guests go on running.
	if slices.Contains(running, libvirtTLS.units[0]) {
		running = append(running, "libvirtd.service")
	}
	if err := n.run.Systemctl(ctx, "stop", running); err != nil {
		return changed, fmt.Errorf("stopping what belongs to roles that this node does not have: %w", err)
	}
	if err := disable(n.root, others); err != nil {
		return changed, err
	}
	if slices.Contains(others, nodeapi.AgentUnit) {
		for _, path := range []string{agentUnitFile, nodeapi.AgentConfig} {
			if err := os.Remove(filepath.Join(n.root, path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return changed, fmt.Errorf("removing the agent from a node that is no gateway any more: %w", err)
			}
		}
	}
	return changed || len(running) > 0, nil
}

// agentUnitFile is where package agent installs its unit.
const agentUnitFile = "/etc/systemd/system/" + nodeapi.AgentUnit

// checkGuests refuses to end the role of compute while guests are on the node: nobody could start, stop or move
// them any more.
func (n *node) checkGuests() error {
	if n.spec.Has(model.Compute) {
		return nil
	}
	guests, err := libvirtGuests(n.root)
	if err != nil || len(guests) == 0 {
		return err
	}
	return hint.With(fmt.Errorf("ending the role compute of node %s: %d guests are on it: %s", n.spec.Node, len(guests),
		strings.Join(guests, " ")), "migrate or delete them first: openstack server list --all-projects --host %s",
		n.spec.Node)
}

// libvirtGuests returns the names of libvirt's domains. It has a file for each that is defined, as Nova defines all
// of its own, and one for each that runs (qemu_conf.c: configDir, stateDir). libvirtd may be stopped by now.
func libvirtGuests(root string) (names []string, err error) {
	for _, dir := range []string{"/etc/libvirt/qemu", "/run/libvirt/qemu"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.xml"))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			names = append(names, strings.TrimSuffix(filepath.Base(f), ".xml"))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// writtenPath lists the configuration files that Apply has written on this node.
const writtenPath = "/var/lib/macaw/files.json"

// writeFiles writes the node's configuration files, and removes those that an earlier run has written and
// that its roles no longer need: they have secrets. The list on disk is complete at any time.
func (n *node) writeFiles() (changed bool, err error) {
	units, err := renderUnits(services) // on every node, by the package step
	if err != nil {
		return false, err
	}
	var wanted []string
	for _, f := range n.files {
		if !slices.ContainsFunc(units, func(u file) bool { return u.Path == f.Path }) {
			wanted = append(wanted, f.Path)
		}
	}
	before, err := readWritten(n.root)
	if err != nil {
		return false, err
	}
	surplus := slices.DeleteFunc(slices.Clone(before), func(path string) bool { return slices.Contains(wanted, path) })
	if _, err := writtenFile(append(slices.Clone(wanted), surplus...)).Write(n.root); err != nil {
		return false, err
	}
	for _, f := range n.files {
		wrote, err := f.Write(n.root)
		if err != nil {
			return changed, err
		}
		changed = changed || wrote
	}
	for _, path := range surplus {
		if err := os.Remove(filepath.Join(n.root, path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return changed, fmt.Errorf("removing a file of a role that this node does not have: %w", err)
		}
		changed = true
	}
	_, err = writtenFile(wanted).Write(n.root)
	return changed, err
}

func writtenFile(paths []string) file {
	slices.Sort(paths)
	content, err := json.MarshalIndent(paths, "", "  ")
	if err != nil {
		panic(err) // strings
	}
	return file{Path: writtenPath, Mode: 0o600, Content: append(content, '\n')}
}

func readWritten(root string) (paths []string, err error) {
	content, err := os.ReadFile(filepath.Join(root, writtenPath))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &paths)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of configuration files %s: %w", writtenPath, err)
	}
	return paths, nil
}
