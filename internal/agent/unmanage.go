// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"strings"

	"macaw.example/internal/model"
)

// Three programs configure the NICs of a machine on EC2, each from the one before:
// cloud-init asks instance metadata and writes netplan's file, at the first boot and
// whenever a NIC is attached; netplan's generator makes networkd's files of it at each boot,
// and has the boot wait for each NIC that it knows; networkd configures the NIC. Left alone
// they give the host every address of the provider NICs, and packets to floating IPs end
// there. The agent tells each of the three; what they did before, [translate.ClearNIC]
// removes.

// These sort before netplan's files, so networkd uses them for the provider NICs: the one
// that the node was made with, and those that the agent has attached since.
const (
	networkFile     = "/etc/systemd/network/05-macaw-provider.network"
	moreNetworkFile = "/etc/systemd/network/05-macaw-provider-more.network"
	// The stamps of networkd's reloads, see package systemd.
	networkStamp     = "/run/macaw/networkd-provider"
	moreNetworkStamp = "/run/macaw/networkd-provider-more"
)

// network has networkd leave a NIC alone (systemd.network(5)).
const network = `# Written by macaw. The provider NIC belongs to the translation.
[Match]
MACAddress=%s
Type=ether

[Link]
Unmanaged=yes
`

// CloudInitFile is where cloud-init reads [CloudInitConfig]. In an image it applies from
// the first boot on.
const CloudInitFile = "/etc/cloud/cloud.cfg.d/95-macaw.cfg"

// CloudInitConfig has cloud-init configure the primary NIC only, by DHCP, and no NIC that
// is attached later. The default is all NICs, and both times (cloud-init's documentation,
// "Amazon EC2" data source, and "Events and updates"). An attached NIC would also have it
// reconfigure the management NIC, several times within 30 s.
const CloudInitConfig = `# Written by macaw. The provider NICs belong to the translation.
datasource:
  Ec2:
    apply_full_imds_network_config: false
updates:
  network:
    when: [boot-new-instance]
`

// unmanage has the machine's network managers leave these NICs alone, from now on. file is
// networkd's, and stamp marks that it has read it.
func (i installer) unmanage(ctx context.Context, file, stamp string, macs ...model.MAC) (changed bool, err error) {
	var list []string
	for _, m := range macs {
		list = append(list, m.String())
	}
	for _, f := range []struct {
		path    string
		content []byte
	}{
		{file, fmt.Appendf(nil, network, strings.Join(list, " "))},
		{CloudInitFile, []byte(CloudInitConfig)},
	} {
		wrote, err := i.write(f.path, 0o644, f.content)
		if err != nil {
			return false, fmt.Errorf("writing %s: %w", f.path, err)
		}
		changed = changed || wrote
	}
	if err := i.ReloadNetwork(ctx, stamp, file); err != nil {
		return false, err
	}
	forgot, err := i.forgetNetplan(ctx, macs)
	return changed || forgot, err
}
