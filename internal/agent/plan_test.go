// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/registrar"
	"macaw.example/internal/translate"
)

// twoGateways is the configuration of the second of two.
var (
	oneGateway  = Config{Node: "gw-1", Gateways: []string{"gw-1"}}
	firstOfTwo  = Config{Node: "gw-1", Gateways: []string{"gw-1", "gw-2"}}
	secondOfTwo = Config{Node: "gw-2", Gateways: []string{"gw-1", "gw-2"}}
)

func bound(a neutron.Address, host string) neutron.Address {
	a.Host = host
	return a
}

func tagged(a neutron.Address, tags ...string) neutron.Address {
	a.Tags = tags
	return a
}

func TestHere(t *testing.T) {
	idle := neutron.Address{Addr: addr12, Kind: neutron.KindFloating}
	for _, c := range []struct {
		name               string
		address            neutron.Address
		one, first, second bool
	}{
		{"idle floating IP", idle, true, true, false},
		{"router that is bound nowhere", router(addr10, mac1), true, false, false},
		{"router on the first", bound(router(addr10, mac1), "gw-1"), true, true, false},
		{"router on the second", bound(router(addr10, mac1), "gw-2"), false, false, true},
		{"floating IP of a router on the second", bound(floating(addr10, mac1), "gw-2"), false, false, true},
	} {
		got := []bool{oneGateway.here(c.address), firstOfTwo.here(c.address), secondOfTwo.here(c.address)}
		if d := cmp.Diff([]bool{c.one, c.first, c.second}, got); d != "" {
			t.Errorf("%s: on one, first and second gateway (-want +got):\n%s", c.name, d)
		}
	}
}

func TestWants(t *testing.T) {
	r := bound(router(addr10, mac1), "gw-1")
	r.Router = "r1"
	got := wants(firstOfTwo, []neutron.Address{
		r,
		bound(tagged(floating(addr11, mac1), "blue", "elastic-ip-policy=none"), "gw-2"),
		tagged(floating(addr12, mac1), "elastic-ip-policy=often"),
		tagged(router(foreign, mac1), "elastic-ip-policy=none"),
		tagged(floating(primary, mac1), "elastic-ip-policy=pool"),
	})
	want := []registrar.Want{
		{Addr: addr10, Owner: "router r1", Here: true},
		{Addr: addr11, Policy: model.ElasticIPsNone, Owner: "floating IP f-10.20.1.11", FloatingIP: "f-10.20.1.11"},
		{Addr: addr12, Owner: "floating IP f-10.20.1.12", FloatingIP: "f-10.20.1.12", Here: true},
		{Addr: foreign, Owner: "router "}, // only a floating IP's owner may ask
		// There is no pool.
		{Addr: primary, Owner: "floating IP f-10.20.1.4", FloatingIP: "f-10.20.1.4", Here: true},
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Errorf("wants (-want +got):\n%s", d)
	}
}

func TestPolicyOfAFloatingIP(t *testing.T) {
	for _, c := range []struct {
		cloud model.ElasticIPPolicy
		pool  []string
		tag   string
		want  model.ElasticIPPolicy
		code  model.Code
	}{
		{model.ElasticIPsOnDemand, nil, "none", model.ElasticIPsNone, ""},
		{model.ElasticIPsOnDemand, nil, "on-demand", "", ""},
		{model.ElasticIPsOnDemand, nil, "pool", "", notGranted},
		{model.ElasticIPsOnDemand, []string{"eipalloc-1"}, "pool", model.ElasticIPsPool, ""},
		{model.ElasticIPsNone, []string{"eipalloc-1"}, "pool", model.ElasticIPsPool, ""},
		{model.ElasticIPsNone, nil, "on-demand", "", notGranted},
		{model.ElasticIPsPool, []string{"eipalloc-1"}, "all", "", notGranted},
		{model.ElasticIPsAll, nil, "sometimes", "", unknownPolicy},
	} {
		got, finding := policy(Config{Policy: c.cloud, Pool: c.pool},
			tagged(floating(addr10, mac1), "elastic-ip-policy="+c.tag))
		code := model.Code("")
		if finding != nil {
			code = finding.Code
		}
		if got != c.want || code != c.code {
			t.Errorf("cloud %s with pool %v, tag %s: %q %q, want %q %q", c.cloud, c.pool, c.tag, got, code, c.want,
				c.code)
		}
	}
}

func TestPlan(t *testing.T) {
	idle := neutron.Address{Addr: addr12, Kind: neutron.KindFloating}
	down := router(addr11, mac1)
	down.Active = false
	registered := map[netip.Addr]model.MAC{addr10: eni1, addr11: eni2, addr12: eni1}
	for _, c := range []struct {
		name    string
		config  Config
		wanted  []neutron.Address
		entries []translate.Entry
		refused []neutron.Address
	}{
		{"nothing", oneGateway, nil, []translate.Entry{}, nil},
		{"two on two ENIs", oneGateway, []neutron.Address{router(addr10, mac1), router(addr11, mac2)},
			[]translate.Entry{entry(addr10, mac1), {Addr: addr11, MAC: mac2, ENI: eni2}}, nil},
		{"idle and down", oneGateway, []neutron.Address{idle, down}, []translate.Entry{}, nil},
		{"not registered", oneGateway, []neutron.Address{router(foreign, mac1)}, []translate.Entry{},
			[]neutron.Address{router(foreign, mac1)}},
		{"elsewhere", firstOfTwo, []neutron.Address{bound(router(addr10, mac1), "gw-2"),
			bound(router(foreign, mac1), "gw-2")}, []translate.Entry{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries, refused := plan(c.config, c.wanted, registered, nil)
			if d := cmp.Diff(c.entries, entries, byValue); d != "" {
				t.Errorf("entries (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.refused, refused, byValue); d != "" {
				t.Errorf("refused (-want +got):\n%s", d)
			}
		})
	}
}

func TestFloatingIPStatuses(t *testing.T) {
	addresses := []neutron.Address{
		router(addr10, mac1),
		floating(addr11, mac1),
		floating(addr12, mac1),
		tagged(floating(foreign, mac1), "elastic-ip-policy=often"),
		bound(floating(primary, mac1), "gw-2"),
	}
	result := registrar.Result{
		Registered: map[netip.Addr]registrar.Registration{addr10: {Public: public}, addr11: {Public: public},
			addr12: {}},
		Findings: []model.Finding{{Addr: addr12, Code: registrar.ElasticIPQuota},
			{Addr: addr12, Code: registrar.Refused}},
	}
	want := []floatingIPStatus{
		{addresses[1], public, ""},
		{addresses[2], netip.Addr{}, "elastic-ip-quota"},
		{addresses[3], netip.Addr{}, "unknown-policy"},
	}
	if d := cmp.Diff(want, floatingIPStatuses(firstOfTwo, addresses, result), byValue,
		cmp.AllowUnexported(floatingIPStatus{})); d != "" {
		t.Errorf("statuses (-want +got):\n%s", d)
	}
}

// A finding says what helps, and is in the documentation.
func TestEveryPolicyFindingHasAHint(t *testing.T) {
	doc, err := os.ReadFile("../../docs/floating-ips.md")
	if err != nil {
		t.Fatal(err)
	}
	for tag, code := range map[string]model.Code{"elastic-ip-policy=gold": unknownPolicy,
		"elastic-ip-policy=all": notGranted} {
		a := floating(addr10, mac1)
		a.Tags = []string{tag}
		_, f := policy(Config{Policy: model.ElasticIPsOnDemand}, a)
		if f == nil || f.Code != code || f.Hint == "" || !strings.Contains(string(doc), "| `"+string(code)+"` |") {
			t.Errorf("%s: finding %+v, want %s with a hint, and documented", tag, f, code)
		}
	}
}
