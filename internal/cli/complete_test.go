// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"macaw.example/internal/terminal"
)

// Commands complete those nodes that they are for.
func TestCompleteNodes(t *testing.T) {
	file := writeFile(t, "cloud.yaml", awsFile+`provider: {addresses: 2}
nodes:
  - {name: ctl, roles: [controller]}
  - {name: gw, roles: [gateway], count: 2}
  - {name: cmp, roles: [compute], count: 2}
`)
	for command, want := range map[string]string{
		"node drain": "cmp-1 cmp-2 gw-1 gw-2", "node enable": "cmp-1 cmp-2 gw-1 gw-2", "node evacuate": "cmp-1 cmp-2",
		"gateway prefer": "gw-1 gw-2", "agent status": "gw-1 gw-2", "agent off": "gw-1 gw-2",
		"ssh": "cmp-1 cmp-2 ctl gw-1 gw-2",
	} {
		var out, errs bytes.Buffer
		a := &App{Terminal: terminal.New(&out, &errs)}
		args := append(append([]string{"__complete"}, strings.Fields(command)...), file, "")
		if status := a.Main(a.Root(), args); status != 0 {
			t.Errorf("%s: status %d: %s", command, status, &errs)
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			if !strings.HasPrefix(line, ":") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s completes %q, want %q", command, got, want)
		}
	}
}

// No two commands answer to one name.
func TestCommandNames(t *testing.T) {
	var out bytes.Buffer
	a := &App{Terminal: terminal.New(&out, &out)}
	seen := map[string]string{}
	for _, cmd := range a.Root().Commands() {
		for _, name := range append([]string{cmd.Name()}, cmd.Aliases...) {
			if seen[name] != "" {
				t.Errorf("%s is both %s and %s", name, seen[name], cmd.Name())
			}
			seen[name] = cmd.Name()
		}
	}
}
