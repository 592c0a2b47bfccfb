// SPDX-License-Identifier: Apache-2.0

package vpc

import "encoding/binary"

// sum adds 16-bit words to a partial Internet checksum (RFC 1071).
func sum(partial uint32, b []byte) uint32 {
	for len(b) >= 2 {
		partial += uint32(b[0])<<8 | uint32(b[1])
		b = b[2:]
	}
	if len(b) == 1 {
		partial += uint32(b[0]) << 8
	}
	return partial
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
