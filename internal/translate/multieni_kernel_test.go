// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"macaw.example/internal/netdev/netdevtest"
)

var (
	eni2MAC = netdevtest.MustMAC("02:0a:0b:0c:0d:0f")
	eni3MAC = netdevtest.MustMAC("02:0a:0b:0c:0d:10")

	second4, secondPrimary = netip.MustParseAddr("10.99.0.20"), netip.MustParseAddr("10.99.0.6")
	third4, thirdPrimary   = netip.MustParseAddr("10.99.0.30"), netip.MustParseAddr("10.99.0.7")

	spread = []Entry{{router4, routerMAC, eniMAC}, {second4, routerMAC, eni2MAC}, {router6, routerMAC, eni2MAC}}
)

// multiENIEnv is an env with three ENIs in one subnet, each with a checker of its own.
type multiENIEnv struct {
	*env
	nics     []NIC
	checkers []*checker
}

func newMultiENIEnv(t testing.TB) *multiENIEnv {
	t.Helper()
	w := &multiENIEnv{env: newUncheckedEnv(t, 1500),
		nics: []NIC{{"eth1", primary4}, {"eth2", secondPrimary}, {"eth3", thirdPrimary}}}
	w.cfg.NICs = w.nics[:2]
	w.vm.addr("vr0", second4.String()+"/32")
	w.vm.addr("vr0", third4.String()+"/32")
	cable(w.host, "eth2", eni2MAC, w.fabric, "vpc1", netdevtest.MustMAC("0e:00:00:00:01:02"), 1500)
	cable(w.host, "eth3", eni3MAC, w.fabric, "vpc2", netdevtest.MustMAC("0e:00:00:00:01:03"), 1500)
	// The subnet: the ENIs hear the gateway, and not each other.
	w.fabric.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.HardwareAddr = "vpc", gatewayMAC[:]
		subnet := &netlink.Bridge{LinkAttrs: attrs}
		if err := netlink.LinkAdd(subnet); err != nil {
			return err
		}
		for _, name := range []string{"vpc0", "vpc1", "vpc2"} {
			l, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if err := netlink.LinkSetMaster(l, subnet); err != nil {
				return err
			}
			if err := netlink.LinkSetIsolated(l, true); err != nil {
				return err
			}
			if err := clearAddresses(name); err != nil {
				return err
			}
		}
		return netdevtest.Up("vpc")
	})
	w.fabric.addr("vpc", gateway4.String()+"/24")
	w.fabric.addr("vpc", gateway6.String()+"/64")
	w.checkers = []*checker{
		newChecker(w.fabric, "vpc0", eniMAC, router4, primary4),
		newChecker(w.fabric, "vpc1", eni2MAC, second4, router6, secondPrimary),
		newChecker(w.fabric, "vpc2", eni3MAC, third4, thirdPrimary),
	}
	return w
}

func clearAddresses(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	for _, a := range addrs {
		if err := netlink.AddrDel(l, &a); err != nil {
			return err
		}
	}
	return err
}

func (w *multiENIEnv) noFaults() {
	w.t.Helper()
	for i, j := range w.checkers {
		for _, f := range j.takeFaults() {
			w.t.Errorf("at the fabric, from ENI %d: %s", i+1, f)
		}
	}
}

// pass pings both ways for each address.
func (w *multiENIEnv) pass(what string, addrs ...netip.Addr) {
	w.t.Helper()
	for _, a := range addrs {
		gateway := gateway4
		if a.Is6() {
			gateway = gateway6
		}
		w.mustPing(what, w.vm, a, gateway, 56)
		w.mustPing(what, w.fabric, gateway, a, 56)
	}
}
