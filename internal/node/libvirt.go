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
