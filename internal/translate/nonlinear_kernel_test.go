// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev/netdevtest"
)

// pagedNIC is a NIC whose driver leaves frames in the pages that they were received into, as
// ENA's did before it used build_skb() (ena_alloc_skb() in ena_netdev.c): a program can read
// at once only what the driver, or GRO, has pulled into the linear part. It is a TAP with
// IFF_NAPI_FRAGS; what is written first is the linear part.
type pagedNIC struct {
	t  testing.TB
	fd int
}

func newPagedNIC(w *env, name string, mac model.MAC) *pagedNIC {
	w.t.Helper()
	n := &pagedNIC{t: w.t}
	w.host.Do(func() (err error) {
		if n.fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return err
		}
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_NAPI | unix.IFF_NAPI_FRAGS)
		if err := unix.IoctlIfreq(n.fd, unix.TUNSETIFF, request); err != nil {
			return fmt.Errorf("making TAP %s: %w", name, err)
		}
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetHardwareAddr(l, mac[:]); err != nil {
			return err
		}
		return netlink.LinkSetUp(l)
	})
	w.t.Cleanup(func() { unix.Close(n.fd) })
	return n
}

// receive makes the NIC receive a frame, of which so many octets are not in a page.
func (n *pagedNIC) receive(frame []byte, linear int) {
	n.t.Helper()
	if _, err := unix.Writev(n.fd, [][]byte{frame[:linear], frame[linear:]}); err != nil {
		n.t.Fatalf("receiving %d octets, %d of them linear: %v", len(frame), linear, err)
	}
}

func TestFramesInPages(t *testing.T) {
	for _, gro := range []bool{true, false} {
		t.Run(fmt.Sprintf("GRO=%t", gro), func(t *testing.T) { testFramesInPages(t, gro) })
	}
}

func testFramesInPages(t *testing.T, gro bool) {
	w := newUncheckedEnv(t, 1500)
	w.host.Do(func() error {
		old, err := netlink.LinkByName("eth1")
		if err != nil {
			return err
		}
		return netlink.LinkDel(old)
	})
	nic := newPagedNIC(w, "eth1", eniMAC)
	w.host.features("eth1", gro, featureGRO)
	tr := w.attach(registered...)
	large := func(dst model.MAC) []byte {
		f := ipv4Frame(gatewayMAC, dst, gateway4, router4)
		f = append(f, bytes.Repeat([]byte{7}, 1000)...)
		binary.BigEndian.PutUint16(f[16:], uint16(len(f)-ethernetHeader))
		binary.BigEndian.PutUint16(f[24:], 0)
		binary.BigEndian.PutUint16(f[24:], ^fold(0, f[14:34]))
		binary.BigEndian.PutUint16(f[38:], uint16(len(f)-34))
		return f
	}
	everyone := netdevtest.MustMAC("33:33:ff:00:00:10")
	for _, c := range []struct {
		name           string
		received, want []byte
		reason         Reason
	}{
		{"IPv4", ipv4Frame(gatewayMAC, eniMAC, gateway4, router4),
			ipv4Frame(gatewayMAC, routerMAC, gateway4, router4), InIPv4},
		{"large IPv4", large(eniMAC), large(routerMAC), InIPv4},
		{"IPv6", ipv6Frame(gatewayMAC, eniMAC, gateway6, router6, 59, 64),
			ipv6Frame(gatewayMAC, routerMAC, gateway6, router6, 59, 64), InIPv6},
		{"ARP reply", arpReply(eniMAC), arpReply(routerMAC), InARP},
		{"solicitation to a group", ndFrame(gatewayMAC, everyone, gateway6, router6, 135, 1, gatewayMAC),
			ndFrame(gatewayMAC, everyone, gateway6, router6, 135, 1, gatewayMAC), InMulticast},
	} {
		for _, linear := range []int{ethernetHeader, ethernetHeader + 1, 30} {
			t.Run(fmt.Sprintf("%s, %d octets linear", c.name, linear), func(t *testing.T) {
				arrived := make(chan []byte, 100)
				stop := w.host.watch("vmport", func(seen sight) {
					if seen.outgoing {
						arrived <- bytes.Clone(seen.frame)
					}
				})
				defer stop()
				before := mustCount(t, tr, c.reason)
				nic.receive(c.received, linear)
				for end := time.After(replyTimeout); ; {
					select {
					case f := <-arrived:
						if model.MAC(f[6:]) != gatewayMAC {
							continue // the bridge's own
						}
						if d := cmp.Diff(c.want, f); d != "" {
							t.Errorf("to the router (-want +got):\n%s", d)
						}
					case <-end:
						t.Errorf("nothing arrived at the router; counters %s", nonZero(t, tr))
					}
					break
				}
				if after := mustCount(t, tr, c.reason); after.Packets != before.Packets+1 {
					t.Errorf("%s counted %d frames, want 1", c.reason, after.Packets-before.Packets)
				}
			})
		}
	}
}

// arpReply is the fabric's answer to the router's question, as sent to a MAC.
func arpReply(to model.MAC) []byte {
	f := arpFrame(gatewayMAC, 2, gatewayMAC, gateway4, to, router4)
	copy(f, to[:])
	return f
}

func mustCount(t testing.TB, tr *Translator, r Reason) Count {
	t.Helper()
	counters, err := tr.Counters()
	if err != nil {
		t.Fatal(err)
	}
	return counters[r]
}
