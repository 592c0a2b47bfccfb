// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"encoding/binary"
	"math/bits"
)

// sum adds 16-bit words to a partial Internet checksum (RFC 1071). It adds eight bytes at a time, in the byte order
// that costs nothing: neither changes the sum, once its parts are added and its bytes are swapped (section 2, B and
// C).
func sum(partial uint32, b []byte) uint32 {
	var total, carry uint64
	for len(b) >= 32 {
		total, carry = bits.Add64(total, binary.LittleEndian.Uint64(b), carry)
		total, carry = bits.Add64(total, binary.LittleEndian.Uint64(b[8:]), carry)
		total, carry = bits.Add64(total, binary.LittleEndian.Uint64(b[16:]), carry)
		total, carry = bits.Add64(total, binary.LittleEndian.Uint64(b[24:]), carry)
		b = b[32:]
	}
	for len(b) >= 8 {
		total, carry = bits.Add64(total, binary.LittleEndian.Uint64(b), carry)
		b = b[8:]
	}
	total = total>>32 + total&0xffffffff + carry
	for len(b) >= 2 {
		total += uint64(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		total += uint64(b[0])
	}
	total = total>>32 + total&0xffffffff
	total = total>>16 + total&0xffff
	total = total>>16 + total&0xffff
	return partial + uint32(bits.ReverseBytes16(uint16(total>>16+total&0xffff)))
}

// fold completes a partial sum to a checksum.
func fold(partial uint32) uint16 {
	for partial > 0xffff {
		partial = partial>>16 + partial&0xffff
	}
	return ^uint16(partial)
}

// mend16 updates a checksum after one covered word has changed: HC' = ~(~HC + ~m + m'), RFC
// 1624 equation 3.
func mend16(check, old, new uint16) uint16 {
	return fold(uint32(^check) + uint32(^old) + uint32(new))
}

// mend32 is mend16 for two adjacent words.
func mend32(check uint16, old, new addr4) uint16 {
	return fold(uint32(^check) +
		uint32(^uint16(old>>16)) + uint32(^uint16(old)) +
		uint32(new>>16) + uint32(new&0xffff))
}

// checksumAt returns the offset of an IPv4 transport's checksum, or false if it has none.
func checksumAt(proto uint8, l4 []byte) (at int, ok bool) {
	switch proto {
	case protoTCP:
		at = 16
	case protoUDP:
		at = 6
	case protoICMP:
		at = 2
	default:
		return 0, false
	}
	if len(l4) < at+2 {
		return 0, false // a quote truncated before the checksum
	}
	return at, proto != protoUDP || get16(l4[at:]) != 0 // sent without one (RFC 768)
}

// putChecksum writes a transport's checksum. In UDP a zero field means that there is none
// (RFC 768).
func putChecksum(proto uint8, b []byte, check uint16) {
	if proto == protoUDP && check == 0 {
		check = 0xffff
	}
	put16(b, check)
}

func get16(b []byte) uint16    { return binary.BigEndian.Uint16(b) }
func put16(b []byte, v uint16) { binary.BigEndian.PutUint16(b, v) }
