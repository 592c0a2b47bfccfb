// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// headerOf makes the header of a frame whose checksum the kernel left to the interface.
func headerOf(flags, kind byte, size, start, offset int) *vnetHeader {
	h := &vnetHeader{flags, kind}
	binary.NativeEndian.PutUint16(h[4:], uint16(size))
	binary.NativeEndian.PutUint16(h[6:], uint16(start))
	binary.NativeEndian.PutUint16(h[8:], uint16(offset))
	return h
}

func TestReceivedFramesAreCompleted(t *testing.T) {
	const partial = unix.VIRTIO_NET_HDR_F_NEEDS_CSUM
	right := udp("10.0.0.11", 1, "10.0.0.21", 2, counting(99)...)
	left := bytes.Clone(right)
	put16(left[26:], ^fold(sum(protoUDP+107, left[12:20])))
	for name, c := range map[string]struct {
		header *vnetHeader
		frame  []byte
		size   int
		want   []byte
	}{
		"complete already":          {headerOf(0, 0, 0, 0, 0), right, 0, right},
		"checksum left":             {headerOf(partial, 0, 0, 20, 6), left, 0, right},
		"GSO":                       {headerOf(partial, unix.VIRTIO_NET_HDR_GSO_UDP_L4, 50, 20, 6), left, 50, left},
		"GSO, checksum complete":    {headerOf(0, unix.VIRTIO_NET_HDR_GSO_UDP_L4, 50, 0, 0), right, 50, left},
		"GSO of what cannot be it":  {headerOf(partial, unix.VIRTIO_NET_HDR_GSO_UDP_L4, 0, 20, 6), left, 0, right},
		"beginning beyond its end":  {headerOf(partial, 0, 0, 200, 6), left, 0, left},
		"checksum beyond its end":   {headerOf(partial, 0, 0, 20, 106), left, 0, left},
		"end of 16 bits, both ways": {headerOf(partial, 0, 0, 0xffff, 0xffff), left, 0, left},
	} {
		frame := bytes.Clone(c.frame)
		if size := c.header.received(frame, 0); size != c.size || !bytes.Equal(frame, c.want) {
			t.Errorf("%s: size %d, want %d;\n got % x\nwant % x", name, size, c.size, frame[:40], c.want[:40])
		}
	}

	// A sum of zero is sent as its complement: zero would mean that there is none.
	zero := udp("10.0.0.11", 1, "10.0.0.21", 2, 0, 0)
	put16(zero[28:], get16(zero[26:]))
	put16(zero[26:], ^fold(sum(protoUDP+10, zero[12:20])))
	if headerOf(partial, 0, 0, 20, 6).received(zero, 0); get16(zero[26:]) != 0xffff || verify(zero) != nil {
		t.Errorf("checksum %#x, %v", get16(zero[26:]), verify(zero))
	}
}

// What is described to a kernel is what the same kernel would have said.
func TestGSOIsDescribed(t *testing.T) {
	frame := ethernet(macA2, macA1, etherIPv6, tcp6(v6A1, 1, v6A2, 2, tcpACK|tcpCWR, counting(5000)...))
	g, ok := gsoOf(frame, etherLen, 1428)
	var h vnetHeader
	h.describe(&g)
	if !ok || h.size() != 1428 || h.kind() != unix.VIRTIO_NET_HDR_GSO_TCPV6 || h[1]&unix.VIRTIO_NET_HDR_GSO_ECN == 0 ||
		h.flags() != unix.VIRTIO_NET_HDR_F_NEEDS_CSUM || h.checkStart() != 54 || h.checkOffset() != 16 ||
		binary.NativeEndian.Uint16(h[2:]) != 74 {
		t.Errorf("%t, % x", ok, h)
	}
}
