package translate

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
)

// Ask asks the bridge who has IPv4 addresses, by ARP from the pair's dead end. A
// router that has one answers, and the answer becomes an Event of an address that
// has no entry (OutUnregisteredARP); it does not leave by a NIC. Routers announce
// themselves later, or not at all: OVN does it a second after it has begun to
// carry a floating IP, and never for port forwardings.
func (t *Translator) ProbeARP(addrs ...netip.Addr) error {
	end, err := netlink.LinkByName(t.cfg.Pair[0])
	if err != nil {
		return fmt.Errorf("finding interface %s: %w", t.cfg.Pair[0], err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // it receives nothing
	if err != nil {
		return fmt.Errorf("asking the bridge for addresses: %w", err)
	}
	defer unix.Close(fd)
	for _, a := range addrs {
		if a = a.Unmap(); !a.Is4() {
			continue
		}
		frame := probe(model.MAC(end.Attrs().HardwareAddr), a)
		if err := unix.Sendto(fd, frame, unix.MSG_DONTWAIT, &unix.SockaddrLinklayer{Ifindex: end.Attrs().Index}); err != nil {
			return fmt.Errorf("asking the bridge for %s: %w", a, err)
		}
	}
	return nil
}

// probe is an ARP probe: its sender has no address, so nobody learns one from it
// (RFC 5227, 1.1).
func probe(from model.MAC, target netip.Addr) []byte {
	f := make([]byte, 0, 42)
	f = append(f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	f = append(f, from[:]...)
	for _, field := range []uint16{unix.ETH_P_ARP, 1, unix.ETH_P_IP, 6<<8 | 4, 1} {
		f = binary.BigEndian.AppendUint16(f, field)
	}
	f = append(f, from[:]...)
	f = append(f, make([]byte, 4+6)...)
	return append(f, target.AsSlice()...)
}
