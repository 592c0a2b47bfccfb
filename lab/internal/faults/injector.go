// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/statefile"
	"macaw.example/lab/internal/vpc"
)

// Config is what an Injector is made of.
type Config struct {
	// File is where the plan is kept between runs. Empty keeps it in memory.
	File string
	Log  *slog.Logger
	// Now is the clock, time.Now unless given.
	Now func() time.Time
}

// World is what faults with a target must know of the lab. *ec2.State is one.
type World interface {
	Instances() []ec2.Instance
	Topology() vpc.Topology
	Zones() []string
	SubnetsIn(zone string) []string
	InstancesIn(zone string) []string
}

// Power switches machines without asking their operating system. Switching off
// what is off, or on what is on, does nothing.
type Power interface {
	PowerOff(ctx context.Context, instanceID string) error
	PowerOn(ctx context.Context, instanceID string) error
}

// Injector carries out a plan that may change at any time. Its methods may be
// called from anywhere.
type Injector struct {
	cfg Config

	change sync.Mutex // held while the plan is being changed and carried out

	mu       sync.Mutex
	plan     Plan
	draws    map[string]uint64 // how often the dice of a fault and an action were cast
	buckets  map[string]*bucket
	fabric   *fabric
	metadata map[string]time.Time // how old what was shown to an ENI is
	world    World
	power    Power
}

// New makes an Injector with the plan in its file, if there is one.
func New(cfg Config) (*Injector, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	i := &Injector{cfg: cfg, plan: Plan{Faults: []Fault{}}}
	i.reset()
	b, err := statefile.Read(cfg.File)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &i.plan); err != nil {
		return nil, fmt.Errorf("reading the plan of faults %s: %w", cfg.File, err)
	}
	return i, nil
}

// Bind tells what the faults are to act on, and carries out what of the plan
// waited for it.
func (i *Injector) Bind(ctx context.Context, w World, p Power) error {
	i.mu.Lock()
	i.world, i.power = w, p
	i.mu.Unlock()
	var errs []error
	for _, id := range i.dead() {
		errs = append(errs, p.PowerOff(ctx, id))
	}
	i.retell()
	return errors.Join(errs...)
}

// reset begins the draws anew.
func (i *Injector) reset() {
	i.draws, i.buckets, i.metadata = map[string]uint64{}, map[string]*bucket{}, map[string]time.Time{}
}

// List is the plan.
func (i *Injector) List() Plan {
	i.mu.Lock()
	defer i.mu.Unlock()
	p := i.plan
	p.Faults = slices.Clone(p.Faults)
	return p
}

// SetSeed makes what is drawn from now on repeatable.
func (i *Injector) SetSeed(ctx context.Context, seed uint64) error {
	return i.alter(ctx, func(p Plan) (Plan, error) {
		i.reset()
		p.Seed = seed
		return p, nil
	})
}

// Set turns a fault on.
func (i *Injector) Set(ctx context.Context, f Fault) error {
	if err := i.known(f); err != nil {
		return err
	}
	return i.alter(ctx, func(p Plan) (Plan, error) { return p.Set(f) })
}

// Clear turns faults off, as Plan.Clear does.
func (i *Injector) Clear(ctx context.Context, name, which string) error {
	return i.alter(ctx, func(p Plan) (Plan, error) { return p.Clear(name, which) })
}

// known refuses a target that is not there.
func (i *Injector) known(f Fault) error {
	w, _ := i.bound()
	if w == nil || f.Target == "" {
		return nil
	}
	switch f.Name {
	case PowerOff:
		if !slices.ContainsFunc(w.Instances(), func(o ec2.Instance) bool { return o.ID == f.Target }) {
			return fmt.Errorf("there is no instance %s", f.Target)
		}
	case NICDown:
		if !slices.ContainsFunc(w.Topology().ENIs, func(e vpc.ENI) bool { return e.ID == f.Target }) {
			return fmt.Errorf("there is no network interface %s", f.Target)
		}
	case ZoneDown:
		if !slices.Contains(w.Zones(), f.Target) {
			return fmt.Errorf("there is no availability zone %s: want one of %v", f.Target, w.Zones())
		}
	}
	return nil
}

// alter changes the plan, writes it down, and carries the difference out.
func (i *Injector) alter(ctx context.Context, change func(Plan) (Plan, error)) error {
	i.change.Lock()
	defer i.change.Unlock()
	before := i.dead()
	i.mu.Lock()
	p, err := change(i.plan)
	if err == nil {
		err = write(i.cfg.File, p)
	}
	if err == nil {
		i.plan = p
	}
	i.mu.Unlock()
	if err != nil {
		return err
	}
	i.retell()
	return i.repower(ctx, before, i.dead())
}

// repower switches machines as the plan has become. One that EC2 no longer calls
// running stays as it is.
func (i *Injector) repower(ctx context.Context, before, now []string) error {
	w, power := i.bound()
	if power == nil {
		return nil
	}
	var errs []error
	for _, id := range now {
		if !slices.Contains(before, id) {
			errs = append(errs, power.PowerOff(ctx, id))
		}
	}
	running := w.Instances()
	for _, id := range before {
		is := slices.ContainsFunc(running, func(o ec2.Instance) bool { return o.ID == id && o.State == "running" })
		if is && !slices.Contains(now, id) {
			errs = append(errs, power.PowerOn(ctx, id))
		}
	}
	return errors.Join(errs...)
}

func (i *Injector) bound() (World, Power) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.world, i.power
}

// dead are the instances without power.
func (i *Injector) dead() []string {
	w, _ := i.bound()
	p := i.List()
	var ids []string
	for _, f := range p.Faults {
		switch {
		case f.Name == PowerOff:
			ids = append(ids, f.Target)
		case f.Name == ZoneDown && w != nil:
			ids = append(ids, w.InstancesIn(f.Target)...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Impaired says that an instance has no power, whatever EC2 calls it.
func (i *Injector) Impaired(instanceID string) bool { return slices.Contains(i.dead(), instanceID) }

// ZoneDown says that an availability zone has no power.
func (i *Injector) ZoneDown(zone string) bool {
	return slices.ContainsFunc(i.List().all(ZoneDown), func(f Fault) bool { return f.Target == zone })
}

// dice are random numbers that depend on the seed, the fault, the action, and
// how often they were asked for, and on nothing else. The caller holds the
// lock.
func (i *Injector) dice(fault, action string) *rand.Rand {
	key := fault + " " + action
	h := fnv.New64a()
	h.Write([]byte(key))
	h.Write(binary.BigEndian.AppendUint64(nil, i.draws[key]))
	i.draws[key]++
	return rand.New(rand.NewPCG(i.plan.Seed, h.Sum64()))
}

// between draws a time of a fault.
func (f Fault) between(r *rand.Rand) time.Duration {
	return time.Duration(f.Min) + time.Duration(r.Int64N(int64(f.Max-f.Min)+1))
}

// write replaces a file as a whole, so that a crash leaves the old one or the
// new one.
func write(file string, p Plan) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := statefile.Write(file, b); err != nil {
		return fmt.Errorf("keeping the plan of faults: %w", err)
	}
	return nil
}
