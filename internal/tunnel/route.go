// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/netdev"
)

// routeLimit is how long ovs-vswitchd may take to make the bridge's device and to see the
// address that it has been given.
const routeLimit = 10 * time.Second

// Runner runs a command and returns its standard output.
type Runner func(ctx context.Context, args ...string) (string, error)

// Route gives the bridge's device the management address, and Open vSwitch its routes to
// other tunnels' ends. Open vSwitch must be running; Route waits for the device.
func Route(ctx context.Context, c Config, run Runner) (changed bool, err error) {
	if err := c.Validate(); err != nil || c.IsZero() {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, routeLimit)
	defer cancel()
	for {
		did, err := route(ctx, c, run)
		changed = changed || did
		if err == nil {
			return changed, nil
		}
		select {
		case <-ctx.Done():
			return changed, fmt.Errorf("routing tunnels through %s: %w", Bridge, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func route(ctx context.Context, c Config, run Runner) (changed bool, err error) {
	changed, err = ensureAddress(c)
	if err != nil {
		return changed, err
	}
	shown, err := run(ctx, "ovs-appctl", "--timeout=5", "ovs/route/show")
	if err != nil {
		return changed, fmt.Errorf("reading Open vSwitch's routes: %w", err)
	}
	seen, err := parseRoutes(shown)
	if err != nil {
		return changed, err
	}
	for _, args := range plan(wanted(c), seen) {
		if _, err := run(ctx, append([]string{"ovs-appctl", "--timeout=5"}, args...)...); err != nil {
			return changed, fmt.Errorf("setting Open vSwitch's routes: %w", err)
		}
		changed = true
	}
	did, err := ensureRead(ctx, run)
	return changed || did, err
}

// ensureRead makes Open vSwitch open its port again if that is not the one that it has open:
// it does not notice that a pair was made anew.
func ensureRead(ctx context.Context, run Runner) (changed bool, err error) {
	l, err := netlink.LinkByName(Port)
	if err != nil {
		return false, fmt.Errorf("finding interface %s: %w", Port, err)
	}
	sockets, err := os.ReadFile("/proc/thread-self/net/packet")
	if err != nil {
		return false, fmt.Errorf("listing packet sockets: %w", err)
	}
	if isRead(string(sockets), l.Attrs().Index) {
		return false, nil
	}
	for _, args := range [][]string{
		{"ovs-vsctl", "--timeout=5", "--if-exists", "del-port", Bridge, Port},
		{"ovs-vsctl", "--timeout=5", "--may-exist", "add-port", Bridge, Port}, // not at once: that changes nothing
	} {
		if _, err := run(ctx, args...); err != nil {
			return changed, fmt.Errorf("making Open vSwitch open %s again: %w", Port, err)
		}
		changed = true
	}
	return changed, nil
}

// isRead reports whether one of the packet sockets is bound to an interface: their fifth
// column (packet_seq_show in net/packet/af_packet.c).
func isRead(sockets string, index int) bool {
	for line := range strings.Lines(sockets) {
		if words := strings.Fields(line); len(words) > 4 && words[4] == strconv.Itoa(index) {
			return true
		}
	}
	return false
}

// ensureAddress makes the management address the device's only one. It has the length of the
// subnet, for Open vSwitch derives the source of a route from a device's addresses and takes
// none whose subnet has neither destination nor gateway (ovs_router_insert__ in
// lib/ovs-router.c); and no route, so the kernel sends nothing this way.
func ensureAddress(c Config) (changed bool, err error) {
	l, err := netlink.LinkByName(Bridge)
	if err != nil {
		return false, fmt.Errorf("finding interface %s: %w", Bridge, err)
	}
	if err := netdev.SetSysctl("net/ipv6/conf/"+Bridge+"/disable_ipv6", "1"); err != nil {
		return false, err
	}
	if l.Attrs().RawFlags&unix.IFF_NOARP == 0 {
		if err := netlink.LinkSetARPOff(l); err != nil {
			return false, fmt.Errorf("switching off ARP on %s: %w", Bridge, err)
		}
	}
	addrs, err := netlink.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		return false, fmt.Errorf("listing addresses of %s: %w", Bridge, err)
	}
	ip := c.Address.Addr().AsSlice()
	wanted := netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(c.Address.Bits(), 32)},
		Flags: unix.IFA_F_NOPREFIXROUTE}
	has := false
	for _, a := range addrs {
		if a.IPNet.String() == wanted.IPNet.String() && a.Flags&unix.IFA_F_NOPREFIXROUTE != 0 {
			has = true
			continue
		}
		if err := netlink.AddrDel(l, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return changed, fmt.Errorf("removing %s from %s: %w", a.IPNet, Bridge, err)
		}
		changed = true
	}
	if !has {
		if err := netlink.AddrAdd(l, &wanted); err != nil {
			return changed, fmt.Errorf("adding %s to %s: %w", c.Address, Bridge, err)
		}
		changed = true
	}
	// Open vSwitch sends nothing to an internal port that is down, and terminates no tunnel there.
	if l.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(l); err != nil {
			return changed, fmt.Errorf("setting %s up: %w", Bridge, err)
		}
		changed = true
	}
	return changed, nil
}

// ovsRoute is a route of Open vSwitch's own, a "user" route.
type ovsRoute struct {
	to      netip.Prefix
	gateway netip.Addr // not valid: directly
	source  netip.Addr
}

// wanted are the routes of tunnels: within the subnet directly, and to all others by its
// router, which knows where they are. Open vSwitch uses its routes for nothing else. Two
// halves, because a user route precedes those that Open vSwitch learns from the kernel by 32
// bits of length: a default route would only draw with the kernel's routes to single hosts.
func wanted(c Config) []ovsRoute {
	return []ovsRoute{
		{to: c.Address.Masked(), source: c.Address.Addr()},
		{to: netip.MustParsePrefix("0.0.0.0/1"), gateway: c.router(), source: c.Address.Addr()},
		{to: netip.MustParsePrefix("128.0.0.0/1"), gateway: c.router(), source: c.Address.Addr()},
	}
}

// plan returns the commands of ovs-vswitchd that make the seen routes the wanted ones. Adding
// a route replaces one to the same network.
func plan(wanted, seen []ovsRoute) (commands [][]string) {
	for _, w := range wanted {
		if slices.Contains(seen, w) {
			continue
		}
		add := []string{"ovs/route/add", w.to.String(), Bridge}
		if w.gateway.IsValid() {
			add = append(add, w.gateway.String())
		}
		commands = append(commands, add)
	}
	for _, s := range seen {
		if !slices.ContainsFunc(wanted, func(w ovsRoute) bool { return w.to == s.to }) {
			commands = append(commands, []string{"ovs/route/del", s.to.String()})
		}
	}
	return commands
}

// parseRoutes returns the bridge's user routes of ovs/route/show (ovs_router_show in
// lib/ovs-router.c), such as "User: 10.0.0.0/24 dev br-phy GW 10.0.0.1 SRC 10.0.0.11".
func parseRoutes(shown string) ([]ovsRoute, error) {
	var routes []ovsRoute
	for line := range strings.Lines(shown) {
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "User:" || !slices.Contains(words, Bridge) {
			continue
		}
		var r ovsRoute
		var err error
		if r.to, err = netip.ParsePrefix(words[1]); err != nil {
			return nil, fmt.Errorf("reading Open vSwitch's routes: %q: %w", strings.TrimSpace(line), err)
		}
		for i := 2; i+1 < len(words); i += 2 {
			switch words[i] {
			case "GW":
				r.gateway, err = netip.ParseAddr(words[i+1])
			case "SRC":
				r.source, err = netip.ParseAddr(words[i+1])
			}
			if err != nil {
				return nil, fmt.Errorf("reading Open vSwitch's routes: %q: %w", strings.TrimSpace(line), err)
			}
		}
		routes = append(routes, r)
	}
	return routes, nil
}
