// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"slices"

	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/preflight"
)

// PlanResult is what up would do on AWS.
type PlanResult struct {
	*infra.Plan
	// LabUp means that the lab is down and would be brought up first.
	LabUp bool
	// Leaving are the nodes with guests that would be destroyed while the cloud goes on, after their guests have moved.
	Leaving []string
}

// Plan returns the difference between the cloud file and what AWS has. It changes nothing, and does
// not cover what runs on the nodes.
func (d *Deployment) Plan(ctx context.Context) (PlanResult, error) {
	if err := d.connect(ctx, look); err != nil {
		return PlanResult{}, err
	}
	key, err := host.PlanKey(d.Home.key(d.Cloud.Name))
	if err != nil {
		return PlanResult{}, err
	}
	res := PlanResult{LabUp: d.down}
	var checks []preflight.Check
	err = d.await(phaseInfra, seeStep, func() error {
		var s survey
		s, err = d.survey(ctx, host.AuthorizedKey(key))
		if checks = s.checks; err == nil {
			err = s.err(d.Cloud)
		}
		if res.Plan = s.plan; err == nil {
			res.Leaving = slices.DeleteFunc(d.leaving(s), func(node string) bool { return !infra.TakesGuests(s.seen, node) })
			s.plan.Cost, err = d.cost(ctx, s)
		}
		return err
	})
	if err == nil {
		d.noteUnchecked()
		if c, ok := preflight.NotAdmitted(checks); ok {
			d.note(phaseInfra, "%s; %s", c, c.Hint)
		}
	}
	return res, err
}
