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

// Config configures an Injector.
type Config struct {
	// File stores the plan between runs. If empty, the plan is kept in memory.
	File string
	Log  *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// World is the lab state that faults with a target need. *ec2.State implements it.
type World interface {
	Instances() []ec2.Instance
	Topology() vpc.Topology
	Zones() []string
	SubnetsIn(zone string) []string
	InstancesIn(zone string) []string
	NotifySpot(instanceID string, n ec2.SpotNotice, on bool) error
}

// Power switches machines without involving their operating system. Switching to the
// current state does nothing.
type Power interface {
	PowerOff(ctx context.Context, instanceID string) error
	PowerOn(ctx context.Context, instanceID string) error
}

// Injector carries out a plan, which may change at any time. Its methods are safe for
// concurrent use.
type Injector struct {
	cfg Config

	change sync.Mutex // held while the plan is changed and applied

	mu       sync.Mutex
	plan     Plan
	draws    map[string]uint64 // number of draws, by fault and action
	buckets  map[string]*bucket
	fabric   *fabric
	metadata map[string]time.Time // time of the state last shown, by ENI
	world    World
	power    Power
}

// New makes an Injector with the stored plan, if there is one.
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

// Bind sets the targets of the faults, and applies the stored plan to them.
func (i *Injector) Bind(ctx context.Context, w World, p Power) error {
	i.mu.Lock()
	i.world, i.power = w, p
	i.mu.Unlock()
	var errs []error
	for _, id := range i.dead() {
		errs = append(errs, p.PowerOff(ctx, id))
	}
	i.notifySpot(nil, i.List().Faults)
	i.retell()
	return errors.Join(errs...)
}

// reset restarts the draws.
func (i *Injector) reset() {
	i.draws, i.buckets, i.metadata = map[string]uint64{}, map[string]*bucket{}, map[string]time.Time{}
}

// List returns the plan.
func (i *Injector) List() Plan {
	i.mu.Lock()
	defer i.mu.Unlock()
	p := i.plan
	p.Faults = slices.Clone(p.Faults)
	return p
}

// SetSeed makes draws repeatable from now on.
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

// known refuses a target that does not exist.
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
	case SpotRebalance, SpotInterruption:
		return spotTarget(w, f.Target)
	case NICDown, PPSAllowance:
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

// alter changes the plan, stores it, and applies the difference.
func (i *Injector) alter(ctx context.Context, change func(Plan) (Plan, error)) error {
	i.change.Lock()
	defer i.change.Unlock()
	before, faults := i.dead(), i.List().Faults
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
	i.notifySpot(faults, p.Faults)
	i.retell()
	return i.repower(ctx, before, i.dead())
}

// repower switches machines according to the changed plan. A machine that EC2 does not
// report as running stays as it is.
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

// dead returns the instances without power.
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

// Impaired tells whether an instance has no power, whatever state EC2 reports.
func (i *Injector) Impaired(instanceID string) bool { return slices.Contains(i.dead(), instanceID) }

// ZoneDown tells whether an availability zone has no power.
func (i *Injector) ZoneDown(zone string) bool {
	return slices.ContainsFunc(i.List().all(ZoneDown), func(f Fault) bool { return f.Target == zone })
}

// dice returns random numbers that depend only on the seed, the fault, the action, and the
// number of earlier draws for them. The caller holds the lock.
func (i *Injector) dice(fault, action string) *rand.Rand {
	key := fault + " " + action
	h := fnv.New64a()
	h.Write([]byte(key))
	h.Write(binary.BigEndian.AppendUint64(nil, i.draws[key]))
	i.draws[key]++
	return rand.New(rand.NewPCG(i.plan.Seed, h.Sum64()))
}

// between draws a duration between the fault's Min and Max.
func (f Fault) between(r *rand.Rand) time.Duration {
	return time.Duration(f.Min) + time.Duration(r.Int64N(int64(f.Max-f.Min)+1))
}

// write replaces a file atomically: after a crash it has the old or the new content.
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
