// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"encoding/binary"
	"net/netip"

	"macaw.example/internal/model"
)

func sameAddr(a, b netip.Addr) bool { return a == b }

func ethernet(dst, src model.MAC, kind uint16) []byte {
	f := append(append([]byte(nil), dst[:]...), src[:]...)
	return binary.BigEndian.AppendUint16(f, kind)
}

// arpFrame is broadcast.
func arpFrame(src model.MAC, op uint16, sha model.MAC, spa netip.Addr, tha model.MAC, tpa netip.Addr) []byte {
	f := ethernet(model.MAC{255, 255, 255, 255, 255, 255}, src, 0x806)
	f = append(f, 0, 1, 8, 0, 6, 4)
	f = binary.BigEndian.AppendUint16(f, op)
	f = append(append(f, sha[:]...), spa.AsSlice()...)
	return append(append(f, tha[:]...), tpa.AsSlice()...)
}

func ipv4Frame(src, dst model.MAC, from, to netip.Addr) []byte {
	f := ethernet(dst, src, 0x800)
	f = append(f, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0)
	f = append(append(f, from.AsSlice()...), to.AsSlice()...)
	binary.BigEndian.PutUint16(f[24:], ^fold(0, f[14:])) // br_netfilter checks
	return append(f, 0x23, 0x28, 0x23, 0x28, 0, 8, 0, 0)
}

func ipv6Frame(src, dst model.MAC, from, to netip.Addr, next, hops byte, payload ...byte) []byte {
	f := ethernet(dst, src, 0x86dd)
	f = append(f, 0x60, 0, 0, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(len(payload)))
	f = append(f, next, hops)
	f = append(append(f, from.AsSlice()...), to.AsSlice()...)
	return append(f, payload...)
}

// ndFrame is a neighbour solicitation or advertisement with one link-layer
// address option and a right checksum.
func ndFrame(src, dst model.MAC, from, to netip.Addr, kind, option byte, lladdr model.MAC) []byte {
	return ndMessage(src, dst, from, to, kind, to, append([]byte{option, 1}, lladdr[:]...)...)
}

// advertisement is a neighbour advertisement to the gateway, from a MAC and an
// address, that the target has a link-layer address.
func advertisement(src model.MAC, from, target netip.Addr, lladdr model.MAC) []byte {
	return ndMessage(src, gatewayMAC, from, gateway6, 136, target, append([]byte{2, 1}, lladdr[:]...)...)
}

// ndMessage is the same with any options, to another than its target.
func ndMessage(src, dst model.MAC, from, to netip.Addr, kind byte, target netip.Addr, options ...byte) []byte {
	body := append([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, target.AsSlice()...)
	f := ipv6Frame(src, dst, from, to, 58, 255, append(body, options...)...)
	binary.BigEndian.PutUint16(f[56:], ^sum(f))
	return f
}

// sum adds an ICMPv6 message and its pseudo header; 0xffff with a right
// checksum in it.
func sum(f []byte) uint16 {
	return fold(58+uint32(len(f)-54), f[22:])
}

func fold(total uint32, octets []byte) uint16 {
	for i := 0; i+1 < len(octets); i += 2 {
		total += uint32(binary.BigEndian.Uint16(octets[i:]))
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}
