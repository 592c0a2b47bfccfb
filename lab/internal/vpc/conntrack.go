// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"sync"
	"sync/atomic"
	"time"
)

// Idle timeouts (EC2 User Guide, security-group-connection-tracking: UDP 30 s, UDP streams
// 180 s, protocols other than TCP, UDP and ICMP 600 s). The timeout of established TCP is
// in Config; an ENI may override it and UDP's. AWS documents none for ICMP and for TCP that
// is opening or closing; these are Linux's.
const (
	idleUDP        = 30 * time.Second
	idleUDPStream  = 180 * time.Second
	idleICMP       = 30 * time.Second
	idleOther      = 600 * time.Second
	idleTCPPartial = 120 * time.Second
)

// idleTimes are an ENI's own timeouts.
type idleTimes struct{ tcp, udp, udpStream time.Duration }

// with overrides the defaults by an ENI's settings.
func (t idleTimes) with(own Tracking) idleTimes {
	set := func(to *time.Duration, d time.Duration) {
		if d > 0 {
			*to = d
		}
	}
	set(&t.tcp, own.TCPEstablished)
	set(&t.udp, own.UDP)
	set(&t.udpStream, own.UDPStream)
	return t
}

// flowKey identifies a flow as one ENI sees it, the same for both directions. IPv4
// addresses are mapped to IPv6, so that one table holds both families.
type flowKey struct {
	local, remote addr16
	lport, rport  uint16
	proto         uint8
}

// flow returns the packet's key at an ENI that it leaves (Egress) or reaches (Ingress).
func (p *packet) flow(d Direction) flowKey {
	src, dst := p.sport, p.dport
	if p.icmp {
		// The identifier of an echo takes the place of the requester's port, so that a
		// request from outside does not match a flow of echoes sent by this ENI.
		if p.isEchoReply() {
			src, dst = 0, p.icmpID
		} else {
			src, dst = p.icmpID, 0
		}
	}
	if d == Egress {
		return flowKey{p.src, p.dst, src, dst, p.proto}
	}
	return flowKey{p.dst, p.src, dst, src, p.proto}
}

// The bits of a flow's state.
const (
	flowReplied    = 1 << iota // the other side has answered
	flowStream                 // UDP: the initiator has sent again after a reply
	flowFirstDone              // TCP: FIN from the initiator
	flowSecondDone             // TCP: FIN from the responder
	flowReset                  // TCP: RST
)

type flow struct {
	first Direction // of the initiator's packets
	seen  atomic.Int64
	state atomic.Uint32
}

// note records that a packet of the flow has passed.
func (f *flow) note(p *packet, d Direction, now time.Duration) {
	state := f.state.Load()
	next := state
	switch {
	case d != f.first:
		next |= flowReplied
	case state&flowReplied != 0:
		next |= flowStream
	}
	if p.proto == protoTCP {
		if p.flags&tcpRST != 0 {
			next |= flowReset
		}
		if p.flags&tcpFIN != 0 {
			if d == f.first {
				next |= flowFirstDone
			} else {
				next |= flowSecondDone
			}
		}
	}
	if add := next &^ state; add != 0 {
		f.state.Or(add)
	}
	f.seen.Store(int64(now))
}

// flowTable holds the tracked flows of an ENI.
type flowTable struct {
	max    int64
	count  atomic.Int64
	shards [16]flowShard
}

type flowShard struct {
	mu    sync.RWMutex
	flows map[flowKey]*flow
	added int // since the last sweep
	kept  int // by the last sweep
}

func (t *flowTable) shard(k *flowKey) *flowShard {
	h := uint32(k.lport) ^ uint32(k.rport) ^ uint32(k.remote.lo)
	return &t.shards[(h^h>>4^h>>8)&15]
}

func (t *idleTimes) expired(f *flow, proto uint8, now time.Duration) bool {
	state := f.state.Load()
	idle := idleOther
	switch proto {
	case protoTCP:
		idle = t.tcp
		if state&flowReplied == 0 || closing(state) {
			idle = min(idle, idleTCPPartial)
		}
	case protoUDP:
		idle = t.udp
		if state&flowStream != 0 {
			idle = t.udpStream
		}
	case protoICMP, protoICMPv6:
		idle = idleICMP
	}
	return now-time.Duration(f.seen.Load()) > idle
}

func closing(state uint32) bool {
	return state&flowReset != 0 || state&(flowFirstDone|flowSecondDone) == flowFirstDone|flowSecondDone
}

func (t *flowTable) find(k flowKey, now time.Duration, idle *idleTimes) *flow {
	s := t.shard(&k)
	s.mu.RLock()
	f := s.flows[k]
	s.mu.RUnlock()
	if f == nil || idle.expired(f, k.proto, now) {
		return nil
	}
	return f
}

// has tells whether a flow is tracked, without refreshing its timeout.
func (t *flowTable) has(k flowKey, now time.Duration, idle *idleTimes) bool {
	return t.find(k, now, idle) != nil
}

// hit tells whether a packet belongs to a tracked flow, and refreshes the flow's timeout.
func (t *flowTable) hit(k flowKey, p *packet, d Direction, now time.Duration, idle *idleTimes) bool {
	f := t.find(k, now, idle)
	if f == nil {
		return false
	}
	if p.proto == protoTCP && closing(f.state.Load()) && p.flags&(tcpSYN|tcpACK) == tcpSYN {
		return false // the ports are reused: evaluate the rules again
	}
	f.note(p, d, now)
	return true
}

// add tracks a flow that a rule has allowed. It returns false if the ENI's table is full.
func (t *flowTable) add(k flowKey, p *packet, d Direction, now time.Duration, idle *idleTimes) bool {
	f := &flow{first: d}
	f.seen.Store(int64(now))
	if p.proto == protoTCP && p.flags&tcpRST != 0 {
		f.state.Store(flowReset)
	}
	s := t.shard(&k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flows == nil {
		s.flows = make(map[flowKey]*flow)
	}
	_, ok := s.flows[k]
	if !ok {
		// One sweep per as many additions as the last sweep kept makes the amortized cost
		// of an addition constant.
		if s.added++; s.added > s.kept+64 || t.count.Load() >= t.max {
			t.sweep(s, now, idle)
		}
		if t.count.Load() >= t.max {
			return false
		}
		t.count.Add(1)
	}
	s.flows[k] = f
	return true
}

func (t *flowTable) sweep(s *flowShard, now time.Duration, idle *idleTimes) {
	for k, f := range s.flows {
		if idle.expired(f, k.proto, now) {
			delete(s.flows, k)
			t.count.Add(-1)
		}
	}
	s.added, s.kept = 0, len(s.flows)
}
