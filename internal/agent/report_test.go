// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/registrar"
)

func TestReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.json")
	r := newReporter(path, "gw-1", fakeNICs{}, slog.New(slog.DiscardHandler))
	finding := model.Finding{Addr: addr11, Code: registrar.ElasticIPQuota, Text: `there is "addresses":[] in it`}
	good := outcome{addresses: []neutron.Address{bound(router(addr10, mac1), "gw-1"),
		bound(floating(addr11, mac1), "gw-2")},
		result: registrar.Result{
			Registered: map[netip.Addr]registrar.Registration{addr10: {ENI: "eni-1",
				Public: netip.MustParseAddr("198.51.100.7")}},
			ENIs:     []registrar.ENI{{ID: "eni-1", Limit: 30, Addresses: []netip.Addr{addr10}}},
			Findings: []model.Finding{finding}}}
	want := nodeapi.Report{
		ENIs: []nodeapi.ENI{{ID: "eni-1", Addresses: 1, Limit: 29}},
		Addresses: []nodeapi.Address{
			{Addr: addr10, Kind: neutron.KindRouter, Host: "gw-1", Here: true, ENI: "eni-1",
				Public: netip.MustParseAddr("198.51.100.7")},
			{Addr: addr11, Kind: neutron.KindFloating, Host: "gw-2"},
		},
		Findings: []model.Finding{finding},
	}
	for _, c := range []struct {
		name string
		o    outcome
		want nodeapi.Report
	}{
		{"nothing yet", outcome{err: errors.New("no answer")}, nodeapi.Report{Addresses: []nodeapi.Address{}}},
		{"an answer", good, want},
		{"none after one: the addresses stay", outcome{err: errors.New("no answer"),
			result: registrar.Result{Findings: good.result.Findings}}, want},
	} {
		r.reconciled(firstOfTwo, c.o)
		got, err := readReport(path)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		ignore := cmp.Options{cmpopts.IgnoreTypes(nodeapi.Contact{}), cmpopts.EquateComparable(netip.Addr{}),
			cmpopts.IgnoreFields(nodeapi.Address{}, "ID", "Router", "Project")}
		if d := cmp.Diff(&c.want, got, ignore); d != "" {
			raw, _ := json.Marshal(got)
			t.Errorf("%s (-want +got):\n%s\n%s", c.name, d, raw)
		}
	}
}

// An address shows the name of what has it, and the ID if that has none.
func TestOwnersInReport(t *testing.T) {
	r := &nodeapi.Report{Addresses: []nodeapi.Address{
		{Kind: neutron.KindRouter, ID: "gw1", Router: "r1"}, {Kind: neutron.KindRouter, ID: "gw2", Router: "r2"},
		{Kind: neutron.KindFloating, ID: "fip1", Router: "r1"}, {Kind: neutron.KindFloating, ID: "fip2"},
		{Kind: neutron.KindPort, ID: "vm"}, {Kind: neutron.KindPort, ID: "vip"},
	}}
	r.SetOwners(map[string]string{"r1": "router edge", "fip1": "router edge", "vm": "project demo", "vip": "port vip"})
	r.SetOwners(map[string]string{"fip1": "server shop"}) // what another node knows, besides
	var got []string
	for _, a := range r.Addresses {
		got = append(got, a.Owner())
	}
	want := []string{"router edge", "router r2", "floating IP of server shop", "floating IP fip2", "port of project demo",
		"port vip"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
