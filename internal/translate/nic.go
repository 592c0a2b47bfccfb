// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

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

// ClearNIC leaves the NIC to the translation: up, without addresses, and with the host's
// stack silent on it. It returns the addresses that it removed: cloud-init and
// amazon-ec2-net-utils add every secondary address, and the host would answer in place of
// the routers.
func ClearNIC(name string) ([]netip.Prefix, error) {
	nic, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("finding provider NIC %s: %w", name, err)
	}
	for _, sysctl := range []struct{ path, value string }{
		{"net/ipv6/conf/" + name + "/accept_ra", "0"},
		{"net/ipv6/conf/" + name + "/disable_ipv6", "1"},
		{"net/ipv4/conf/" + name + "/arp_ignore", "8"}, // answer for no local address
	} {
		if err := setSysctl(sysctl.path, sysctl.value); err != nil {
			return nil, err
		}
	}
	addrs, err := netlink.AddrList(nic, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("listing addresses of %s: %w", name, err)
	}
	var removed []netip.Prefix
	for _, a := range addrs {
		// Where the kernel does not promote secondary addresses (ip-sysctl,
		// promote_secondaries) they go with their primary one.
		if err := netlink.AddrDel(nic, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return removed, fmt.Errorf("removing %s from %s: %w", a.IPNet, name, err)
		}
		if p, err := netip.ParsePrefix(a.IPNet.String()); err == nil {
			removed = append(removed, p)
		}
	}
	if nic.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(nic); err != nil {
			return removed, fmt.Errorf("setting %s up: %w", name, err)
		}
	}
	return removed, nil
}

// Watch returns a channel that gets a value after interfaces or addresses of the network
// namespace have changed; changes in quick succession may give one. It is closed when ctx
// is done, or when netlink messages were lost.
func Watch(ctx context.Context) (<-chan struct{}, error) {
	links := make(chan netlink.LinkUpdate)
	addrs := make(chan netlink.AddrUpdate)
	done := make(chan struct{})
	if err := netlink.LinkSubscribe(links, done); err != nil {
		return nil, fmt.Errorf("watching interfaces: %w", err)
	}
	if err := netlink.AddrSubscribe(addrs, done); err != nil {
		close(done)
		drain(links)
		return nil, fmt.Errorf("watching addresses: %w", err)
	}
	changed := make(chan struct{}, 1)
	go func() {
		defer close(changed)
		defer drain(addrs)
		defer drain(links)
		defer close(done)
		for {
			var ok bool
			select {
			case <-ctx.Done():
				return
			case _, ok = <-links:
			case _, ok = <-addrs:
			}
			if !ok {
				return
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed, nil
}

// drain lets the goroutine of a subscription end, which may wait to send an update.
func drain[T any](updates <-chan T) {
	go func() {
		for range updates {
		}
	}()
}
