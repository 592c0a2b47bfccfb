// SPDX-License-Identifier: Apache-2.0

package vpc

// inputIsRight tells whether all checksums of a frame's packet are correct.
func inputIsRight(from Port, frame []byte) bool {
	if from.Kind == PortENI {
		if len(frame) < etherLen {
			return false
		}
		frame = frame[etherLen:]
	}
	if len(frame) < 20 {
		return false
	}
	total := int(get16(frame[2:]))
	if frame[0]>>4 == 6 {
		if len(frame) < 40 {
			return false
		}
		total = 40 + int(get16(frame[4:]))
	}
	return total <= len(frame) && verify(frame[:total]) == nil
}

// mendFrame fixes a frame so that it passes the first checks. It keeps the destination MAC.
func mendFrame(from Port, mac MAC, frame []byte) {
	if from.Kind == PortENI {
		if len(frame) < etherLen {
			return
		}
		copy(frame[6:], mac[:])
		if get16(frame[12:]) == etherIPv6 {
			mend6(frame[etherLen:])
			return
		}
		frame = frame[etherLen:]
	} else if len(frame) > 0 && frame[0]>>4 == 6 {
		mend6(frame)
		return
	}
	if len(frame) < 20 {
		return
	}
	head := max(int(frame[0]&15)*4, 20)
	if head > len(frame) {
		head = 20
	}
	frame[0] = 0x40 | byte(head/4)
	put16(frame[2:], uint16(len(frame)))
	put16(frame[10:], 0)
	put16(frame[10:], fold(sum(0, frame[:head])))
	l4 := frame[head:]
	pseudo := sum(uint32(frame[9])+uint32(len(l4)), frame[12:20])
	switch {
	case frame[9] == protoTCP && len(l4) >= 20:
		put16(l4[16:], 0)
		put16(l4[16:], fold(sum(pseudo, l4)))
	case frame[9] == protoUDP && len(l4) >= 8:
		put16(l4[4:], uint16(len(l4)))
		put16(l4[6:], 0)
		if put16(l4[6:], fold(sum(pseudo, l4))); get16(l4[6:]) == 0 {
			put16(l4[6:], 0xffff)
		}
	case frame[9] == protoICMP && len(l4) >= 8:
		if quote := l4[8:]; len(quote) >= 20 {
			head := min(max(int(quote[0]&15)*4, 20), len(quote))
			quote[0] = 0x40 | byte(head/4)
			put16(quote[10:], 0)
			put16(quote[10:], fold(sum(0, quote[:head/4*4])))
		}
		put16(l4[2:], 0)
		put16(l4[2:], fold(sum(0, l4)))
	}
}

// mend6 fixes an IPv6 packet's version, length and checksum.
func mend6(ip []byte) {
	if len(ip) < 40 {
		return
	}
	ip[0] = 0x60 | ip[0]&15
	put16(ip[4:], uint16(len(ip)-40))
	l4 := ip[40:]
	var at int
	switch {
	case ip[6] == protoTCP && len(l4) >= 20:
		at = 16
	case ip[6] == protoUDP && len(l4) >= 8:
		at = 6
		put16(l4[4:], uint16(len(l4)))
	case ip[6] == protoICMPv6 && len(l4) >= 8:
		at = 2
	default:
		return
	}
	put16(l4[at:], 0)
	put16(l4[at:], checksum6(ip, l4, ip[6]))
}
