// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"net"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

// cloud-init gives each NIC but the first a routing table of its own and a rule for each
// address. They go; tables that others share stay, with the rules that lead there.
func TestClearNICOfRoutingRules(t *testing.T) {
	w := newEnv(t, 1500)
	w.host.addr("eth1", "10.99.0.5/24")
	const own, shared = 101, 102
	w.host.Do(func() error {
		nic, err := netlink.LinkByName("eth1")
		if err != nil {
			return err
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		add := func(table int, device netlink.Link, to, via string) {
			t.Helper()
			r := &netlink.Route{Table: table, LinkIndex: device.Attrs().Index, Gw: net.ParseIP(via)}
			if _, r.Dst, err = net.ParseCIDR(to); err == nil {
				err = netlink.RouteAdd(r)
			}
			if err != nil {
				t.Errorf("adding a route to %s: %v", to, err)
			}
		}
		add(own, nic, "10.99.0.0/24", "")
		add(own, nic, "0.0.0.0/0", "10.99.0.1")
		add(shared, nic, "0.0.0.0/0", "10.99.0.1")
		add(shared, lo, "10.1.0.0/16", "")
		for _, r := range []struct {
			from  string
			table int
		}{{"10.99.0.5/32", own}, {"10.99.0.65/32", own}, {"10.3.0.0/16", shared}} {
			rule := netlink.NewRule()
			rule.Table = r.table
			if _, rule.Src, err = net.ParseCIDR(r.from); err == nil {
				err = netlink.RuleAdd(rule)
			}
			if err != nil {
				t.Errorf("adding a rule from %s: %v", r.from, err)
			}
		}

		removed, err := ClearNIC("eth1")
		if err != nil {
			return err
		}
		if len(removed) != 3 || !slices.Contains(removed, "10.99.0.5/24") {
			t.Errorf("removed %q, want two rules and an address", removed)
		}
		rules, err := netlink.RuleList(netlink.FAMILY_V4)
		if err != nil {
			return err
		}
		led := map[int]int{}
		for _, r := range rules {
			led[r.Table]++
		}
		if led[own] != 0 || led[shared] != 1 {
			t.Errorf("rules lead to %v, want none to table %d and one to %d", led, own, shared)
		}
		routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: own}, netlink.RT_FILTER_TABLE)
		if err != nil || len(routes) > 0 {
			t.Errorf("routes left in its table: %v, %v", routes, err)
		}
		if removed, err = ClearNIC("eth1"); len(removed) > 0 {
			t.Errorf("removed again: %q", removed)
		}
		return err
	})
}
