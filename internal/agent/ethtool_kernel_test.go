// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The kernel's own drivers: a veth pair counts something, and nothing of ENA's; the loopback
// interface and a TAP device count nothing.
func TestNICCounters(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a network namespace")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test, and the namespace with it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "one"}, PeerName: "other"}
	if err := netlink.LinkAdd(veth); err != nil {
		t.Fatal(err)
	}
	tap := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tap"}, Mode: netlink.TUNTAP_MODE_TAP}
	if err := netlink.LinkAdd(tap); err != nil {
		t.Fatal(err)
	}
	peer, err := netlink.LinkByName("other")
	if err != nil {
		t.Fatal(err)
	}
	counters, err := linux{}.nicCounters("one")
	if err != nil || counters["peer_ifindex"] != uint64(peer.Attrs().Index) {
		t.Errorf("veth: %v, %v; want peer_ifindex %d", counters, err, peer.Attrs().Index)
	}
	for name, want := range map[string]error{"lo": unix.EOPNOTSUPP, "tap": unix.EOPNOTSUPP, "gone": unix.ENODEV,
		"a-name-that-is-too-long": unix.EINVAL} {
		counters, err := linux{}.nicCounters(name)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, %v; want %v", name, counters, err, want)
		}
	}
	seen, err := readAllowances(named{linux{}, []string{"lo", "one", "tap", "gone"}})
	if d := cmp.Diff(0, len(seen)); d != "" || err != nil {
		t.Errorf("read %v, %v", seen, err)
	}
}

// named are the counters of certain interfaces.
type named struct {
	linux
	names []string
}

func (n named) nics() ([]string, error) { return n.names, nil }
