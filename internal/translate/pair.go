// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// makePair makes the veth pair if it is missing, and configures it: the NIC's MTU, no ARP,
// no IPv6.
func makePair(names [2]string, mtu int) (blackhole, port netlink.Link, err error) {
	blackhole, err = netlink.LinkByName(names[0])
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = names[0], mtu
		err = netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: names[1], PeerMTU: uint32(mtu)})
		if err != nil {
			return nil, nil, fmt.Errorf("making veth pair %s and %s: %w", names[0], names[1], err)
		}
		blackhole, err = netlink.LinkByName(names[0])
	}
	if err != nil {
		return nil, nil, fmt.Errorf("finding interface %s: %w", names[0], err)
	}
	port, err = netlink.LinkByName(names[1])
	if err != nil {
		return nil, nil, fmt.Errorf("finding interface %s, the other end of %s: %w", names[1], names[0], err)
	}
	if blackhole.Type() != "veth" || blackhole.Attrs().ParentIndex != port.Attrs().Index {
		return nil, nil, fmt.Errorf("interfaces %s and %s are not the two ends of a veth pair", names[0], names[1])
	}
	for _, link := range []netlink.Link{blackhole, port} {
		if err := configureLink(link, mtu); err != nil {
			return nil, nil, err
		}
	}
	return blackhole, port, nil
}

// configureLink makes one end of the pair a mere cable.
func configureLink(link netlink.Link, mtu int) error {
	name := link.Attrs().Name
	if err := setSysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1"); err != nil {
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

// deleteLink removes an interface, with the other end of its pair.
func deleteLink(l netlink.Link) error { return ignoreGone(netlink.LinkDel(l)) }

// setSysctl sets a value, given by its path below /proc/sys, unless it is set already: in
// a container it may be read-only, and right.
func setSysctl(path, value string) error {
	file := filepath.Join("/proc/sys", path)
	seen, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without IPv6
	}
	if err == nil && strings.TrimSpace(string(seen)) == value {
		return nil
	}
	if err := os.WriteFile(file, []byte(value), 0); err != nil {
		return fmt.Errorf("setting sysctl %s to %s: %w", path, value, err)
	}
	return nil
}
