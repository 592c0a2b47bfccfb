// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// MakePair makes a veth pair if it is missing, and configures it as a mere cable: up, with
// this MTU, without ARP and IPv6. It returns the two ends.
func MakePair(names [2]string, mtu int) (ends [2]netlink.Link, err error) {
	ends[0], err = netlink.LinkByName(names[0])
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = names[0], mtu
		err = netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: names[1], PeerMTU: uint32(mtu)})
		if err != nil {
			return ends, fmt.Errorf("making veth pair %s and %s: %w", names[0], names[1], err)
		}
		ends[0], err = netlink.LinkByName(names[0])
	}
	if err != nil {
		return ends, fmt.Errorf("finding interface %s: %w", names[0], err)
	}
	ends[1], err = netlink.LinkByName(names[1])
	if err != nil {
		return ends, fmt.Errorf("finding interface %s, the other end of %s: %w", names[1], names[0], err)
	}
	if ends[0].Type() != "veth" || ends[0].Attrs().ParentIndex != ends[1].Attrs().Index {
		return ends, fmt.Errorf("interfaces %s and %s are not the two ends of a veth pair", names[0], names[1])
	}
	for _, end := range ends {
		if err := configure(end, mtu); err != nil {
			return ends, err
		}
	}
	return ends, nil
}

// configure makes one end of a pair a mere cable.
func configure(link netlink.Link, mtu int) error {
	name := link.Attrs().Name
	if err := SetSysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1"); err != nil {
		return err
	}
	if link.Attrs().MTU != mtu {
		if err := netlink.LinkSetMTU(link, mtu); err != nil {
			return fmt.Errorf("setting MTU of %s to %d: %w", name, mtu, err)
		}
	}
	if link.Attrs().RawFlags&unix.IFF_NOARP == 0 {
		if err := netlink.LinkSetARPOff(link); err != nil {
			return fmt.Errorf("switching off ARP on %s: %w", name, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("setting %s up: %w", name, err)
	}
	return nil
}
