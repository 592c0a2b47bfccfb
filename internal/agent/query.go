// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"macaw.example/internal/neutron"
)

// answer is the result of a query of Neutron.
type answer struct {
	asked     time.Time     // when the query began
	neutron   neutronClient // for the next query; nil: log in anew
	addresses []neutron.Address
	err       error
}

// query asks Neutron for the addresses. It runs beside the agent's loop, and always
// returns: soon after queryTimeout even if the client does not.
func (a *agent) query(ctx context.Context, c neutronClient) answer {
	ctx, cancel := context.WithTimeout(ctx, a.time.queryTimeout)
	defer cancel()
	answers, asked := make(chan answer, 1), time.Now()
	go func() { answers <- a.list(ctx, c) }()
	late := time.NewTimer(a.time.queryTimeout + a.time.retry)
	defer late.Stop()
	select {
	case got := <-answers:
		got.asked = asked
		return got
	case <-late.C:
		return answer{err: fmt.Errorf("querying Neutron: no answer within %s", a.time.queryTimeout)}
	}
}

func (a *agent) list(ctx context.Context, c neutronClient) answer {
	if c == nil {
		var err error
		if c, err = a.connect(ctx, a.cfg); err != nil {
			return answer{err: err}
		}
	}
	addresses, err := c.ProviderAddresses(ctx)
	if err != nil && !errors.Is(err, neutron.ErrNoNetwork) {
		c = nil // password or catalog may have changed
	}
	return answer{neutron: c, addresses: addresses, err: err}
}
