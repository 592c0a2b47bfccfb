// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Flow is the traffic from one address and port to another at an ENI in an interval, as in
// a VPC flow log record (VPC User Guide, flow-log-records). AWS records only whether a flow
// was accepted or rejected, and omits frames that are not IP or broke a rule of the host;
// here each drop has its reason.
type Flow struct {
	FlowKey
	Packets, Bytes uint64
	Start, End     time.Time // of the first and last packet
}

// FlowKey identifies a flow. Frames that are not IP have no addresses; protocols without
// ports have port 0.
type FlowKey struct {
	Port         Port
	Direction    Direction
	Source, Dest netip.Addr
	SPort, DPort uint16
	Protocol     uint8  // of IP
	EtherType    uint16 // 0 at ports without Ethernet
	Reason       Reason // ReasonNone: accepted
}

// FlowLog aggregates events. The zero value is ready for use by one goroutine.
type FlowLog struct {
	flows map[FlowKey]*Flow
	work  []byte
}

// Add counts an event, whose frame should not be truncated.
func (l *FlowLog) Add(e Event) {
	if l.flows == nil {
		l.flows = make(map[FlowKey]*Flow)
	}
	k := l.key(e)
	f := l.flows[k]
	if f == nil {
		f = &Flow{FlowKey: k, Start: e.Time}
		l.flows[k] = f
	}
	f.Packets++
	f.Bytes += uint64(e.Length)
	f.End = e.Time
}

func (l *FlowLog) key(e Event) FlowKey {
	k := FlowKey{Port: e.Port, Direction: e.Direction, Reason: e.Reason}
	frame := e.Frame
	if e.Port.Kind != PortENI {
		l.work = append(append(l.work[:0], make([]byte, etherLen)...), frame...)
		frame = l.work
	} else if len(frame) >= etherLen {
		k.EtherType = get16(frame[12:])
		if k.EtherType != etherIPv4 && k.EtherType != etherIPv6 {
			return k
		}
	}
	var p packet
	if !p.parse(frame) {
		return k
	}
	k.Source, k.Dest, k.Protocol = p.src.netip(), p.dst.netip(), p.proto
	k.SPort, k.DPort = p.sport, p.dport
	return k
}

// Take returns the flows since the last Take, in order of their first packets.
func (l *FlowLog) Take() []Flow {
	all := make([]Flow, 0, len(l.flows))
	for _, f := range l.flows {
		all = append(all, *f)
	}
	l.flows = nil
	slices.SortFunc(all, func(a, b Flow) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Port.ENI, b.Port.ENI), cmp.Compare(a.Direction, b.Direction),
			a.Source.Compare(b.Source), a.Dest.Compare(b.Dest), cmp.Compare(a.SPort, b.SPort), cmp.Compare(a.DPort, b.DPort))
	})
	return all
}
