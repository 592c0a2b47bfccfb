// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// udev renames interfaces while they are followed: eth1 becomes ens6.
func TestGROOfRenamedInterface(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a network namespace")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test, and the namespace with it
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(unix.Unshare(unix.CLONE_NEWNET))
	must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth1"}, PeerName: "peer"}))
	w, err := WatchGRO("eth1")
	must(err)
	defer w.Close()
	wants := func(when string, on bool) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); w.On() != on; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: on is %v", when, w.On())
			}
		}
	}
	must(SetFeature("eth1", "rx-gro", true))
	wants("switched on", true)
	link, err := netlink.LinkByName("eth1")
	must(err)
	must(netlink.LinkSetName(link, "ens6"))
	must(SetFeature("ens6", "rx-gro", false))
	wants("switched off by its new name", false)
}
