// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// summarize describes the first bytes of a frame (or, with raw, of a bare packet) in one
// line. It assumes no valid header: dropped frames are often malformed.
func summarize(b []byte, raw bool) string {
	if raw {
		if len(b) > 0 && b[0]>>4 == 6 {
			return summarizeIPv6(b)
		}
		return summarizeIPv4(b)
	}
	if len(b) < etherLen {
		return fmt.Sprintf("%d bytes, no Ethernet header", len(b))
	}
	head := fmt.Sprintf("%s > %s ", net.HardwareAddr(b[6:12]), net.HardwareAddr(b[:6]))
	body := b[etherLen:]
	switch t := get16(b[12:]); t {
	case etherARP:
		return head + summarizeARP(body)
	case etherIPv4:
		return head + summarizeIPv4(body)
	case etherIPv6:
		return head + summarizeIPv6(body)
	case etherVLAN, etherQinQ:
		if len(body) >= 2 {
			return head + fmt.Sprintf("VLAN %d", get16(body)&0xfff)
		}
		return head + "VLAN"
	default:
		return head + fmt.Sprintf("ethertype %#04x", t)
	}
}

func summarizeARP(b []byte) string {
	if len(b) < arpLen {
		return "ARP, cut short"
	}
	sender := fmt.Sprintf("%s (%s)", getAddr(b[14:]).netip(), net.HardwareAddr(b[8:14]))
	target := getAddr(b[24:]).netip()
	switch get16(b[6:]) {
	case arpRequest:
		return fmt.Sprintf("ARP who-has %s tell %s", target, sender)
	case arpReply:
		return fmt.Sprintf("ARP %s is-at %s, to %s", getAddr(b[14:]).netip(), net.HardwareAddr(b[8:14]), target)
	}
	return fmt.Sprintf("ARP operation %d from %s", get16(b[6:]), sender)
}

func summarizeIPv4(b []byte) string {
	if len(b) < 20 || b[0]>>4 != 4 {
		return "IPv4, no header"
	}
	var p packet
	head := int(b[0]&15) * 4
	if head < 20 || head > len(b) || !p.fields4(b, head, false) {
		return fmt.Sprintf("%s > %s %s, broken", getAddr(b[12:]).netip(), getAddr(b[16:]).netip(), protocol(b[9]))
	}
	return p.summarize(b, int(get16(b[2:])))
}

func summarizeIPv6(b []byte) string {
	if len(b) < 40 || b[0]>>4 != 6 {
		return "IPv6, no header"
	}
	var p packet
	if !p.fields6(b, false) {
		return fmt.Sprintf("%s > %s %s, broken", getAddr16(b[8:]).netip(), getAddr16(b[24:]).netip(), protocol(b[6]))
	}
	return p.summarize(b, 40+int(get16(b[4:])))
}

// summarize describes a packet; b is its first bytes.
func (p *packet) summarize(b []byte, length int) string {
	var s strings.Builder
	src, dst := p.src.netip(), p.dst.netip()
	switch {
	case p.offset == 0 && (p.proto == protoTCP || p.proto == protoUDP):
		fmt.Fprintf(&s, "%s > %s %s", netip.AddrPortFrom(src, p.sport), netip.AddrPortFrom(dst, p.dport), protocol(p.proto))
		if p.proto == protoTCP {
			for i, name := range []string{"FIN", "SYN", "RST", "", "ACK"} {
				if p.flags>>i&1 != 0 && name != "" {
					s.WriteString(" " + name)
				}
			}
		}
	case p.icmp && p.v6:
		fmt.Fprintf(&s, "%s > %s %s", src, dst, p.summarizeICMPv6(b[p.head:]))
	case p.icmp:
		fmt.Fprintf(&s, "%s > %s ICMP type %d code %d", src, dst, p.icmpType, p.icmpCode)
		if p.icmpType == icmpEcho || p.icmpType == icmpEchoReply {
			fmt.Fprintf(&s, " id %d", p.icmpID)
		}
	default:
		fmt.Fprintf(&s, "%s > %s %s", src, dst, protocol(p.proto))
	}
	fmt.Fprintf(&s, " length %d", length)
	if p.fragmented() {
		fmt.Fprintf(&s, " fragment %d at %d", p.id, int(p.offset)*8)
	}
	return s.String()
}

func (p *packet) summarizeICMPv6(l4 []byte) string {
	switch p.icmpType {
	case icmp6Echo, icmp6EchoReply:
		return fmt.Sprintf("ICMPv6 type %d code %d id %d", p.icmpType, p.icmpCode, p.icmpID)
	case ndRouterSolicit:
		return "router solicitation"
	case ndRouterAdvert:
		return "router advertisement"
	case ndNeighbourSolicit, ndNeighbourAdvert:
		if len(l4) < 24 {
			break
		}
		target := getAddr16(l4[8:]).netip()
		at, _ := ndSource(l4[24:])
		switch {
		case p.icmpType == ndNeighbourSolicit && at == MAC{}:
			return fmt.Sprintf("who-has %s", target)
		case p.icmpType == ndNeighbourSolicit:
			return fmt.Sprintf("who-has %s tell %s", target, at)
		case at == MAC{}:
			return fmt.Sprintf("%s is here", target)
		}
		return fmt.Sprintf("%s is-at %s", target, at)
	}
	return fmt.Sprintf("ICMPv6 type %d code %d", p.icmpType, p.icmpCode)
}

func protocol(n uint8) string {
	switch n {
	case protoICMP:
		return "ICMP"
	case protoTCP:
		return "TCP"
	case protoUDP:
		return "UDP"
	case protoICMPv6:
		return "ICMPv6"
	}
	return fmt.Sprintf("protocol %d", n)
}
