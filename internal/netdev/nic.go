// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"macaw.example/internal/model"
)

// FindNIC returns the name of the physical interface with this MAC. Interfaces
// on top of others (bridges, VLANs) may share a MAC and are passed over.
func FindNIC(mac model.MAC) (string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return "", fmt.Errorf("listing interfaces: %w", err)
	}
	for _, l := range links {
		// A TAP or veth device is a NIC in a machine of the lab.
		switch l.Type() {
		case "device", "tuntap", "veth":
			if l.Attrs().HardwareAddr.String() == mac.String() {
				return l.Attrs().Name, nil
			}
		}
	}
	return "", fmt.Errorf("no interface has MAC %s", mac)
}
