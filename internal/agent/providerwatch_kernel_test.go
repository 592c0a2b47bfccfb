// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev"
	"macaw.example/internal/netdev/netdevtest"
)

// The kernel at the other end of a veth pair is the provider subnet's router.
func TestProviderWatch(t *testing.T) {
	netdevtest.NeedRoot(t)
	runtime.LockOSThread() // and never unlocked: the thread ends with the test, and the namespace with it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "nic"}, PeerName: "subnet"}
	must(netlink.LinkAdd(pair))
	must(netdevtest.Up("nic"))
	must(netdevtest.Up("subnet"))
	nic, err := netlink.LinkByName("nic")
	must(err)
	subnet, err := netlink.LinkByName("subnet")
	must(err)
	router, err := netlink.ParseAddr("10.20.1.1/24")
	must(err)
	must(netlink.AddrAdd(subnet, router))

	w := newProviderWatch(Config{
		NICMAC: model.MAC(nic.Attrs().HardwareAddr), Primary: netip.MustParseAddr("10.20.1.4"),
		Subnet: netip.MustParsePrefix("10.20.1.0/24"),
	}, linux{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	here, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(err)
	go func() {
		defer close(ended)
		runtime.LockOSThread() // for good, as above
		if err := unix.Setns(here, unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		w.run(ctx)
	}()
	defer func() { cancel(); <-ended }()

	wants := func(when, reason string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			got := w.dead()
			if got == reason || reason != "" && strings.Contains(got, reason) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: got %q, want %q", when, got, reason)
			}
		}
	}
	const silent = "the provider subnet's router, 10.20.1.1, does not answer ARP"
	time.Sleep(2 * routerLost)
	wants("the router answers", "")
	must(netlink.AddrDel(subnet, router))
	wants("the router has gone", silent)
	must(netlink.AddrAdd(subnet, router))
	wants("the router is back", "")
	must(netlink.LinkSetDown(subnet))
	wants("no carrier", silent)
	must(netlink.LinkSetUp(subnet))
	wants("a carrier", "")
	must(netlink.LinkDel(nic))
	wants("the NIC was detached", "the provider NIC is not there")
	_, err = netdev.FindNIC(w.mac)
	if err == nil {
		t.Error("the NIC is still there")
	}
}
