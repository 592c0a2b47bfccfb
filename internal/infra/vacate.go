// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"macaw.example/internal/inventory"
)

// ErrOccupied reports that a cloud cannot leave its zone, because it has an instance there.
var ErrOccupied = errors.New("the cloud has an instance in this zone, with a disk that cannot leave it")

// PlanVacate returns the plan that removes what binds a cloud to its availability zone: its network
// interfaces, its NAT gateway and its subnets. PlanUp then makes them in another one. A cloud with an instance cannot
// be moved.
func PlanVacate(s inventory.Seen) (*Plan, error) {
	p := &Plan{Cloud: s.Cloud, ids: map[string]string{}}
	if slices.ContainsFunc(s.Instances, inventory.Instance.Live) {
		return nil, ErrOccupied
	}
	var interfaces []string
	for _, n := range s.Interfaces {
		interfaces = append(interfaces, n.ID)
		p.remove(n.ID, "network interface", name(n.Part)+" "+n.ID, deleteInterface(n.ID))
	}
	for _, n := range s.NATGateways {
		if !n.Deleted() {
			interfaces = append(interfaces, n.ID)
			p.remove(n.ID, "nat gateway", natName(n), deleteNATGateway(n.ID))
		}
	}
	for _, n := range s.Subnets {
		p.remove(n.ID, "subnet", name(n.Part)+" "+n.ID, deleteSubnet(n.ID), interfaces...)
	}
	return p, nil
}

// Vacate carries out PlanVacate, and returns when AWS no longer shows what it removed.
func Vacate(ctx context.Context, c Clients, s inventory.Seen, progress Progress) error {
	return vacate(ctx, c, wallClock{}, s, progress)
}

func vacate(ctx context.Context, c Clients, clock clock, s inventory.Seen, progress Progress) error {
	p, err := PlanVacate(s)
	if err != nil {
		return err
	}
	a := &applier{api: c.EC2, iam: c.IAM, clock: clock, cloud: s.Cloud, ids: map[string]string{}}
	if err := a.run(ctx, p.Actions, progress); err != nil {
		return err
	}
	return a.until(ctx, visiblePolicy, func(ctx context.Context) (bool, error) {
		now, err := inventory.See(ctx, c.EC2, c.IAM, s.Cloud)
		if err != nil {
			return ctx.Err() == nil, err
		}
		if left := len(now.Subnets) + len(now.Interfaces); left > 0 {
			return true, fmt.Errorf("AWS still shows %d of the subnets and network interfaces that were removed", left)
		}
		return false, nil
	})
}
