// SPDX-License-Identifier: Apache-2.0

package agentcmd

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"macaw.example/internal/jsonstyle"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

func TestJSONStyle(t *testing.T) {
	for _, problem := range jsonstyle.Problems(switched{}, agreed{}, nodeapi.Status{}) {
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
		c.Find = func([]string) (Agent, error) { return &fakeAgent{}, nil }
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
