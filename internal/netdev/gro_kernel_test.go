// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// here is the namespace of the calling thread.
func here(fn func() error) error { return fn() }

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
	w, err := WatchGRO("eth1", here)
	must(err)
	defer w.Close()
	must(SetFeature("eth1", "rx-gro", true))
	wantsGRO(t, w, "switched on", true)
	link, err := netlink.LinkByName("eth1")
	must(err)
	must(netlink.LinkSetName(link, "ens6"))
	must(SetFeature("ens6", "rx-gro", false))
	wantsGRO(t, w, "switched off by its new name", false)
}

// A machine that is started gets a new network namespace, and its interfaces are moved there.
func TestGROOfMovedInterface(t *testing.T) {
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
	open := func() int {
		t.Helper()
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		must(err)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	must(unix.Unshare(unix.CLONE_NEWNET))
	second := open()
	must(unix.Unshare(unix.CLONE_NEWNET))
	first := open()
	must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "ens6"}, PeerName: "peer"}))
	var now atomic.Int32
	now.Store(int32(first))
	w, err := WatchGRO("ens6", func(fn func() error) error {
		result := make(chan error)
		go func() {
			runtime.LockOSThread() // for good, as above
			if err := unix.Setns(int(now.Load()), unix.CLONE_NEWNET); err != nil {
				result <- err
				return
			}
			result <- fn()
		}()
		return <-result
	})
	must(err)
	defer w.Close()
	must(SetFeature("ens6", "rx-gro", true))
	wantsGRO(t, w, "switched on", true)
	link, err := netlink.LinkByName("ens6")
	must(err)
	must(netlink.LinkSetNsFd(link, second))
	now.Store(int32(second))
	must(unix.Setns(second, unix.CLONE_NEWNET))
	for _, on := range []bool{false, true, false} {
		must(SetFeature("ens6", "rx-gro", on))
		wantsGRO(t, w, "switched where it is now", on)
	}
}

// wantsGRO waits until the watch says so.
func wantsGRO(t *testing.T, w *GRO, when string, on bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); w.On() != on; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: on is %v", when, w.On())
		}
	}
}
