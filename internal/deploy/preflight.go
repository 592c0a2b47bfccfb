// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"

	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/preflight"
	"macaw.example/internal/prices"
)

// PreflightResult is whether the account can carry a cloud, and what the cloud costs.
type PreflightResult struct {
	Identity *infra.Identity
	Checks   []preflight.Check
	Cost     *prices.Estimate
}

// Preflight makes all checks of the account that up makes, and nothing else. For a lab that is down
// there is nothing to check.
func (d *Deployment) Preflight(ctx context.Context) (res PreflightResult, err error) {
	if err := d.connect(ctx, look); err != nil {
		return res, err
	}
	if d.down {
		return res, errors.New("the lab is down, and has no account to check")
	}
	key, err := host.PlanKey(d.Home.key(d.Cloud.Name))
	if err != nil {
		return res, err
	}
	err = d.await(phaseInfra, seeStep, func() error {
		s, err := d.survey(ctx, host.AuthorizedKey(key))
		if res.Checks = s.checks; err == nil {
			res.Identity = s.plan.Identity
			res.Cost, err = d.cost(ctx, s)
		}
		return err
	})
	return res, err
}
