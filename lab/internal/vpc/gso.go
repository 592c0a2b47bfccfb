// SPDX-License-Identifier: Apache-2.0

package vpc

// A GSO frame stands for several frames of one flow (Linux, Documentation/networking/segmentation-offloads.rst):
// one pair of headers, and the payload of all. A sender's kernel leaves it to the network interface to cut it
// (TSO, USO); a receiver's would merge it again (GRO). The checksum field of its transport header holds the sum of
// the pseudo header, for the whole length.
//
// On a wire there is no such frame. So the fabric judges and counts what one stands for. It passes one whole where
// all its frames have the same fate, and otherwise cuts it and judges each.

// gso describes a GSO frame. Offsets are relative to the beginning of whole.
type gso struct {
	whole            []byte
	ip, l4, payload  int // where the headers and the payload begin
	size             int // bytes of payload in each frame but the last
	v6               bool
	proto            uint8
	checksum, number int // where the transport's checksum is, and TCP's sequence number
}

// gsoOf describes the packet at an offset of a frame, if it can be a GSO frame with that much payload in each of
// its frames: TCP without SYN, or UDP, and no fragment.
func gsoOf(frame []byte, at, size int) (g gso, ok bool) {
	if size <= 0 || len(frame) < at+20 {
		return g, false
	}
	var p packet
	ip := frame[at:]
	if ip[0]>>4 == 6 {
		if len(ip) < 40 {
			return g, false
		}
		total := 40 + int(get16(ip[4:]))
		ok = total <= len(ip) && p.fields6(ip[:total], true)
		frame = frame[:min(at+total, len(frame))]
	} else {
		total, head := int(get16(ip[2:])), int(ip[0]&15)*4
		ok = ip[0]>>4 == 4 && head >= 20 && head <= total && total <= len(ip) && p.fields4(ip[:total], head, true)
		frame = frame[:min(at+total, len(frame))]
	}
	if !ok || p.fragmented() {
		return g, false
	}
	g = gso{whole: frame, ip: at, l4: at + p.head, size: size, v6: p.v6, proto: p.proto}
	head := 8
	switch p.proto {
	case protoTCP:
		head = int(ip[p.head+12]>>4) * 4
		if head < 20 || p.flags&tcpSYN != 0 {
			return g, false
		}
		g.checksum, g.number = g.l4+16, g.l4+4
	case protoUDP:
		g.checksum = g.l4 + 6
	default:
		return g, false
	}
	g.payload = g.l4 + head
	return g, g.payload < len(frame)
}

// frames returns how many frames it stands for.
func (g *gso) frames() int { return (len(g.whole) - g.payload + g.size - 1) / g.size }

// longest returns the length of the longest frame.
func (g *gso) longest() int { return min(g.payload+g.size, len(g.whole)) }

// bytes returns the length of all its frames together.
func (g *gso) bytes() int { return len(g.whole) + (g.frames()-1)*g.payload }

// frame writes the frame with a number into a buffer of the longest frame's length and returns it. All its
// checksums are complete. What differs from frame to frame is what Linux changes (inet_gso_segment, tcp_gso_segment,
// __udp_gso_segment): lengths, IPv4's identification, the sequence number, and flags that belong into the first or
// the last frame only.
func (g *gso) frame(i int, buf []byte) []byte {
	from := g.payload + i*g.size
	part := g.whole[from:min(from+g.size, len(g.whole))]
	f := buf[:g.payload+len(part)]
	copy(f, g.whole[:g.payload])
	copy(f[g.payload:], part)
	ip, l4 := f[g.ip:], f[g.l4:]
	if g.v6 {
		put16(ip[4:], uint16(len(ip)-40))
	} else {
		put16(ip[2:], uint16(len(ip)))
		put16(ip[4:], get16(ip[4:])+uint16(i))
		put16(ip[10:], 0)
		put16(ip[10:], fold(sum(0, ip[:g.l4-g.ip])))
	}
	if g.proto == protoTCP {
		putAddr(l4[4:], getAddr(l4[4:])+addr4(i*g.size))
		if i > 0 {
			l4[13] &^= tcpCWR
		}
		if i < g.frames()-1 {
			l4[13] &^= tcpFIN | tcpPSH
		}
	} else {
		put16(l4[4:], uint16(len(l4)))
	}
	// The field holds the sum of a pseudo header with the whole length.
	pseudo := uint32(get16(f[g.checksum:])) + uint32(^uint16(len(g.whole)-g.l4)) + uint32(uint16(len(l4)))
	put16(f[g.checksum:], 0)
	putChecksum(g.proto, f[g.checksum:], fold(sum(pseudo, l4)))
	return f
}

// prepare writes the sum of the pseudo header into the checksum field, for the addresses in the IP header.
func (g *gso) prepare() {
	ip := g.whole[g.ip:]
	addresses := ip[12:20]
	if g.v6 {
		addresses = ip[8:40]
	}
	put16(g.whole[g.checksum:], ^fold(sum(uint32(g.proto)+uint32(len(g.whole)-g.l4), addresses)))
}

// framesOf calls f with each frame that a frame stands for: itself, unless it is a GSO frame. at is where the IP
// header begins. The frame is valid during the call only.
func framesOf(frame []byte, at, size int, f func(frame []byte)) {
	g, ok := gsoOf(frame, at, size)
	if !ok {
		f(frame)
		return
	}
	buf := make([]byte, g.longest())
	for i := range g.frames() {
		f(g.frame(i, buf))
	}
}
