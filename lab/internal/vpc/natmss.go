// SPDX-License-Identifier: Apache-2.0

package vpc

const (
	tcpOptMSS = 2

	// natMSS fits a NAT gateway's MTU (VPC User Guide, nat-gateway-basics: MSS clamping for
	// all packets, after RFC 879). AWS does not state the value.
	natMSS = natMTU - 40
)

// clampMSS lowers the maximum segment size that a SYN announces.
func (p *packet) clampMSS() {
	if p.proto != protoTCP || p.offset != 0 || p.flags&tcpSYN == 0 {
		return
	}
	tcp := p.l4()
	end := min(int(tcp[12]>>4)*4, len(tcp))
	for at := 20; at+1 < end && tcp[at] != 0; {
		switch size := int(tcp[at+1]); {
		case tcp[at] == 1:
			at++
		case size < 2 || at+size > end:
			return
		case tcp[at] == tcpOptMSS && size == 4:
			if get16(tcp[at+2:]) > natMSS {
				p.putUneven(at+2, natMSS)
			}
			return
		default:
			at += size
		}
	}
}

// putUneven changes two bytes of a TCP header at any offset, and updates the checksum:
// options may begin at an odd offset.
func (p *packet) putUneven(at int, to uint16) {
	tcp := p.l4()
	even := at &^ 1
	was := [2]uint16{get16(tcp[even:])}
	if at != even {
		was[1] = get16(tcp[even+2:])
	}
	put16(tcp[at:], to)
	check := mend16(get16(tcp[16:]), was[0], get16(tcp[even:]))
	if at != even {
		check = mend16(check, was[1], get16(tcp[even+2:]))
	}
	put16(tcp[16:], check)
}
