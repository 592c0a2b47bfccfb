// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"

	"macaw.example/lab/internal/ec2"
)

// machines follows EC2's lifecycle actions: a stopped and started machine is on new
// hardware, and a terminated one has no faults.
type machines struct {
	ec2.Machines
	by *Injector
}

// Machines returns machines that apply the machine faults and pass on to next.
func (i *Injector) Machines(next ec2.Machines) ec2.Machines {
	m := machines{next, i}
	if plug, ok := next.(ec2.HotPlug); ok {
		return struct {
			machines
			ec2.HotPlug
		}{m, plug}
	}
	return m
}

// Launch makes a machine, without power if its zone has none.
func (m machines) Launch(ctx context.Context, in ec2.Instance) error {
	return errors.Join(m.Machines.Launch(ctx, in), m.dark(ctx, in.ID))
}

// Start starts a machine on working hardware.
func (m machines) Start(ctx context.Context, in ec2.Instance) error {
	if err := m.forget(in.ID); err != nil {
		return err
	}
	return errors.Join(m.Machines.Start(ctx, in), m.dark(ctx, in.ID))
}

// Terminate removes a machine.
func (m machines) Terminate(ctx context.Context, id string) error {
	return errors.Join(m.Machines.Terminate(ctx, id), m.forget(id))
}

func (m machines) dark(ctx context.Context, id string) error {
	if _, power := m.by.bound(); power != nil && m.by.Impaired(id) {
		return power.PowerOff(ctx, id)
	}
	return nil
}

// forget clears a machine's own faults without switching the machine.
func (m machines) forget(id string) error {
	i := m.by
	i.mu.Lock()
	p := i.plan
	for _, name := range []string{PowerOff, SpotRebalance, SpotInterruption} {
		if without, err := p.Clear(name, id); err == nil { // else it has none
			p = without
		}
	}
	if len(p.Faults) == len(i.plan.Faults) {
		i.mu.Unlock()
		return nil
	}
	err := write(i.cfg.File, p)
	if err == nil {
		i.plan = p
	}
	i.mu.Unlock()
	i.retell()
	return err
}
