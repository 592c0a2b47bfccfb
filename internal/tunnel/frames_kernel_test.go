// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev/netdevtest"
)

var (
	bridgeMAC  = netdevtest.MustMAC(BridgeMAC)
	hostMAC    = netdevtest.MustMAC("02:0a:00:00:00:0a")
	peerMAC    = netdevtest.MustMAC("02:0a:00:00:00:0b")
	own, peer  = netip.MustParseAddr("10.0.0.11"), netip.MustParseAddr("10.0.0.12")
	stranger   = netip.MustParseAddr("10.0.0.99")
	nobodysMAC = netdevtest.MustMAC("02:0a:00:00:00:99")
)

// udp is an IPv4 frame; offset is the fragment's offset and flags.
func udp(to, from model.MAC, source, target netip.Addr, port, offset uint16) []byte {
	f := append(append(append([]byte(nil), to[:]...), from[:]...), 8, 0)
	ip := []byte{0x45, 0, 0, 40, 0, 1, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}
	binary.BigEndian.PutUint16(ip[6:], offset)
	ip = append(append(ip, source.AsSlice()...), target.AsSlice()...)
	f = append(f, ip...)
	f = binary.BigEndian.AppendUint16(f, 40000)
	f = binary.BigEndian.AppendUint16(f, port)
	f = append(f, 0, 20, 0, 0)
	return append(f, "a dozen more"...)
}

func arpFrame(to, from model.MAC, operation uint16, senderMAC model.MAC, sender netip.Addr, target netip.Addr) []byte {
	f := append(append(append([]byte(nil), to[:]...), from[:]...), 8, 6, 0, 1, 8, 0, 6, 4)
	f = binary.BigEndian.AppendUint16(f, operation)
	f = append(append(f, senderMAC[:]...), sender.AsSlice()...)
	return append(append(f, make([]byte, 6)...), target.AsSlice()...)
}

// tagged has a VLAN tag.
func tagged(f []byte) []byte {
	return append(append(bytes.Clone(f[:12]), 0x81, 0, 0, 7), f[12:]...)
}

func with(f []byte, at int, value ...byte) []byte {
	f = bytes.Clone(f)
	copy(f[at:], value)
	return f
}

// socket sends and receives frames at an interface.
func (s *namespace) socket(name string) (fd int) {
	s.T.Helper()
	s.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		timeout := unix.NsecToTimeval(int64(20 * time.Millisecond))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: l.Attrs().Index})
	})
	s.T.Cleanup(func() { unix.Close(fd) })
	return fd
}

// arrives returns the frame that an interface receives within a short time, and nil without.
func arrives(t *testing.T, fd int, limit time.Duration) []byte {
	t.Helper()
	buf := make([]byte, 1<<16)
	for end := time.Now().Add(limit); time.Now().Before(end); {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		if ll, ok := from.(*unix.SockaddrLinklayer); err == nil && ok && ll.Pkttype != unix.PACKET_OUTGOING {
			return buf[:n]
		}
	}
	return nil
}

// TestFrames sends frames by hand, without Open vSwitch.
func TestFrames(t *testing.T) {
	wire := newNamespace(t)
	h := newHost(t, wire, "a", hostMAC, "10.0.0.11/24", "192.168.7.1")
	h.Do(func() error { return Ensure(t.Context(), h.cfg, nobody) })
	fabric, bridge := wire.socket("a"), h.socket(Port)
	in := func(port, offset uint16) []byte { return udp(hostMAC, peerMAC, peer, own, port, offset) }
	out := udp(peerMAC, bridgeMAC, own, peer, 6081, 0x4000)
	question := arpFrame(netdevtest.MustMAC("ff:ff:ff:ff:ff:ff"), bridgeMAC, 1, bridgeMAC, own, peer)
	reply := arpFrame(hostMAC, peerMAC, 2, peerMAC, peer, own)

	for _, tt := range []struct {
		name       string
		sent, want []byte // nothing arrives without want
	}{
		{"Geneve", in(6081, 0), with(in(6081, 0), 0, bridgeMAC[:]...)},
		{"Geneve that must not be fragmented", in(6081, 0x4000), with(in(6081, 0x4000), 0, bridgeMAC[:]...)},
		{"another port", in(4789, 0), nil},
		{"a first fragment", in(6081, 0x2000), nil},
		{"another fragment", in(6081, 10), nil},
		{"to another address", udp(hostMAC, peerMAC, peer, stranger, 6081, 0), nil},
		{"to another MAC", udp(nobodysMAC, peerMAC, peer, own, 6081, 0), nil},
		{"with options", with(in(6081, 0), 14, 0x46), nil},
		{"TCP", with(in(6081, 0), 23, unix.IPPROTO_TCP), nil},
		{"VLAN", tagged(in(6081, 0)), nil},
		{"short", in(6081, 0)[:40], nil},
		{"ARP reply", reply, reply},
		{"ARP reply for another", arpFrame(hostMAC, peerMAC, 2, peerMAC, peer, stranger), nil},
		{"ARP request", arpFrame(hostMAC, peerMAC, 1, peerMAC, peer, own), nil},
	} {
		if _, err := unix.Write(fabric, tt.sent); err != nil {
			t.Fatal(err)
		}
		expect(t, "in: "+tt.name, bridge, tt.want)
	}
	for arrives(t, fabric, 50*time.Millisecond) != nil { // the kernel's answers
	}
	for _, tt := range []struct {
		name       string
		sent, want []byte
	}{
		{"Geneve", out, with(out, 6, hostMAC[:]...)},
		{"from another address", udp(peerMAC, bridgeMAC, stranger, peer, 6081, 0), nil},
		{"another port", udp(peerMAC, bridgeMAC, own, peer, 53, 0), nil},
		{"VLAN", tagged(out), nil},
		{"IPv6", with(out, 12, 0x86, 0xdd), nil},
		{"ARP request", question, with(with(question, 6, hostMAC[:]...), 22, hostMAC[:]...)},
		{"ARP request of another", arpFrame(peerMAC, bridgeMAC, 1, bridgeMAC, stranger, peer), nil},
		{"ARP reply", arpFrame(peerMAC, bridgeMAC, 2, bridgeMAC, own, peer), nil},
	} {
		if _, err := unix.Write(bridge, tt.sent); err != nil {
			t.Fatal(err)
		}
		expect(t, "out: "+tt.name, fabric, tt.want)
	}
}

func expect(t *testing.T, name string, fd int, want []byte) {
	t.Helper()
	limit := 40 * time.Millisecond
	if want != nil {
		limit = patience
	}
	got := arrives(t, fd, limit)
	switch {
	case want == nil && got != nil:
		t.Errorf("%s: %x arrives", name, got)
	case !bytes.Equal(want, got):
		t.Errorf("%s: %x arrives, want %x", name, got, want)
	}
}

// What comes from the NIC may lack its checksums, and may be many datagrams in one frame: a
// veth pair or TAP passes on what its other end has left to the NIC, and receive offloads
// merge. Open vSwitch must see frames as they were on the wire.
func TestOffloads(t *testing.T) {
	peerHost := newNamespace(t)
	h := newHost(t, peerHost, "b", hostMAC, own.String()+"/24", "192.168.7.1")
	h.offloads(true)
	peerHost.Do(func() error { return addAddress("b", peer.String()+"/24") })
	h.startDatabase()
	h.ensure()
	h.bridges(&host{cfg: Config{Address: netip.PrefixFrom(peer, 24)}})
	h.startSwitch()
	h.plug()
	var guest int
	var guestMAC model.MAC
	h.Do(func() (err error) {
		l, err := netlink.LinkByName("br-int")
		if err != nil {
			return err
		}
		copy(guestMAC[:], l.Attrs().HardwareAddr)
		guest, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		timeout := unix.NsecToTimeval(int64(500 * time.Millisecond))
		if err := unix.SetsockoptTimeval(guest, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			return err
		}
		return unix.Bind(guest, &unix.SockaddrInet4{Port: 53})
	})
	defer unix.Close(guest)

	// Geneve, as the peer's kernel would send it: RFC 8926, 3.4.
	inner := udp(guestMAC, nobodysMAC, netip.MustParseAddr("192.168.7.2"), h.inner, 53, 0)
	binary.BigEndian.PutUint16(inner[24:], ^sum(inner[14:34]))
	packet := append([]byte{0, 0, 0x65, 0x58, 0, 0, 7, 0}, inner...)
	send := func(many int) error {
		return peerHost.Try(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			if err := unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT, len(packet)); err != nil {
				return err
			}
			return unix.Sendto(fd, bytes.Repeat(packet, many), 0, &unix.SockaddrInet4{Port: 6081, Addr: own.As4()})
		})
	}
	for _, tt := range []struct {
		name string
		many int
	}{{"a partial checksum", 1}, {"forty datagrams in one frame", 40}} {
		// Open vSwitch may lose the first ones, before it has a flow for them.
		h.await(tt.name, func() error {
			if err := send(tt.many); err != nil {
				return err
			}
			got := 0
			for buf := make([]byte, 100); got < tt.many; got++ {
				n, _, err := unix.Recvfrom(guest, buf, 0)
				if err != nil || string(buf[:n]) != "a dozen more" {
					return fmt.Errorf("%d of %d datagrams arrive", got, tt.many)
				}
			}
			return nil
		})
	}
}

// sum is the Internet checksum's sum: RFC 1071.
func sum(b []byte) uint16 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
