// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"strings"
)

var novaComputeConf = configFile{
	template: "nova-compute.conf", path: "/etc/nova/nova-compute.conf", readers: []string{"nova-compute.service"},
}

// virtualization is the type of the node's virtual machines.
func virtualization(f facts) string {
	if f.KVM {
		return "virt_type = kvm"
	}
	return strings.Join([]string{
		"# /dev/kvm is missing or does not run a vCPU.",
		"virt_type = qemu",
		"cpu_mode = none",
	}, "\n")
}

// DecideVirtualization writes for nova-compute how guests run, before each of its starts: a restart of the
// instance may have given it KVM or taken it away, and Nova brings the guests back without waiting for
// Apply.
func DecideVirtualization() (changed bool, err error) {
	return decideVirtualization("/", facts{KVM: kvmWorks("/dev/kvm")})
}

func decideVirtualization(root string, f facts) (changed bool, err error) {
	r := newRenderer(tags{"virtualization": virtualization(f)})
	r.add(novaComputeConf, nil)
	files, err := r.sorted()
	if err != nil {
		return false, err
	}
	for _, f := range files {
		wrote, err := f.Write(root)
		if err != nil {
			return changed, fmt.Errorf("deciding how guests run: %w", err)
		}
		changed = changed || wrote
	}
	return changed, nil
}
