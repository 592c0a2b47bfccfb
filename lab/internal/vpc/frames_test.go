// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func addr(s string) addr4 { return fromAddr(netip.MustParseAddr(s)) }

func ethernet(dst, src MAC, ethertype uint16, payload []byte) []byte {
	b := append(append(append([]byte{}, dst[:]...), src[:]...), byte(ethertype>>8), byte(ethertype))
	return append(b, payload...)
}

// ipv4 builds a packet around a transport header whose checksum is zero and
// fills the checksum in.
func ipv4(src, dst string, proto uint8, l4 []byte) []byte {
	b := make([]byte, 20+len(l4))
	putHeader(b, addr(src), addr(dst), proto)
	copy(b[20:], l4)
	l4 = b[20:]
	pseudo := sum(sum(uint32(proto)+uint32(len(l4)), b[12:20]), l4)
	switch proto {
	case protoTCP:
		put16(l4[16:], fold(pseudo))
	case protoUDP:
		put16(l4[6:], fold(pseudo))
		if fold(pseudo) == 0 {
			put16(l4[6:], 0xffff)
		}
	case protoICMP:
		put16(l4[2:], fold(sum(0, l4)))
	}
	return b
}

func ports(src, dst uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, src), dst)
}

func udp(src string, sport uint16, dst string, dport uint16, payload ...byte) []byte {
	l4 := binary.BigEndian.AppendUint16(ports(sport, dport), uint16(8+len(payload)))
	return ipv4(src, dst, protoUDP, append(append(l4, 0, 0), payload...))
}

func tcp(src string, sport uint16, dst string, dport uint16, flags uint8, payload ...byte) []byte {
	l4 := append(ports(sport, dport), 0, 0, 0, 1, 0, 0, 0, 1, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	return ipv4(src, dst, protoTCP, append(l4, payload...))
}

func icmp(src, dst string, kind, code uint8, id uint16, payload ...byte) []byte {
	l4 := append([]byte{kind, code, 0, 0, byte(id >> 8), byte(id), 0, 1}, payload...)
	return ipv4(src, dst, protoICMP, l4)
}

func ping(src, dst string, id uint16) []byte {
	return icmp(src, dst, icmpEcho, 0, id, []byte("payload")...)
}
func pong(src, dst string, id uint16) []byte {
	return icmp(src, dst, icmpEchoReply, 0, id, []byte("payload")...)
}

func unreachable(src, dst string, about []byte) []byte {
	return icmp(src, dst, icmpUnreachable, 3, 0, about...)
}

// with changes an IPv4 header and updates its checksum.
func with(ip []byte, change func(ip []byte)) []byte {
	change(ip)
	put16(ip[10:], 0)
	put16(ip[10:], fold(sum(0, ip[:20])))
	return ip
}

func dontFragment(ip []byte) []byte { return with(ip, func(b []byte) { b[6] |= 0x40 }) }

func arpFrame(dst, src MAC, op uint16, sha MAC, spa string, tpa string) []byte {
	b := append([]byte{}, arpHeader[:]...)
	b = binary.BigEndian.AppendUint16(b, op)
	b = append(b, sha[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(addr(spa)))
	b = append(b, make([]byte, 6)...)
	b = binary.BigEndian.AppendUint32(b, uint32(addr(tpa)))
	return ethernet(dst, src, etherARP, b)
}

// verify checks every checksum and length of a packet, independently of the code under
// test: by full sums.
func verify(ip []byte) error {
	if len(ip) >= 40 && ip[0]>>4 == 6 {
		return verify6(ip)
	}
	if len(ip) < 20 {
		return fmt.Errorf("%d bytes are no packet", len(ip))
	}
	head := int(ip[0]&15) * 4
	if int(get16(ip[2:])) != len(ip) || head < 20 || head > len(ip) {
		return fmt.Errorf("total length %d, header %d, of %d", get16(ip[2:]), head, len(ip))
	}
	if ones(ip[:head]) != 0xffff {
		return fmt.Errorf("header checksum is wrong")
	}
	if get16(ip[6:])&0x3fff != 0 {
		return nil // a fragment does not hold all that its transport checksum covers
	}
	return verifyTransport(ip, head)
}

func verifyTransport(ip []byte, head int) error {
	l4 := ip[head:]
	pseudo := append(append([]byte{}, ip[12:20]...), 0, ip[9], byte(len(l4)>>8), byte(len(l4)))
	switch ip[9] {
	case protoTCP:
		if len(l4) < 20 || ones(append(pseudo, l4...)) != 0xffff {
			return fmt.Errorf("TCP checksum is wrong")
		}
	case protoUDP:
		if len(l4) < 8 {
			return fmt.Errorf("short UDP")
		}
		if get16(l4[6:]) != 0 && (int(get16(l4[4:])) != len(l4) || ones(append(pseudo, l4...)) != 0xffff) {
			return fmt.Errorf("UDP checksum is wrong")
		}
	case protoICMP:
		if len(l4) < 8 || ones(l4) != 0xffff {
			return fmt.Errorf("ICMP checksum is wrong")
		}
		if k := l4[0]; k == 3 || k == 11 || k == 12 {
			quote := l4[8:]
			if len(quote) < 20 || len(quote) < int(quote[0]&15)*4 || ones(quote[:int(quote[0]&15)*4]) != 0xffff {
				return fmt.Errorf("the quoted header's checksum is wrong")
			}
			if int(get16(quote[2:])) == len(quote) {
				if err := verify(quote); err != nil {
					return fmt.Errorf("quoted: %w", err)
				}
			}
		}
	}
	return nil
}

func ones(b []byte) uint64 {
	var s uint64
	for i, c := range b {
		if i%2 == 0 {
			s += uint64(c) << 8
		} else {
			s += uint64(c)
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return s
}

// bench is a fabric under test, with its own clock.
type bench struct {
	*testing.T
	*Fabric
	now time.Time
	out Output
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newBench(t *testing.T, topo Topology, cfg Config) *bench {
	t.Helper()
	b := &bench{T: t, Fabric: New(cfg), now: start}
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	return b
}

// send forwards a frame and returns the result, one line per delivery: "eni-a2: a1 > a2
// 10.0.0.11:1 > 10.0.0.21:2 UDP length 28", and for a drop "drop egress eni-a1:
// source-mac". It checks everything that leaves the fabric.
func (b *bench) send(from Port, frame []byte) string {
	b.Helper()
	sent := string(frame)
	b.Forward(from, frame, b.now, &b.out)
	if sent != string(frame) {
		b.Errorf("Forward changed its input")
	}
	var lines []string
	for _, d := range b.out.Deliveries {
		ip := d.Frame
		if d.To.Kind == PortENI {
			ip = d.Frame[etherLen:]
		}
		if d.To.Kind != PortENI || get16(d.Frame[12:]) != etherARP {
			if err := verify(ip); err != nil {
				b.Errorf("delivery to %s: %v: % x", d.To, err, ip)
			}
		}
		lines = append(lines, d.To.String()+": "+named(summarize(d.Frame, d.To.Kind != PortENI)))
	}
	if b.out.Reason != ReasonNone {
		drops := b.Drops()
		d := drops[len(drops)-1]
		if d.Reason != b.out.Reason {
			b.Errorf("Output says %s, the drop log %s", b.out.Reason, d.Reason)
		}
		lines = append(lines, fmt.Sprintf("drop %s %s: %s", d.Direction, d.Port, d.Reason))
	}
	return strings.Join(lines, "\n")
}

// expect sends a frame and compares the result.
func (b *bench) expect(name string, from Port, frame []byte, want string) {
	b.Helper()
	if got := b.send(from, frame); got != want {
		b.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

var macNames = map[MAC]string{}

// named replaces MACs by the names of the test topology.
func named(s string) string {
	for m, name := range macNames {
		s = strings.ReplaceAll(s, m.String(), name)
	}
	return s
}
