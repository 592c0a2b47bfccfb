// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"crypto/rand"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// unique returns a namespace name; the namespace is deleted when the test ends.
func unique(t *testing.T) string {
	name := "mcwt-" + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() {
		if err := Delete(name); err != nil {
			t.Error(err)
		}
	})
	return name
}

func TestNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	name := unique(t)
	for range 2 { // the second time it exists
		if err := Add(name); err != nil {
			t.Fatal(err)
		}
	}
	names, err := List("mcwt-")
	if err != nil || !slices.Contains(names, name) {
		t.Errorf("List = %v, %v; want %s in it", names, err, name)
	}
	err = Do(name, func() error {
		links, err := net.Interfaces()
		if err != nil {
			return err
		}
		if len(links) != 1 || links[0].Name != "lo" || links[0].Flags&net.FlagUp == 0 {
			t.Errorf("a new namespace has %v, want its loopback, up", links)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	outside, err := os.ReadFile("/proc/sys/net/ipv4/ip_default_ttl")
	if err != nil {
		t.Fatal(err)
	}
	if err := Sysctl(name, map[string]string{"net/ipv4/ip_default_ttl": "77"}); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile("/proc/sys/net/ipv4/ip_default_ttl"); err != nil || string(after) != string(outside) {
		t.Errorf("a namespace's parameter changed this one's: %q, %v", after, err)
	}
	err = Links(name, func(h *netlink.Handle) error {
		_, err := h.LinkByName("lo")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	if err := Do(name, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("Do returned %v, want what its function did", err)
	}
	for range 2 { // the second time there is nothing to delete
		if err := Delete(name); err != nil {
			t.Error(err)
		}
	}
	if err := Do(name, func() error { return nil }); err == nil {
		t.Error("a removed namespace was entered")
	}
}

func TestRenew(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	name := unique(t)
	if err := Add(name); err != nil {
		t.Fatal(err)
	}
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	err := Do(name, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "left"
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		attrs.Name = "eth0"
		tap := &netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP}
		if err := netlink.LinkAdd(tap); err != nil {
			return err
		}
		if err := netlink.LinkSetHardwareAddr(tap, mac); err != nil {
			return err
		}
		return netlink.AddrAdd(tap, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 168, 7, 1),
			Mask: net.CIDRMask(24, 32)}})
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		err := Links(name, func(h *netlink.Handle) error {
			links, err := h.LinkList()
			if err != nil {
				return err
			}
			var names []string
			for _, l := range links {
				names = append(names, l.Attrs().Name)
			}
			slices.Sort(names)
			if !slices.Equal(names, []string{"eth0", "lo"}) {
				t.Errorf("%s: devices %v, want eth0 and lo", when, names)
			}
			eth0, err := h.LinkByName("eth0")
			if err != nil {
				return err
			}
			if got := eth0.Attrs().HardwareAddr; got.String() != mac.String() {
				t.Errorf("%s: eth0 has MAC %s, want %s", when, got, mac)
			}
			addrs, err := h.AddrList(eth0, netlink.FAMILY_V4)
			if err == nil && len(addrs) != 0 {
				t.Errorf("%s: eth0 kept %v", when, addrs)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	if err := Renew(name, []string{"eth0", "missing"}); err != nil {
		t.Fatal(err)
	}
	check("renewed")
	// Killed after the old namespace was removed and before the new one was renamed.
	if err := Add(name + "-next"); err != nil {
		t.Fatal(err)
	}
	to, err := netns.GetFromName(name + "-next")
	if err != nil {
		t.Fatal(err)
	}
	err = Links(name, func(h *netlink.Handle) error { return move(h, []string{"eth0"}, to) })
	to.Close()
	if err := errors.Join(err, remove(name)); err != nil {
		t.Fatal(err)
	}
	if err := Renew(name, []string{"eth0"}); err != nil {
		t.Fatal(err)
	}
	check("renewed after an interruption")
	if left, err := List(name + "-next"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
