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

// NameOwners sets the names of what has a report's addresses. The report itself has only IDs, so that the
// agent need not ask Nova and Keystone. After an error the IDs remain.
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
	owners, err := neutron.Provider{Client: client, Network: cfg.Network}.Owners(ctx)
	if err != nil {
		return err
	}
	name(r, owners)
	return nil
}

func name(r *nodeapi.Report, owners map[string]string) {
	for i, a := range r.Addresses {
		id := a.ID
		if a.Kind == neutron.KindRouter {
			id = a.Router
		}
		r.Addresses[i].Name = owners[id]
	}
}
