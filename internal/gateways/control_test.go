// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"strings"
	"testing"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/ovn"
)

func TestLeft(t *testing.T) {
	order := []string{"gw-2", "gw-1"}
	on := func(node string) nodeapi.Gateways {
		return nodeapi.Gateways{Routers: []nodeapi.GatewayRouter{{ID: "r", Node: node, Order: order}}}
	}
	for name, test := range map[string]struct {
		node          string
		now           nodeapi.Gateways
		wish          ovn.Wish
		waiting, fail string
	}{
		"moved":                       {"gw-2", on("gw-2"), ovn.Wish{}, "", ""},
		"not yet moved":               {"gw-2", on("gw-1"), ovn.Wish{Prefer: "gw-2"}, "router r is on gw-1", ""},
		"moved, and not yet noted":    {"gw-2", on("gw-2"), ovn.Wish{Prefer: "gw-2"}, "routers are being moved", ""},
		"the keeper has given up":     {"gw-2", on("gw-1"), ovn.Wish{}, "", "moving routers to gw-2: router r is on gw-1"},
		"arrived, and let go of":      {"gw-2", on(""), ovn.Wish{}, "router r is on no node", ""},
		"spread":                      {"", on("gw-1"), ovn.Wish{}, "", ""},
		"drained, and still there":    {"gw-1", on("gw-1"), ovn.Wish{Drained: []string{"gw-1"}}, "router r is on gw-1", ""},
		"drained, and gone":           {"gw-1", on("gw-2"), ovn.Wish{Drained: []string{"gw-1"}}, "", ""},
		"drained, and on its way":     {"gw-1", on(""), ovn.Wish{Drained: []string{"gw-1"}}, "", ""},
		"no router has several nodes": {"gw-2", nodeapi.Gateways{}, ovn.Wish{}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			waiting, err := left(test.node, test.now, test.wish)
			if waiting != test.waiting {
				t.Errorf("waits for %q, want %q", waiting, test.waiting)
			}
			if (err != nil) != (test.fail != "") || err != nil && !strings.Contains(err.Error(), test.fail) {
				t.Errorf("error %v, want %q", err, test.fail)
			}
		})
	}
}
