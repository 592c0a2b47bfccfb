// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"sync"
	"time"
)

// fragment fragments an IPv4 packet to the Internet gateway's MTU and forwards the
// fragments (EC2 User Guide, network_mtu: packets over the MTU are fragmented, or dropped
// if Don't Fragment is set).
func (ps *pass) fragment(p *packet) {
	step := (internetMTU - p.head) &^ 7
	body := p.l4()
	pieces := (len(body) + step - 1) / step
	room := etherLen + p.head + step
	side := ps.out.take(pieces * room)
	for i := range pieces {
		part := body[i*step : min((i+1)*step, len(body))]
		piece := side[i*room:][:etherLen+p.head+len(part)]
		copy(piece, p.frame[:etherLen+p.head])
		copy(piece[etherLen+p.head:], part)
		ip := piece[etherLen:]
		offset := p.offset + uint16(i*step/8)
		if offset > 0x1fff {
			break // past the maximum packet length: the original fragment was invalid
		}
		flags := offset
		if p.more || i < pieces-1 {
			flags |= 0x2000
		}
		if i > 0 {
			blankOptions(ip[20:p.head])
		}
		put16(ip[2:], uint16(len(ip)))
		put16(ip[6:], flags)
		put16(ip[10:], 0)
		put16(ip[10:], fold(sum(0, ip[:p.head])))
		var q packet
		if !q.parse4(piece) {
			continue
		}
		ps.leave(&q)
	}
}

// blankOptions replaces by no-operations the options that belong only in a first fragment
// (RFC 791, section 3.1: the copied flag).
func blankOptions(b []byte) {
	for len(b) > 0 {
		n := 1
		switch {
		case b[0] == 0:
			return
		case b[0] != 1:
			if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
				return
			}
			if n = int(b[1]); b[0]&0x80 == 0 {
				for i := range n {
					b[i] = 1
				}
			}
		}
		b = b[n:]
	}
}

// fragmentCache remembers the packets whose first fragment a security group allowed, so
// that later fragments, which have no ports, are treated alike. It is small and lossy; a
// later fragment that arrives before the first is dropped.
type fragmentCache struct {
	mu    sync.Mutex
	slots *[64]fragmentSlot // nil until the first fragment
}

type fragmentSlot struct {
	key fragmentKey
	at  time.Duration
	to  addr4 // of NAT gateways: the client
}

// fragmentKey identifies the packet of a fragment (RFC 791, section 3.2; RFC 8200, section
// 4.5, which omits the protocol: fragments may differ in it).
type fragmentKey struct {
	src, dst addr16
	id       uint32
	proto    uint8
	set      bool
}

// fragmentLife is the reassembly timeout (RFC 791, section 3.2, allows 15 s and more; Linux
// uses 30 s).
const fragmentLife = 30 * time.Second

func keyOfFragment(p *packet) fragmentKey {
	k := fragmentKey{src: p.src, dst: p.dst, id: p.id, proto: p.proto, set: true}
	if p.v6 {
		k.proto = 0
	}
	return k
}

func (k fragmentKey) slot() int {
	h := (uint32(k.src.lo)*31+uint32(k.dst.lo))*31 + k.id*2654435761
	return int(h>>16^h) & 63
}

func (c *fragmentCache) remember(p *packet, now time.Duration, to addr4) {
	k := keyOfFragment(p)
	c.mu.Lock()
	if c.slots == nil {
		c.slots = new([64]fragmentSlot)
	}
	c.slots[k.slot()] = fragmentSlot{k, now, to}
	c.mu.Unlock()
}

func (c *fragmentCache) knows(p *packet, now time.Duration) bool {
	_, ok := c.find(p, now)
	return ok
}

func (c *fragmentCache) find(p *packet, now time.Duration) (to addr4, ok bool) {
	k := keyOfFragment(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots == nil {
		return 0, false
	}
	s := c.slots[k.slot()]
	return s.to, s.key == k && now-s.at < fragmentLife
}
