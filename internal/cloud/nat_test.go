// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"strings"
	"testing"
)

func TestNAT(t *testing.T) {
	const head, nodes = "name: first\ntarget: lab\n", "nodes:\n- {name: gw, roles: [controller, gateway]}\n" +
		"- {name: cmp, roles: [compute]}\n"
	for _, tt := range []struct {
		text          string
		gateway, uses bool
	}{
		{head + nodes, false, false},
		{head + "management: {nat: instance}\n" + nodes, false, false},
		{head + "management: {nat: gateway}\n" + nodes, true, true},
		// Without private nodes it waits for the first one: taking the last one away for a while, and bringing it
		// back, needs no other change of the file.
		{head + "management: {nat: gateway}\n", true, false},
	} {
		c, err := Parse("x.yaml", []byte(tt.text))
		if err != nil || c.Management.NATGateway != tt.gateway || c.UsesNATGateway() != tt.uses {
			t.Errorf("%s: %+v, %v", tt.text, c, err)
		}
	}
	const ten = "- {name: g, roles: [gateway], count: 10}\n"
	for text, want := range map[string]string{
		"management: {nat: gatway}\n" + nodes: `x.yaml:3:19: management.nat: "gatway" is neither instance nor gateway` +
			"\n    hint: did you mean \"gateway\"?",
		"management: {nat: true}\n" + nodes: "x.yaml:3:19: management.nat: ",
		"management: {nat: []}\n" + nodes:   "x.yaml:3:19: management.nat: ",
		// A /28 has room for eleven.
		"management: {subnet: 10.0.0.0/28, nat: gateway}\n" + nodes + ten: "x.yaml:3:22: management.subnet: 10.0.0.0/28 " +
			"has room for the 11 nodes that are controller or gateways, and for no NAT gateway beside them\n" +
			"    hint: take a larger one, or management.nat: instance",
	} {
		if _, err := Parse("x.yaml", []byte(head+text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
	full := "management: {subnet: 10.0.0.0/28}\n" + nodes + ten
	if _, err := Parse("x.yaml", []byte(head+full)); err != nil {
		t.Errorf("with a NAT instance: %v", err)
	}
}
