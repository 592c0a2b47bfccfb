// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// record is a port's state that persists across topologies.
type record struct {
	account
	flows     flowTable
	fragments [2]fragmentCache // by direction
	// connections is set for NAT gateways only.
	connections *natTable
	sent        meter // frames in both directions, if the ENI has a limit
	clock
}

// account counts frames at a port.
type account struct {
	at            Port
	frames, bytes [2]atomic.Uint64
	drops         [2][reasonCount]atomic.Uint64
}

func (a *account) accept(d Direction, frames, bytes int) {
	a.frames[d].Add(uint64(frames))
	a.bytes[d].Add(uint64(bytes))
}

// acceptPacket counts a packet with its Ethernet header: of a GSO frame, all frames that it stands for.
func (a *account) acceptPacket(d Direction, p *packet) {
	if p.size == 0 {
		a.accept(d, 1, len(p.frame))
		return
	}
	g := p.gso()
	a.accept(d, g.frames(), g.bytes())
}

// acceptRaw is acceptPacket at a port without Ethernet.
func (a *account) acceptRaw(d Direction, p *packet) {
	if p.size == 0 {
		a.accept(d, 1, len(p.ip()))
		return
	}
	g := p.gso()
	a.accept(d, g.frames(), g.bytes()-g.frames()*etherLen)
}

// Traffic counts frames and bytes that passed.
type Traffic struct {
	Frames, Bytes uint64
}

// DropCount counts the frames dropped in one direction for one reason.
type DropCount struct {
	Direction Direction
	Reason    Reason
	Frames    uint64
}

// Counters are a port's totals since the fabric or the ENI was created.
type Counters struct {
	Port Port // ENI is empty for frames from ports whose ENI does not exist
	// Sent counts frames from the port that the fabric passed on or answered. A frame
	// dropped at its receiver counts as sent here and as a drop there. Received counts
	// frames handed to the port.
	Sent, Received Traffic
	Drops          []DropCount // zeros omitted, in a fixed order
}

// Counters returns the counters of all ports, sorted.
func (f *Fabric) Counters() []Counters {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Counters
	for p, r := range f.records {
		c := Counters{
			Port:     p,
			Sent:     Traffic{r.frames[Egress].Load(), r.bytes[Egress].Load()},
			Received: Traffic{r.frames[Ingress].Load(), r.bytes[Ingress].Load()},
		}
		for d := range r.drops {
			for why := range r.drops[d] {
				if n := r.drops[d][why].Load(); n > 0 {
					c.Drops = append(c.Drops, DropCount{Direction(d), Reason(why), n})
				}
			}
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Counters) int {
		return cmp.Or(cmp.Compare(a.Port.Kind, b.Port.Kind), cmp.Compare(a.Port.ENI, b.Port.ENI))
	})
	return all
}

// undelivered counts a delivery that failed at the edge.
func (f *Fabric) undelivered(d Delivery, why Reason, now time.Time) {
	f.mu.Lock()
	r := f.records[d.To]
	f.mu.Unlock()
	if r == nil {
		r = f.unknown
	}
	framesOf(d.Frame, d.To.ipOffset(), d.GSOSize, func(frame []byte) {
		r.drops[Ingress][why].Add(1)
		f.log.add(now, d.To, Ingress, why, frame, d.To.Kind != PortENI)
		f.observe(Event{Time: now, Port: d.To, Direction: Ingress, Reason: why, Length: len(frame), Frame: frame})
	})
}
