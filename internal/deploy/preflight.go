// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"

	"macaw.example/internal/host"
	"macaw.example/internal/preflight"
)

// Preflight makes all checks of the account that up makes, and nothing else. For a lab that is down
// there is nothing to check.
func (d *Deployment) Preflight(ctx context.Context) (checks []preflight.Check, err error) {
	if err := d.connect(ctx, false); err != nil {
		return nil, err
	}
	if d.down {
		return nil, errors.New("the lab is down, and has no account to check")
	}
	key, err := host.PlanKey(d.Home.key(d.Cloud.Name))
	if err != nil {
		return nil, err
	}
	err = d.await(phaseInfra, seeStep, func() error {
		s, err := d.survey(ctx, host.AuthorizedKey(key))
		checks = s.checks
		return err
	})
	return checks, err
}
