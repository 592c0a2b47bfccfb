// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"

	"macaw.example/internal/ovn"
	"macaw.example/internal/supervise"
)

// watchTunnels keeps the nodes whose tunnels are up until ctx is done.
func (a *agent) watchTunnels(ctx context.Context) {
	supervise.Run(ctx, a.time.retry, func() error {
		defer a.health.tunnels.Store(nil)
		return a.watchOVS(ctx, func(up []string) { a.health.tunnels.Store(&up) })
	}, nil) // Open vSwitch comes later, and restarts
}

// watchSwitch is the watch of this node's Open vSwitch.
func watchSwitch(ctx context.Context, changed func(up []string)) error {
	return ovn.WatchTunnels(ctx, ovn.Remote{Endpoint: ovn.SwitchSocket}, changed)
}
