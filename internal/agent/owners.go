// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"time"

	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// namesWithin bounds the questions for names: a status without them is better than none.
const namesWithin = 5 * time.Second

// NameOwners sets those names of what has a report's addresses that Neutron knows: the agent's account has no role
// in Nova and Keystone. The report itself has only IDs. After an error those names are set that are known, and
// else the IDs remain.
func NameOwners(ctx context.Context, cfg Config, r *nodeapi.Report) error {
	if r == nil || len(r.Addresses) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, namesWithin, fmt.Errorf("no answer in %s", namesWithin))
	defer cancel()
	auth, err := cfg.auth()
	if err != nil {
		return err
	}
	client, err := neutron.Connect(ctx, auth)
	if err != nil {
		return err
	}
	owners, err := neutron.Provider{Client: client, Network: cfg.Network}.OwnersInNeutron(ctx)
	r.SetOwners(owners)
	return err
}
