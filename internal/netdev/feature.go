// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// SetFeature turns a feature of an interface, such as "rx-gro", on or off, by the kernel's ethtool over
// generic netlink (Documentation/networking/ethtool-netlink.rst, FEATURES_SET).
func SetFeature(name, feature string, on bool) error {
	family, err := netlink.GenlFamilyGet(unix.ETHTOOL_GENL_NAME)
	if err != nil {
		return fmt.Errorf("finding the kernel's ethtool family: %w", err)
	}
	header := nl.NewRtAttr(unix.NLA_F_NESTED|unix.ETHTOOL_A_FEATURES_HEADER, nil)
	header.AddRtAttr(unix.ETHTOOL_A_HEADER_DEV_NAME, nl.ZeroTerminated(name))
	wanted := nl.NewRtAttr(unix.NLA_F_NESTED|unix.ETHTOOL_A_FEATURES_WANTED, nil)
	bits := wanted.AddRtAttr(unix.NLA_F_NESTED|unix.ETHTOOL_A_BITSET_BITS, nil)
	bit := bits.AddRtAttr(unix.NLA_F_NESTED|unix.ETHTOOL_A_BITSET_BITS_BIT, nil)
	bit.AddRtAttr(unix.ETHTOOL_A_BITSET_BIT_NAME, nl.ZeroTerminated(feature))
	if on { // a flag: its absence means off
		bit.AddRtAttr(unix.ETHTOOL_A_BITSET_BIT_VALUE, nil)
	}

	req := nl.NewNetlinkRequest(int(family.ID), unix.NLM_F_ACK)
	req.AddData(&nl.Genlmsg{Command: unix.ETHTOOL_MSG_FEATURES_SET, Version: uint8(family.Version)})
	req.AddData(header)
	req.AddData(wanted)
	if _, err := req.Execute(unix.NETLINK_GENERIC, 0); err != nil {
		return fmt.Errorf("setting feature %s of %s to %t: %w", feature, name, on, err)
	}
	return nil
}
