// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// vnetLen is the length of the header that precedes each frame at a TAP or TUN device with IFF_VNET_HDR (Linux,
// Documentation/networking/tuntap.rst; include/uapi/linux/virtio_net.h, struct virtio_net_hdr, in the byte order of
// the machine).
const vnetLen = 10

type vnetHeader [vnetLen]byte

// The header's fields: flags, kind of GSO, the length of all headers, payload of each frame, where the checksum's
// range begins, and where in it the checksum is.
func (h *vnetHeader) flags() byte      { return h[0] }
func (h *vnetHeader) kind() byte       { return h[1] &^ unix.VIRTIO_NET_HDR_GSO_ECN }
func (h *vnetHeader) size() int        { return int(binary.NativeEndian.Uint16(h[4:])) }
func (h *vnetHeader) checkStart() int  { return int(binary.NativeEndian.Uint16(h[6:])) }
func (h *vnetHeader) checkOffset() int { return int(binary.NativeEndian.Uint16(h[8:])) }

// received completes a frame that the kernel sent: an ordinary one gets its checksum, which the kernel may have left
// to the interface. It returns the payload of each frame that a GSO frame stands for, otherwise 0. at is where the IP
// header begins.
func (h *vnetHeader) received(frame []byte, at int) (size int) {
	partial := h.flags()&unix.VIRTIO_NET_HDR_F_NEEDS_CSUM != 0
	if h.kind() != unix.VIRTIO_NET_HDR_GSO_NONE {
		if g, ok := gsoOf(frame, at, h.size()); ok {
			if !partial {
				g.prepare()
			}
			return h.size()
		}
	}
	if start, field := h.checkStart(), h.checkStart()+h.checkOffset(); partial && field+2 <= len(frame) {
		check := fold(sum(0, frame[start:]))
		if check == 0 {
			check = 0xffff // as skb_checksum_help: the same number, and in UDP not "none"
		}
		put16(frame[field:], check)
	}
	return 0
}

// describe makes the header of a GSO frame.
func (h *vnetHeader) describe(g *gso) {
	*h = vnetHeader{}
	h[0] = unix.VIRTIO_NET_HDR_F_NEEDS_CSUM
	switch {
	case g.proto == protoUDP:
		h[1] = unix.VIRTIO_NET_HDR_GSO_UDP_L4
	case g.v6:
		h[1] = unix.VIRTIO_NET_HDR_GSO_TCPV6
	default:
		h[1] = unix.VIRTIO_NET_HDR_GSO_TCPV4
	}
	if g.proto == protoTCP && g.whole[g.l4+13]&tcpCWR != 0 {
		h[1] |= unix.VIRTIO_NET_HDR_GSO_ECN
	}
	binary.NativeEndian.PutUint16(h[2:], uint16(g.payload))
	binary.NativeEndian.PutUint16(h[4:], uint16(g.size))
	binary.NativeEndian.PutUint16(h[6:], uint16(g.l4))
	binary.NativeEndian.PutUint16(h[8:], uint16(g.checksum-g.l4))
}
