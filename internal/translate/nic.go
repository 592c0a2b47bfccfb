// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/netdev"
)

// ClearNIC leaves the NIC to the translation: up, without addresses, routes and routing
// rules, and with the host's stack silent on it. It returns what it removed: cloud-init and
// amazon-ec2-net-utils add every secondary address, and for each a rule to a routing table
// of the NIC's own; the host would answer in place of the routers.
func ClearNIC(name string) (removed []string, err error) {
	nic, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("finding provider NIC %s: %w", name, err)
	}
	// Before the addresses: their routes, which tell the NIC's tables, go with them.
	if removed, err = clearRouting(nic); err != nil {
		return removed, err
	}
	for _, sysctl := range []struct{ path, value string }{
		{"net/ipv6/conf/" + name + "/accept_ra", "0"},
		{"net/ipv6/conf/" + name + "/disable_ipv6", "1"},
		{"net/ipv4/conf/" + name + "/arp_ignore", "8"}, // answer for no local address
	} {
		if err := netdev.SetSysctl(sysctl.path, sysctl.value); err != nil {
			return removed, err
		}
	}
	addrs, err := netlink.AddrList(nic, netlink.FAMILY_ALL)
	if err != nil {
		return removed, fmt.Errorf("listing addresses of %s: %w", name, err)
	}
	for _, a := range addrs {
		// Where the kernel does not promote secondary addresses (ip-sysctl,
		// promote_secondaries) they go with their primary one.
		if err := netlink.AddrDel(nic, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return removed, fmt.Errorf("removing %s from %s: %w", a.IPNet, name, err)
		}
		removed = append(removed, a.IPNet.String())
	}
	if nic.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(nic); err != nil {
			return removed, fmt.Errorf("setting %s up: %w", name, err)
		}
	}
	return removed, nil
}

// clearRouting removes the routing tables of a NIC's own, with the rules that lead to them,
// and returns the rules. A table is the NIC's own if each of its routes leaves by the NIC.
// Routes in the main table need no removal: they go with the NIC's addresses, and a packet
// with another source address is dropped by AWS.
func clearRouting(nic netlink.Link) (removed []string, err error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC},
			netlink.RT_FILTER_TABLE)
		if err != nil {
			return removed, fmt.Errorf("listing routes: %w", err)
		}
		tables := ownTables(routes, nic.Attrs().Index)
		if len(tables) == 0 {
			continue
		}
		rules, err := netlink.RuleList(family)
		if err != nil {
			return removed, fmt.Errorf("listing routing rules: %w", err)
		}
		for _, r := range rules {
			if !tables[r.Table] {
				continue
			}
			if err := netlink.RuleDel(&r); err != nil && !errors.Is(err, unix.ENOENT) {
				return removed, fmt.Errorf("removing routing rule %q: %w", r.String(), err)
			}
			removed = append(removed, r.String())
		}
		for _, r := range routes {
			if !tables[r.Table] {
				continue
			}
			if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
				return removed, fmt.Errorf("removing route %s of table %d: %w", r.Dst, r.Table, err)
			}
		}
	}
	return removed, nil
}

// ownTables returns the routing tables in which each route leaves by the interface.
func ownTables(routes []netlink.Route, index int) map[int]bool {
	own := map[int]bool{}
	for _, r := range routes {
		shared := r.Table == unix.RT_TABLE_MAIN || r.Table == unix.RT_TABLE_LOCAL || r.Table == unix.RT_TABLE_DEFAULT
		if before, ok := own[r.Table]; shared || ok && !before {
			continue
		}
		own[r.Table] = r.LinkIndex == index && len(r.MultiPath) == 0
	}
	maps.DeleteFunc(own, func(_ int, all bool) bool { return !all })
	return own
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
