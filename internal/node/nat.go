// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"macaw.example/internal/execute"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// nat lets nodes without a public address reach the Internet through this gateway: it masquerades their
// packets with its own management address.
var nat = service{
	name:  "nat",
	roles: []model.Role{model.Gateway},
	when:  func(s nodeapi.OpenStack) bool { return len(s.NAT) > 0 },
	files: []configFile{{template: "nat.nft", path: natRules, readers: []string{natUnit}}},
	units: []string{natUnit},
	systemd: []configFile{{
		template: natUnit, path: "/etc/systemd/system/" + natUnit, readers: []string{natUnit},
	}},
}

const (
	natUnit  = "macaw-nat.service"
	natRules = "/etc/macaw/nat.nft"
	nftables = "/usr/sbin/nft"
)

// natSettings are the kernel's settings of the management NIC. It forwards what comes in there and nothing
// else: forwarding is a property of the NIC by which a packet arrives (ip-sysctl.rst, conf/interface). Without
// the other two it would tell the nodes to go past it, since packets leave where they came in; that is off
// only if it is off for "all" as well.
func natSettings(nic string, on bool) map[string]string {
	forward, redirect := "0", "1" // the kernel's defaults
	if on {
		forward, redirect = "1", "0"
	}
	return map[string]string{
		"net/ipv4/conf/" + nic + "/forwarding":     forward,
		"net/ipv4/conf/" + nic + "/send_redirects": redirect,
		"net/ipv4/conf/all/send_redirects":         redirect,
	}
}

// SetNAT starts or stops masquerading, for the unit macaw-nat. The rules come first, and go last: there is
// no time at which the node forwards without them.
func SetNAT(ctx context.Context, spec nodeapi.OpenStack, on bool) error {
	nic, err := managementNIC(spec.Management.Address)
	if err != nil {
		return err
	}
	n := &node{spec: spec, root: "/", run: execute.On(nil)}
	return n.setNAT(ctx, nic, on)
}

func (n *node) setNAT(ctx context.Context, nic string, on bool) error {
	rules := func() error {
		args := []string{nftables, "--define", "nic=" + nic, "--file", filepath.Join(n.root, natRules)}
		if !on {
			args = []string{nftables, "destroy", "table", "inet", "macaw_nat"}
		}
		if _, err := n.run(ctx, command{Args: args}); err != nil {
			return fmt.Errorf("setting the rules of masquerading: %w", err)
		}
		return nil
	}
	set := func() error {
		var errs []error
		for name, value := range natSettings(nic, on) {
			if err := os.WriteFile(filepath.Join(n.root, "/proc/sys", name), []byte(value+"\n"), 0o644); err != nil {
				errs = append(errs, fmt.Errorf("setting %s to %s: %w", name, value, err))
			}
		}
		return errors.Join(errs...)
	}
	if on {
		if err := rules(); err != nil {
			return err
		}
		return set()
	}
	if err := set(); err != nil { // the rules stay: they drop all that is not theirs
		return err
	}
	return rules()
}

// managementNIC returns the name of the NIC with the management address. A bridge of Open vSwitch may have
// the same address for tunnels, but as a network of one.
func managementNIC(addr netip.Addr) (string, error) {
	nics, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("listing network interfaces: %w", err)
	}
	for _, nic := range nics {
		addrs, err := nic.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr() == addr && !p.IsSingleIP() {
				return nic.Name, nil
			}
		}
	}
	return "", fmt.Errorf("finding the management NIC: none has the address %s", addr)
}

// earlyNAT starts masquerading before the package step, if the machine has nftables already: other nodes
// wait for it with their own packages.
func (n *node) earlyNAT(ctx context.Context) error {
	if !nat.on(n.spec) || !exists(filepath.Join(n.root, nftables)) {
		return errNothingToDo
	}
	r := newRenderer(natTags(n.spec))
	for _, f := range append(nat.files, nat.systemd...) {
		r.add(f, nil)
	}
	var err error
	if n.files, err = r.sorted(); err != nil {
		return err
	}
	for _, f := range n.files {
		if _, err := f.Write(n.root); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(n.root, elsewhereDropIn(natUnit).Path)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return n.ensureRunning(ctx, natUnit)
}

func natTags(s nodeapi.OpenStack) tags {
	var networks []string
	for _, p := range s.NAT {
		networks = append(networks, p.String())
	}
	return tags{"nat": strings.Join(networks, ", ")}
}
