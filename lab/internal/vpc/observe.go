// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// Event is a frame at a port and what the fabric made of it. A frame from one
// ENI to another is two: the egress of the one and the ingress of the other.
type Event struct {
	Time      time.Time
	Port      Port
	Direction Direction
	// Reason is why the frame went no further; ReasonNone if it was passed on,
	// answered or handed over.
	Reason Reason
	// Length of the frame in bytes. Frame is its beginning, and bare IP at ports
	// other than an ENI's.
	Length int
	Frame  []byte
}

// Summary says in a line what the frame shows: MACs, addresses, protocol, ports.
func (e Event) Summary() string { return summarize(e.Frame, e.Port.Kind != PortENI) }

// Observation says which events an Observer is shown. The zero value stands for
// all of them, with whole frames.
type Observation struct {
	// Port, unless it is the zero Port, is the only one.
	Port Port
	// DropsOnly leaves out what was passed on.
	DropsOnly bool
	// Snap is how many bytes of a frame are kept; 0 for all.
	Snap int
	// Buffer is how many events may wait, 4,096 unless given.
	Buffer int
}

// Observer is shown the events of a fabric from when it was made until Close. It
// never holds the fabric up: what it has no room for is lost to it, and counted.
type Observer struct {
	fabric *Fabric
	what   Observation
	events chan Event
	lost   atomic.Uint64
}

// Observe begins to show the fabric's events. Without observers frames cost
// nothing more.
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

// Events are in the order of each port's frames. The channel is never closed.
func (o *Observer) Events() <-chan Event { return o.events }

// Lost counts the events for which there was no room.
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

// observe shows an event to those who want it.
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
	if len(o.events) == cap(o.events) { // before the copy: a full buffer must not cost one
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

// observePassed shows what became of a frame that was not refused where it came
// in, and what was handed over because of it.
func (f *Fabric) observePassed(in Port, frame []byte, now time.Time, out *Output) {
	if f.observers.Load() == nil {
		return
	}
	if !out.refused {
		f.observe(Event{Time: now, Port: in, Direction: Egress, Length: len(frame), Frame: frame})
	}
	for _, d := range out.Deliveries {
		f.observeDelivery(d, now)
	}
}

func (f *Fabric) observeDelivery(d Delivery, now time.Time) {
	f.observe(Event{Time: now, Port: d.To, Direction: Ingress, Length: len(d.Frame), Frame: d.Frame})
}
