// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"strings"
	"testing"
)

func TestEvacuate(t *testing.T) {
	const head, nodes = "name: first\ntarget: lab\n", "nodes:\n- {name: gw, roles: [controller, gateway]}\n" +
		"- {name: cmp, roles: [compute], count: 2}\n"
	for text, want := range map[string]bool{
		head + nodes:                        false,
		head + "evacuate: manual\n" + nodes: false,
		head + "evacuate: auto\n" + nodes:   true,
	} {
		c, err := Parse("x.yaml", []byte(text))
		if err != nil || c.Evacuate != want {
			t.Errorf("%s: %v, %v", text, c, err)
		}
	}
	for text, want := range map[string]string{
		head + "evacuate: aut\n" + nodes:  `x.yaml:3:11: evacuate: "aut" is neither manual nor auto`,
		head + "evacuate: true\n" + nodes: "x.yaml:3:11: evacuate: ",
		head + "evacuate: auto\n":         "x.yaml:3:11: evacuate: auto needs two compute nodes",
	} {
		if _, err := Parse("x.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
