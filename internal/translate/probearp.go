// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev"
)

// ProbeARP sends ARP probes for IPv4 addresses to the bridge, from the pair's blackhole. A
// router that has one answers, and the answer becomes an Event of an address without an
// entry (OutUnregisteredARP); it does not leave by a NIC. Routers announce addresses later,
// or not at all: OVN does it a second after it has begun to forward for a floating IP, and
// never for port forwardings.
func (t *Translator) ProbeARP(addrs ...netip.Addr) error {
	blackhole, err := netlink.LinkByName(t.cfg.Pair[0])
	if err != nil {
		return fmt.Errorf("finding interface %s: %w", t.cfg.Pair[0], err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // it receives nothing
	if err != nil {
		return fmt.Errorf("opening a socket for ARP probes: %w", err)
	}
	defer unix.Close(fd)
	for _, a := range addrs {
		if a = a.Unmap(); !a.Is4() {
			continue
		}
		// An ARP probe: its sender has no address, so no host learns one from it (RFC 5227, 1.1).
		frame := netdev.ARPRequest(model.MAC(blackhole.Attrs().HardwareAddr), netip.IPv4Unspecified(), a)
		to := &unix.SockaddrLinklayer{Ifindex: blackhole.Attrs().Index}
		if err := unix.Sendto(fd, frame, unix.MSG_DONTWAIT, to); err != nil {
			return fmt.Errorf("sending an ARP probe for %s: %w", a, err)
		}
	}
	return nil
}
