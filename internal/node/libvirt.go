// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"

	"macaw.example/internal/model"
)

var libvirt = service{
	name:  "libvirt",
	roles: []model.Role{model.Compute},
	files: []configFile{
		// libvirtd looks for a hook only when it starts.
		{template: "qemu-hook", path: "/etc/libvirt/hooks/qemu", program: true, readers: []string{"libvirtd.service"}},
	},
	units: []string{"virtlogd.socket", "libvirtd.socket", "libvirtd.service"},
}

// libvirtTLS lets running guests move between nodes: their disks and memory go from one QEMU to another, by
// TLS, and libvirtd on the source calls that on the destination, by TLS as well. A certificate of a compute's
// admits to either.
var libvirtTLS = service{
	name:  "libvirt-tls",
	roles: []model.Role{model.Compute},
	when:  migrates,
	files: []configFile{
		{template: "libvirtd.conf", path: "/etc/libvirt/libvirtd.conf", readers: []string{"libvirtd.service"}},
		{template: "qemu.conf", path: "/etc/libvirt/qemu.conf", readers: []string{"libvirtd.service"}},
		// Debian's listens on every address.
		{template: "libvirtd-tls.conf", path: "/etc/systemd/system/libvirtd-tls.socket.d/macaw.conf",
			readers: []string{"libvirtd-tls.socket"}},
	},
	units: []string{"libvirtd-tls.socket"},
}

// startLibvirt starts libvirtd. systemd gives it its sockets when it starts, and refuses to open one while
// it runs.
func (n *node) startLibvirt(ctx context.Context) error {
	units := libvirt.units
	if libvirtTLS.on(n.spec) {
		units = []string{"virtlogd.socket", "libvirtd.socket", "libvirtd-tls.socket", "libvirtd.service"}
		seen, err := n.system().Show(ctx, "libvirtd-tls.socket", "libvirtd.service")
		if err != nil {
			return err
		}
		if !seen[0].Active && (seen[1].Active || seen[1].Starting) {
			// With its other socket, whose clients would start it again. Guests go on running.
			if err := n.run.Systemctl(ctx, "stop", []string{"libvirtd.socket", "libvirtd.service"}); err != nil {
				return fmt.Errorf("stopping libvirtd for another socket: %w", err)
			}
		}
	}
	return n.ensureRunning(ctx, units...)
}

// probeEmulators makes libvirt probe QEMU's capabilities on this processor, and cache them. That
// takes seconds, mostly of waiting. nova-compute would trigger it only after everything else is up.
func (n *node) probeEmulators(ctx context.Context) error {
	for _, verb := range []string{"capabilities", "domcapabilities"} {
		if _, err := n.run(ctx, command{Args: []string{"virsh", "--connect", "qemu:///system", verb}}); err != nil {
			return fmt.Errorf("asking libvirt what guests it can run: %w", err)
		}
	}
	return errNothingToDo
}
