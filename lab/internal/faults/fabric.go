// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"slices"
	"sync"
	"time"

	"macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/vpc"
)

// fabric delays topologies on their way to the next fabric, and marks down and limited
// interfaces in them.
type fabric struct {
	by   *Injector
	next ec2.Fabric

	mu      sync.Mutex
	pending []due         // in order of arrival
	last    *vpc.Topology // the last one passed on, as received from EC2
}

// due is a topology and the time to pass it on.
type due struct {
	at       time.Time
	topology vpc.Topology
}

// Fabric returns a fabric that applies the data plane's faults and passes on to next.
func (i *Injector) Fabric(next ec2.Fabric) ec2.Fabric {
	f := &fabric{by: i, next: next}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fabric = f
	return f
}

// SetTopology passes a topology on, now or later. The first one is passed on at once: a new
// fabric has no older topology to use meanwhile.
func (f *fabric) SetTopology(t vpc.Topology) error {
	late := f.by.lateness()
	f.mu.Lock()
	defer f.mu.Unlock()
	if late == 0 || f.last == nil {
		f.pending = nil // older
		return f.pass(t)
	}
	at := f.by.cfg.Now().Add(late)
	if n := len(f.pending); n > 0 && f.pending[n-1].at.After(at) {
		at = f.pending[n-1].at // keep the order
	}
	f.pending = append(f.pending, due{at, t})
	time.AfterFunc(at.Sub(f.by.cfg.Now()), f.arrive)
	return nil
}

// lateness draws the delay of the next topology.
func (i *Injector) lateness() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	if f, on := i.plan.one(Late); on {
		return f.between(i.dice(Late, ""))
	}
	return 0
}

// arrive passes on the newest topology that is due.
func (f *fabric) arrive() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, n := f.by.cfg.Now(), 0
	for n < len(f.pending) && !f.pending[n].at.After(now) {
		n++
	}
	if n > 0 {
		f.passed(f.pending[n-1].topology)
		f.pending = f.pending[n:]
	}
}

func (f *fabric) pass(t vpc.Topology) error {
	f.last = &t
	return f.next.SetTopology(f.by.overlay(t))
}

func (f *fabric) passed(t vpc.Topology) {
	if err := f.pass(t); err != nil {
		f.by.cfg.Log.Error("telling the fabric the topology", "err", err)
	}
}

// retell applies a changed plan to the fabric: it updates the overlay, and passes on
// delayed topologies if that fault is off.
func (i *Injector) retell() {
	i.mu.Lock()
	f := i.fabric
	_, late := i.plan.one(Late)
	i.mu.Unlock()
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch n := len(f.pending); {
	case n > 0 && !late:
		f.passed(f.pending[n-1].topology)
		f.pending = nil
	case f.last != nil:
		f.passed(*f.last)
	}
}

// overlay limits interfaces, and marks them as down: those of the plan, of zones without
// power, and of machines without power, whose kernel would otherwise keep answering.
func (i *Injector) overlay(t vpc.Topology) vpc.Topology {
	w, _ := i.bound()
	down, subnets, limits := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, f := range i.List().Faults {
		switch {
		case f.Name == NICDown:
			down[f.Target] = true
		case f.Name == PPSAllowance:
			limits[f.Target] = f.Limit
		case f.Name == ZoneDown && w != nil:
			for _, id := range w.SubnetsIn(f.Target) {
				subnets[id] = true
			}
		}
	}
	if dead := i.dead(); len(dead) > 0 && w != nil {
		for _, instance := range w.Instances() {
			for _, n := range instance.NICs {
				down[n.ENI] = down[n.ENI] || slices.Contains(dead, instance.ID)
			}
		}
	}
	if len(down)+len(subnets)+len(limits) == 0 {
		return t
	}
	t.ENIs = slices.Clone(t.ENIs)
	for n := range t.ENIs {
		e := &t.ENIs[n]
		e.Down = e.Down || down[e.ID] || subnets[e.Subnet]
		e.PacketsPerSecond = limits[e.ID]
	}
	return t
}
