// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
)

// The frames of checks, built by hand: no network stack would send most of them.

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806

	arpRequest = 1
	arpReply   = 2

	protocolICMP = 1
	protocolUDP  = 17
)

func ethernet(dst, src net.HardwareAddr, kind uint16, payload []byte) []byte {
	f := append(append(bytes.Clone(dst), src...), byte(kind>>8), byte(kind))
	f = append(f, payload...)
	for len(f) < 60 {
		f = append(f, 0)
	}
	return f
}

// arp is an ARP frame with these fields; src is the Ethernet source.
func arp(dst, src net.HardwareAddr, op uint16, senderMAC net.HardwareAddr, sender netip.Addr,
	targetMAC net.HardwareAddr, target netip.Addr) []byte {
	p := []byte{0, 1, 8, 0, 6, 4, 0, byte(op)}
	p = append(append(p, senderMAC...), sender.AsSlice()...)
	p = append(append(p, targetMAC...), target.AsSlice()...)
	return ethernet(dst, src, etherARP, p)
}

// whoHas is the ARP request of a host with this MAC and address.
func whoHas(mac net.HardwareAddr, sender, target netip.Addr) []byte {
	return arp(broadcast, mac, arpRequest, mac, sender, make(net.HardwareAddr, 6), target)
}

// ipv4 is a packet with the "don't fragment" bit.
func ipv4(protocol byte, src, dst netip.Addr, payload []byte) []byte {
	h := make([]byte, 20, 20+len(payload))
	h[0], h[6], h[8], h[9] = 0x45, 0x40, 64, protocol
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(payload)))
	copy(h[12:], src.AsSlice())
	copy(h[16:], dst.AsSlice())
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return append(h, payload...)
}

// udp is a datagram without a checksum, which IPv4 allows (RFC 768).
func udp(src, dst netip.AddrPort, payload []byte) []byte {
	u := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(u[0:], src.Port())
	binary.BigEndian.PutUint16(u[2:], dst.Port())
	binary.BigEndian.PutUint16(u[4:], uint16(8+len(payload)))
	return ipv4(protocolUDP, src.Addr(), dst.Addr(), append(u, payload...))
}

// echo is an ICMP echo request; size is that of the IP packet, in bytes.
func echo(src, dst netip.Addr, id, sequence uint16, size int) []byte {
	p := make([]byte, max(8, size-20))
	p[0] = 8
	binary.BigEndian.PutUint16(p[4:], id)
	binary.BigEndian.PutUint16(p[6:], sequence)
	binary.BigEndian.PutUint16(p[2:], checksum(p))
	return ipv4(protocolICMP, src, dst, p)
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i, c := range b {
		sum += uint32(c) << (8 * (1 - i%2))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// frame holds the fields of a received frame that checks use.
type frame struct {
	dst, src net.HardwareAddr
	kind     uint16
	payload  []byte
}

func parseFrame(b []byte) (frame, bool) {
	if len(b) < 14 {
		return frame{}, false
	}
	return frame{b[:6], b[6:12], binary.BigEndian.Uint16(b[12:]), b[14:]}, true
}

// arpFields are the fields of an ARP frame.
type arpFields struct {
	op             uint16
	senderMAC      net.HardwareAddr
	sender, target netip.Addr
}

func (f frame) arp() (arpFields, bool) {
	if f.kind != etherARP || len(f.payload) < 28 {
		return arpFields{}, false
	}
	p := f.payload
	return arpFields{binary.BigEndian.Uint16(p[6:]), p[8:14], netip.AddrFrom4([4]byte(p[14:18])),
		netip.AddrFrom4([4]byte(p[24:28]))}, true
}

// echoReply returns the ID and sequence number of an ICMP echo reply.
func (f frame) echoReply() (id, sequence uint16, ok bool) {
	p, ok := f.icmp()
	if !ok || p[0] != 0 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(p[4:]), binary.BigEndian.Uint16(p[6:]), true
}

// icmp is the ICMP message in the frame.
func (f frame) icmp() ([]byte, bool) {
	if f.kind != etherIPv4 || len(f.payload) < 20 || f.payload[9] != protocolICMP {
		return nil, false
	}
	header := int(f.payload[0]&15) * 4
	if len(f.payload) < header+8 {
		return nil, false
	}
	return f.payload[header:], true
}
