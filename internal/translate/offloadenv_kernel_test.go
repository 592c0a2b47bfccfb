// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"testing"

	"github.com/vishvananda/netlink"

	"macaw.example/internal/netdev"
	"macaw.example/internal/netdev/netdevtest"
)

// offloadEnv is an env in which the NIC does what ENA does for the kernel: it takes frames
// of up to 64 KiB without their checksums (TSO), and hands over those of one TCP stream as
// one (GRO). Between it and the fabric is a wire, on which no frame is larger than the MTU
// and every checksum is complete.
//
//	vm          host                                    wire              fabric
//	vr0 --- vmport, br-ex, mcw1 <translation> eth1 --- nic0, wire, far0 --- vpc0
//	64 KiB                                   64 KiB                         MTU
//
// To the router frames go as to a machine without offloads, so their checksums can be
// verified as on the wire.
type offloadEnv struct {
	*env
	mtu  int
	wire *namespace
}

// The offloads of an interface that sends; Documentation/networking/netdev-features.rst.
// The kernel segments and computes what is off before it hands a frame to the interface.
var transmitOffloads = []string{"tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation",
	"tx-tcp-mangleid-segmentation", "tx-udp-segmentation", "tx-checksum-ip-generic"}

const (
	featureGRO    = "rx-gro"
	featureUDPGRO = "rx-udp-gro-forwarding" // also merges UDP that no socket of this machine wants
)

func newOffloadEnv(t testing.TB, mtu int) *offloadEnv {
	t.Helper()
	w := &offloadEnv{env: newUncheckedEnv(t, mtu), mtu: mtu}
	w.wire, w.fabric = w.fabric, newNamespace(t)
	w.wire.Do(func() error { return netdev.SetSysctl("net/ipv6/conf/default/disable_ipv6", "1") })
	w.wire.Do(func() error {
		if err := clearAddresses("vpc0"); err != nil {
			return err
		}
		nic, err := netlink.LinkByName("vpc0")
		if err != nil {
			return err
		}
		mac := netdevtest.MustMAC("02:00:00:00:00:02") // a bridge takes frames to the MACs of its ports for itself
		if err := netlink.LinkSetHardwareAddr(nic, mac[:]); err != nil {
			return err
		}
		return netdev.SetSysctl("net/ipv6/conf/vpc0/disable_ipv6", "1")
	})
	cable(w.wire, "far0", netdevtest.MustMAC("02:00:00:00:00:03"), w.fabric, "vpc0", gatewayMAC, mtu)
	w.wire.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = "wire", mtu
		silent := false // no queries of its own
		bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &silent}
		if err := netlink.LinkAdd(bridge); err != nil {
			return err
		}
		for _, name := range []string{"vpc0", "far0"} {
			port, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if err := netlink.LinkSetMaster(port, bridge); err != nil {
				return err
			}
		}
		return netdevtest.Up("wire")
	})
	w.fabric.addr("vpc0", gateway4.String()+"/24")
	w.fabric.addr("vpc0", gateway6.String()+"/64")

	w.vm.features("vr0", true, transmitOffloads...)
	w.host.features("eth1", true, transmitOffloads...)
	w.host.features("eth1", true, featureGRO)
	w.host.features("vmport", false, transmitOffloads...)
	w.fabric.features("vpc0", false, transmitOffloads...)
	w.wire.features("far0", false, transmitOffloads...)
	// veth merges nothing that its other end could have sent in one piece.
	w.wire.features("vpc0", false, transmitOffloads...)
	return w
}

// features turns features of an interface on or off, and sees that they are.
func (s *namespace) features(name string, on bool, features ...string) {
	s.T.Helper()
	for _, feature := range features {
		var active bool
		s.Do(func() (err error) {
			if err := netdev.SetFeature(name, feature, on); err != nil {
				return err
			}
			active, err = hasFeature(name, feature)
			return err
		})
		if active != on {
			s.T.Fatalf("feature %s of %s: %t, want %t", feature, name, active, on)
		}
	}
}
