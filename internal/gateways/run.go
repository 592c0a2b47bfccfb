// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"macaw.example/internal/ovn"
	"macaw.example/internal/smallfile"
)

// Config has the address of each gateway node's agent, by the node's name.
type Config map[string]netip.AddrPort

// LoadConfig reads a configuration.
func LoadConfig(path string) (c Config, err error) {
	text, err := smallfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("reading the list of gateways: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("reading the list of gateways %s: %w", path, err)
	}
	return c, nil
}

// Run keeps the orders of a cloud's gateways, on its controller, until ctx is done.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	p := newProber(c)
	k := &keeper{databases: controller{}, states: p, report: writeReport, time: defaultTiming, log: log}
	var probes sync.WaitGroup
	defer probes.Wait()
	probes.Go(func() { p.run(ctx) })
	return k.run(ctx)
}

// controller has OVN's databases on this machine.
type controller struct{}

func (controller) WatchGateways(ctx context.Context, changed func(ovn.Southbound)) error {
	return ovn.WatchGateways(ctx, ovn.Remote{Endpoint: ovn.SouthboundSocket}, changed)
}

func (controller) WatchOrders(ctx context.Context, changed func(northbound, ovn.State)) error {
	return ovn.WatchOrders(ctx, ovn.Remote{Endpoint: ovn.NorthboundSocket},
		func(n ovn.Northbound, s ovn.State) { changed(n, s) })
}
