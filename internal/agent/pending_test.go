// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/netip"
	"testing"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/translate"
)

func TestPendingAddresses(t *testing.T) {
	cfg := Config{Range: []netip.Prefix{netip.PrefixFrom(addr10, 32)}}
	begin := time.Unix(0, 0)
	p := newPendingAddresses()
	add := func(a netip.Addr, m model.MAC, after time.Duration) bool {
		return p.add(cfg, nil, translate.Event{Addr: a, MAC: m}, begin.Add(after))
	}
	queried := func(c Config, after time.Duration, addresses ...neutron.Address) int {
		return p.queried(c, addresses, begin.Add(after))
	}
	if add(foreign, mac1, 0) {
		t.Error("a query for an address that is not the cloud's")
	}
	if !add(addr10, mac1, 0) || add(addr10, mac1, time.Second) {
		t.Error("want one query for a binding")
	}
	if !add(addr10, mac2, 2*time.Second) {
		t.Error("another MAC is another binding")
	}
	for i := 1; i < maxQueries; i++ {
		if got := queried(oneGateway, 3*time.Second, router(addr10, mac1)); got != i {
			t.Errorf("queries of the least queried binding: %d, want %d", got, i)
		}
	}
	if got := queried(Config{}, 20*time.Second); got != 0 {
		t.Errorf("another query, of a binding with %d, after the last", got)
	}
	if add(addr10, mac2, 30*time.Second) || !add(addr10, mac2, 63*time.Second) {
		t.Error("want no query for a minute")
	}
	if got := queried(oneGateway, 63*time.Second, router(addr10, mac2)); got != 0 || len(p.bindings) != 1 {
		t.Errorf("another query, of a binding with %d, when Neutron has it; left %v", got, p.bindings)
	}
	if add(addr10, mac2, 64*time.Second) {
		t.Error("a query for what AWS has not done yet")
	}
	p.resolve([]translate.Entry{entry(addr10, mac1)})
	if len(p.bindings) != 1 {
		t.Error("resolved by another MAC")
	}
	p.resolve([]translate.Entry{entry(addr10, mac2)})
	if len(p.bindings) != 0 || !add(addr10, mac2, 65*time.Second) {
		t.Error("translated and gone again: want another query")
	}
}
