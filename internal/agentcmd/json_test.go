// SPDX-License-Identifier: Apache-2.0

package agentcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"macaw.example/internal/jsonstyle"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

func TestJSONStyle(t *testing.T) {
	for _, problem := range jsonstyle.Problems(switched{}, agreed{}, nodeapi.Status{}, nodeStatus{}) {
		t.Error(problem)
	}
}

// On and off print the mode that they have set.
func TestSwitch(t *testing.T) {
	for _, tt := range []struct{ command, output, want string }{
		{"on", "text", "Translation: on\n"},
		{"off", "text", "Translation: off: frames pass untouched"},
		{"off", "json", `"mode": "off"`},
	} {
		var out bytes.Buffer
		c := &Commands{Terminal: terminal.New(&out, &out), Name: "macaw agent"}
		c.Output = tt.output
		c.Find = func([]string) ([]Gateway, error) { return []Gateway{{Agent: &fakeAgent{}}}, nil }
		for _, cmd := range c.All() {
			if cmd.Name() != tt.command {
				continue
			}
			cmd.SetContext(context.Background())
			if err := cmd.RunE(cmd, nil); err != nil || !strings.Contains(out.String(), tt.want) {
				t.Errorf("%s: %v, printed %q", tt.command, err, &out)
			}
		}
	}
}

// With several gateways each is shown under its name, also if another one does not answer.
func TestSeveralGateways(t *testing.T) {
	dead := &fakeAgent{silent: errors.New("no route")}
	for _, tt := range []struct{ command, output, want string }{
		{"on", "text", "Translation of gw-1: on\nTranslation of gw-3: on\n"},
		{"off", "json", `[{"node":"gw-1","mode":"off"},{"node":"gw-3","mode":"off"}]`},
		{"status", "text", "Node gw-1\nTranslation: on\n"},
		{"status", "text", "Node gw-2\nIt does not answer, see below.\n"},
		{"status", "json", `[{"node":"gw-1","mode":"translate","entries":[],"report":`},
		{"status", "json", `{"node":"gw-2","error":"no route"}`},
	} {
		var out, compact bytes.Buffer
		c := &Commands{Terminal: terminal.New(&out, &out), Name: "macaw agent"}
		c.Output = tt.output
		c.Find = func([]string) ([]Gateway, error) {
			return []Gateway{{"gw-1", &fakeAgent{}}, {"gw-2", dead}, {"gw-3", &fakeAgent{}}}, nil
		}
		for _, cmd := range c.All() {
			if cmd.Name() != tt.command {
				continue
			}
			cmd.SetContext(context.Background())
			err := cmd.RunE(cmd, nil)
			if err == nil || !strings.Contains(err.Error(), "node gw-2: no route") {
				t.Errorf("%s: %v", tt.command, err)
			}
			got := out.String()
			if tt.output == "json" {
				if err := json.Compact(&compact, out.Bytes()); err != nil {
					t.Errorf("%s: %v: %s", tt.command, err, got)
				}
				got = compact.String()
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("%s as %s: %s", tt.command, tt.output, got)
			}
		}
	}
}
