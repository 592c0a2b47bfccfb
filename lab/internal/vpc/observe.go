// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// Event is a frame at a port and the fabric's decision on it. A frame from one ENI to
// another makes two events: egress at the first and ingress at the second.
type Event struct {
	Time      time.Time
	Port      Port
	Direction Direction
	// Reason is why the frame was dropped; ReasonNone if it was passed on, answered or
	// delivered.
	Reason Reason
	// Length of the frame in bytes. Frame holds its first bytes; at ports other than an
	// ENI's it is bare IP.
	Length int
	Frame  []byte
}

// Summary describes the frame in one line: MACs, addresses, protocol, ports.
func (e Event) Summary() string { return summarize(e.Frame, e.Port.Kind != PortENI) }

// Observation selects the events for an Observer. The zero value selects all of them, with
// complete frames.
type Observation struct {
	// Port, if not the zero Port, selects that port only.
	Port Port
	// DropsOnly selects dropped frames only.
	DropsOnly bool
	// Snap is how many bytes of each frame are kept; 0 means all.
	Snap int
	// Buffer is how many events are queued; default 4,096.
	Buffer int
}

// Observer receives a fabric's events from its creation until Close. It never blocks the
// fabric: events that do not fit in its buffer are discarded and counted.
type Observer struct {
	fabric *Fabric
	what   Observation
	events chan Event
	lost   atomic.Uint64
}

// Observe starts an observation. Without observers, frames cost nothing more.
func (f *Fabric) Observe(what Observation) *Observer {
	what.Buffer = cmp.Or(what.Buffer, 4096)
	o := &Observer{fabric: f, what: what, events: make(chan Event, what.Buffer)}
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*Observer
	if now := f.observers.Load(); now != nil {
		all = append(all, *now...)
	}
	all = append(all, o)
	f.observers.Store(&all)
	return o
}

// Events returns the events, in order for each port. The channel is never closed.
func (o *Observer) Events() <-chan Event { return o.events }

// Lost counts the events discarded because the buffer was full.
func (o *Observer) Lost() uint64 { return o.lost.Load() }

// Close ends the observation.
func (o *Observer) Close() {
	f := o.fabric
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.observers.Load()
	if all == nil {
		return
	}
	left := slices.DeleteFunc(slices.Clone(*all), func(other *Observer) bool { return other == o })
	if len(left) == 0 {
		f.observers.Store(nil)
		return
	}
	f.observers.Store(&left)
}

// observe passes an event to the observers that selected it.
func (f *Fabric) observe(e Event) {
	all := f.observers.Load()
	if all == nil {
		return
	}
	for _, o := range *all {
		o.show(e)
	}
}

func (o *Observer) show(e Event) {
	if o.what.DropsOnly && e.Reason == ReasonNone || o.what.Port != (Port{}) && o.what.Port != e.Port {
		return
	}
	if len(o.events) == cap(o.events) { // before the copy: a full buffer must not cost a copy
		o.lost.Add(1)
		return
	}
	if o.what.Snap > 0 && len(e.Frame) > o.what.Snap {
		e.Frame = e.Frame[:o.what.Snap]
	}
	e.Frame = slices.Clone(e.Frame)
	select {
	case o.events <- e:
	default:
		o.lost.Add(1)
	}
}

// observePassed reports a frame that was accepted at its ingress port, and the resulting
// deliveries.
func (f *Fabric) observePassed(in Port, frame []byte, now time.Time, out *Output, deliveries []Delivery) {
	if f.observers.Load() == nil {
		return
	}
	if !out.refused {
		f.observe(Event{Time: now, Port: in, Direction: Egress, Length: len(frame), Frame: frame})
	}
	for _, d := range deliveries {
		f.observeDelivery(d, now)
	}
}

func (f *Fabric) observeDelivery(d Delivery, now time.Time) {
	framesOf(d.Frame, d.To.ipOffset(), d.GSOSize, func(frame []byte) {
		f.observe(Event{Time: now, Port: d.To, Direction: Ingress, Length: len(frame), Frame: frame})
	})
}
