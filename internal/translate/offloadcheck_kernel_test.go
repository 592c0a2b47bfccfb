// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
)

// sight is a frame that passed an interface. Its octets are valid until the callback that
// gets it returns.
type sight struct {
	frame    []byte
	outgoing bool // sent by the interface, or received
	gsoSize  int  // payload of each of the frames that it stands for; 0: it is one
	partial  bool // its checksum is still to be computed
}

// vnetHeader is the length of struct virtio_net_hdr (linux/virtio_net.h), which a packet
// socket puts in front of each frame if it is asked to.
const vnetHeader = 10

// watch calls each for every frame that passes an interface, until stop is called, which
// returns when the frames so far have been seen. It fails the test if some were lost.
func (s *namespace) watch(name string, each func(sight)) (stop func()) {
	s.T.Helper()
	fd := s.tap(name)
	s.setOption(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 256<<20)
	s.setOption(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1)
	stopping, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<17)
		for {
			n, from, err := unix.Recvfrom(fd, buf, 0)
			if err != nil { // a timeout: all have been read
				select {
				case <-stopping:
					return
				default:
					continue
				}
			}
			sll, ok := from.(*unix.SockaddrLinklayer)
			if !ok || n < vnetHeader {
				continue
			}
			each(sight{
				frame:    buf[vnetHeader:n],
				outgoing: sll.Pkttype == unix.PACKET_OUTGOING,
				partial:  buf[0]&unix.VIRTIO_NET_HDR_F_NEEDS_CSUM != 0,
				gsoSize:  int(binary.NativeEndian.Uint16(buf[4:])),
			})
		}
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		close(stopping)
		<-done
		stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		unix.Close(fd)
		if err != nil || stats.Drops > 0 {
			s.T.Errorf("watching %s: %+v, %v, want no drops", name, stats, err)
		}
	}
	s.T.Cleanup(stop)
	return stop
}

func (s *namespace) setOption(fd, level, option, value int) {
	s.T.Helper()
	if err := unix.SetsockoptInt(fd, level, option, value); err != nil {
		s.T.Fatalf("setting option %d of socket: %v", option, err)
	}
}

// verifyFrames sees that each frame at an interface is one that needs nothing more: not
// larger than the MTU, with the right checksums, and from one of these MACs, or from any if
// there are none. Only frames for which concern is true are verified; stop returns how many.
func (s *namespace) verifyFrames(name string, mtu int, concern func(sight) bool, from ...model.MAC) (stop func() int) {
	s.T.Helper()
	var faults []string
	frames, wrong := 0, 0
	end := s.watch(name, func(seen sight) {
		if !concern(seen) {
			return
		}
		frames++
		what := checksumFault(seen.frame)
		if len(seen.frame) > mtu+ethernetHeader {
			what = fmt.Sprintf("larger than the MTU: %d octets", len(seen.frame))
		}
		if what == "" && len(from) > 0 && !slices.Contains(from, model.MAC(seen.frame[6:])) {
			what = "foreign MAC"
		}
		if what == "" {
			return
		}
		wrong++
		if len(faults) < 5 {
			faults = append(faults, fmt.Sprintf("%s: %x", what, seen.frame[:min(len(seen.frame), 120)]))
		}
	})
	return func() int {
		s.T.Helper()
		end()
		for _, f := range faults {
			s.T.Errorf("at %s, %d of %d frames are wrong: %s", name, wrong, frames, f)
		}
		faults = nil
		return frames
	}
}

const (
	ethernetHeader = 14
	ipv6Header     = 40
)

// checksumFault tells which checksum of an Ethernet frame is wrong, if any. Those of
// fragments' payloads are verified by the machine that puts them together.
func checksumFault(f []byte) string {
	if len(f) < ethernetHeader+20 || binary.BigEndian.Uint16(f[12:]) == 0x86dd && len(f) < ethernetHeader+ipv6Header {
		return "short frame"
	}
	ip := f[ethernetHeader:]
	switch binary.BigEndian.Uint16(f[12:]) {
	case 0x800:
		header, end := int(ip[0]&15)*4, int(binary.BigEndian.Uint16(ip[2:]))
		if header < 20 || header > end || end > len(ip) {
			return "IPv4 length"
		}
		if fold(0, ip[:header]) != 0xffff {
			return "IPv4 header's checksum"
		}
		if binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 {
			return "" // more fragments, or an offset
		}
		return payloadFault(ip[9], ip[12:20], ip[header:end])
	case 0x86dd:
		end := ipv6Header + int(binary.BigEndian.Uint16(ip[4:]))
		if end > len(ip) {
			return "IPv6 length"
		}
		return payloadFault(ip[6], ip[8:ipv6Header], ip[ipv6Header:end])
	}
	return ""
}

// payloadFault is checksumFault for what an IP packet carries. The pseudo header has the
// addresses, length and protocol; RFC 9293, 3.1 and RFC 8200, 8.1.
func payloadFault(protocol byte, addresses, payload []byte) string {
	pseudo := uint32(protocol) + uint32(len(payload)) + uint32(fold(0, addresses))
	var name string
	switch protocol {
	case unix.IPPROTO_TCP:
		name = "TCP"
	case unix.IPPROTO_UDP:
		name = "UDP"
		if len(payload) >= 8 && binary.BigEndian.Uint16(payload[6:]) == 0 {
			return "no UDP checksum"
		}
	case unix.IPPROTO_ICMP:
		name, pseudo = "ICMP", 0
	case unix.IPPROTO_ICMPV6:
		name = "ICMPv6"
	default:
		return ""
	}
	if len(payload)%2 == 1 {
		payload = append(payload[:len(payload):len(payload)], 0)
	}
	if fold(pseudo, payload) != 0xffff {
		return name + " checksum"
	}
	return ""
}

func TestChecksumFault(t *testing.T) {
	udp := func(checksum uint16) []byte {
		f := ipv4Frame(routerMAC, gatewayMAC, router4, gateway4)
		binary.BigEndian.PutUint16(f[40:], checksum)
		return f
	}
	right := ^fold(17+8, udp(0)[26:])
	nd := ndFrame(routerMAC, gatewayMAC, router6, gateway6, 135, 1, routerMAC)
	badND := append([]byte(nil), nd...)
	badND[85]++
	badHeader := udp(right)
	badHeader[22]--
	for _, c := range []struct {
		frame []byte
		want  string
	}{
		{udp(right), ""},
		{udp(right + 1), "UDP checksum"},
		{udp(0), "no UDP checksum"},
		{badHeader, "IPv4 header's checksum"},
		{nd, ""},
		{badND, "ICMPv6 checksum"},
		{nd[:50], "short frame"},
		{nd[:80], "IPv6 length"},
		{arpFrame(routerMAC, 1, routerMAC, router4, gatewayMAC, gateway4), ""},
	} {
		if got := checksumFault(c.frame); got != c.want {
			t.Errorf("%x: %q, want %q", c.frame, got, c.want)
		}
	}
}
